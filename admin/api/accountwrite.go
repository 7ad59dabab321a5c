package api

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/vmapd/vmapd/admin/manage"
)

// accountInput reads an account, in any of Modoboa's spellings, and hashes its
// password: that takes long, and other writers do not wait for it.
func (c *call) accountInput(required ...string) (in manage.AccountInput, err error) {
	o, err := c.object()
	if err != nil {
		return in, err
	}
	o.require(required...)
	o.ignore("pk", "tfa_enabled", "totp_enabled", "webauthn_enabled", "date_joined", "last_login", "request_id")
	in = manage.AccountInput{
		Username: o.text("username"), FirstName: o.text("first_name"), LastName: o.text("last_name"), Active: o.flag("is_active"),
		Language: o.text("language"), Phone: o.textOrNull("phone_number"), SecondaryEmail: o.textOrNull("secondary_email"),
		Password: o.textOrNull("password"), Hash: o.text("password_hash"), RandomPassword: o.flag("random_password").Value,
		MasterUser: o.flag("master_user"), Domains: o.list("domains"), Aliases: o.list("aliases"), Mailbox: o.mailbox("mailbox"),
	}
	if role := o.text("role"); role.Set {
		in.Role = manage.Some(manage.Role(role.Value))
	}
	if in.Password.Value == "" {
		in.Password.Set = false // "" and null mean that it stays
	}
	c.strictByName(o)
	if err := o.err(); err != nil {
		return in, err
	}
	return in, c.hash(&in)
}

// mailbox reads a mailbox; null is an account without one.
func (o *object) mailbox(name string) (v manage.Opt[*manage.MailboxInput]) {
	p, null, there := o.part(name)
	if p == nil {
		return manage.Opt[*manage.MailboxInput]{Set: there && null}
	}
	p.ignore("pk", "quota_usage", "sent_messages_in_percent")
	m := &manage.MailboxInput{Address: p.text("full_address"), UseDomainQuota: p.flag("use_domain_quota"), MessageLimit: p.numberOrNull("message_limit"), SendOnly: p.flag("is_send_only")}
	if raw, ok := p.get("quota"); ok && !isNull(raw) && string(raw) != `""` { // null: the domain's default
		m.Quota = p.quota("quota")
	}
	return manage.Some(m)
}

// hash makes the stored form of a password, when there is a place for it.
func (c *call) hash(in *manage.AccountInput) error {
	if !in.Password.Set && !in.RandomPassword {
		return nil
	}
	select {
	case c.hashing <- struct{}{}:
		defer func() { <-c.hashing }()
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
	return c.o.Manager().HashPassword(c.ctx, in)
}

// accountError says "mailbox" of what is wrong with the domain of a mailbox, as
// Modoboa does since it has a field of that name alone.
func (c *call) accountError(err error) error {
	var e *manage.Error
	if c.old || !errors.As(err, &e) || e.Fields["domain"] == nil {
		return err
	}
	is := *e
	is.Fields = maps.Clone(e.Fields)
	is.Fields["mailbox"] = append(is.Fields["mailbox"], e.Fields["domain"]...)
	delete(is.Fields, "domain")
	return &is
}

func createAccount(c *call) (step, error) {
	in, err := c.accountInput("username", "role")
	return func(t *manage.Tx) (*answer, error) {
		a, password, err := t.CreateAccount(in)
		if err != nil {
			return nil, c.accountError(err)
		}
		return created(withPassword(c.account(a), password)), nil
	}, err
}

func updateAccount(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	in, err := c.accountInput(c.requiredOnPut("username", "role")...)
	return func(t *manage.Tx) (*answer, error) {
		a, password, err := t.UpdateAccount(id, in)
		if err != nil {
			return nil, c.accountError(err)
		}
		return ok(withPassword(c.account(a), password)), nil
	}, err
}

func putAccount(c *call) (step, error) {
	in, err := c.accountInput("role")
	if err != nil {
		return nil, err
	}
	name, err := c.name("username", in.Username)
	return func(t *manage.Tx) (*answer, error) {
		a, password, isNew, err := t.PutAccount(name, in)
		if err != nil {
			return nil, c.accountError(err)
		}
		an := ok(withPassword(c.account(a), password))
		if isNew {
			an.status = http.StatusCreated
		}
		return an, nil
	}, err
}

// changePassword wants the old password too, but of super administrators who
// set that of others.
func changePassword(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	o, err := c.object()
	if err != nil {
		return nil, err
	}
	o.require("new_password")
	old, password := o.text("password"), o.text("new_password")
	if err := o.err(); err != nil {
		return nil, err
	}
	if !c.inBulk { // what happens elsewhere cannot be taken back
		done, err := c.o.Manager().ChangeElsewhere(c.ctx, c.caller, id, old, password.Value)
		if err != nil {
			return nil, err
		}
		if done {
			return func(t *manage.Tx) (*answer, error) { return ok(map[string]string{}), t.PasswordChanged(id) }, nil
		}
	}
	return func(t *manage.Tx) (*answer, error) {
		return ok(map[string]string{}), t.ChangePassword(id, old, password.Value)
	}, nil
}

// forward is where an account's mail goes.
type forward struct {
	Recipients []string `json:"recipients"`
	KeepCopies bool     `json:"keepcopies"`
}

func getForward(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) {
		f, err := t.Forward(id)
		if err != nil {
			return nil, err
		}
		return ok(forward{append([]string{}, f.Recipients...), f.KeepCopies}), nil
	}, err
}

// setForward takes recipients as a list, or as Modoboa does: a string with
// commas.
func setForward(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	o, err := c.object()
	if err != nil {
		return nil, err
	}
	o.require("recipients")
	f := manage.Forward{Recipients: split(o.list("recipients").Value), KeepCopies: o.flag("keepcopies").Value}
	return func(t *manage.Tx) (*answer, error) {
		if err := t.SetForward(id, f); err != nil {
			return nil, err
		}
		is, err := t.Forward(id)
		if err != nil {
			return nil, err
		}
		return ok(forward{append([]string{}, is.Recipients...), is.KeepCopies}), nil
	}, o.err()
}
