package api

import (
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// oldAccount is an account as Modoboa 1.10 shows it. Its answers to POST and PUT
// told the stored hash as well.
type oldAccount struct {
	PK             int64    `json:"pk"`
	Username       string   `json:"username"`
	FirstName      string   `json:"first_name"`
	LastName       string   `json:"last_name"`
	Active         bool     `json:"is_active"`
	Master         *bool    `json:"master_user,omitempty"` // for super administrators
	Mailbox        any      `json:"mailbox"`
	Role           string   `json:"role"`
	Language       string   `json:"language"`
	Phone          *string  `json:"phone_number"`
	SecondaryEmail *string  `json:"secondary_email"`
	Domains        []string `json:"domains"`
	Password       string   `json:"password,omitempty"` // that was made at random, told once
}

// newAccount is an account as Modoboa 2.9 shows it.
type newAccount struct {
	oldAccount
	TwoFactor bool       `json:"tfa_enabled"`
	TOTP      bool       `json:"totp_enabled"`
	WebAuthn  bool       `json:"webauthn_enabled"`
	Joined    time.Time  `json:"date_joined"`
	LastLogin *time.Time `json:"last_login"`
}

type oldMailbox struct {
	PK             int64  `json:"pk"`
	Address        string `json:"full_address"`
	UseDomainQuota bool   `json:"use_domain_quota"`
	Quota          int64  `json:"quota"`
}

type newMailbox struct {
	PK             int64  `json:"pk"`
	Address        string `json:"full_address"`
	UseDomainQuota bool   `json:"use_domain_quota"`
	Quota          string `json:"quota"` // MB
	MessageLimit   *int64 `json:"message_limit"`
	Usage          int64  `json:"quota_usage"` // percent
	SendOnly       bool   `json:"is_send_only"`
	Sent           *int64 `json:"sent_messages_in_percent"` // 0: nothing counts them; null without a limit
}

// account gives an account the shape that was asked for.
func (c *call) account(a *manage.Account) any {
	old := oldAccount{
		PK: a.ID, Username: a.Username, FirstName: a.FirstName, LastName: a.LastName, Active: a.Active, Mailbox: c.mailbox(a.Mailbox), Role: string(a.Role),
		Language: a.Language, Phone: orNull(a.Phone), SecondaryEmail: orNull(a.SecondaryEmail), Domains: append([]string{}, a.Domains...),
	}
	if c.caller.Super() {
		old.Master = &a.MasterUser
	}
	if c.old {
		return old
	}
	return newAccount{old, a.TwoFactor, a.TOTP, a.WebAuthn, a.Joined.UTC(), utc(a.LastLogin)}
}

func (c *call) mailbox(m *manage.Mailbox) any {
	switch {
	case m == nil:
		return nil
	case c.old:
		return oldMailbox{m.ID, m.Address, m.UseDomainQuota, m.Quota}
	}
	box := newMailbox{
		PK: m.ID, Address: m.Address, UseDomainQuota: m.UseDomainQuota, Quota: mb(m.Quota), MessageLimit: m.MessageLimit,
		Usage: percent(m.Used, m.Quota*megabyte), SendOnly: m.SendOnly,
	}
	if m.MessageLimit != nil {
		box.Sent = new(int64)
	}
	return box
}

// withPassword adds a password that was made at random to an account.
func withPassword(shaped any, password string) any {
	switch a := shaped.(type) {
	case oldAccount:
		a.Password = password
		return a
	case newAccount:
		a.Password = password
		return a
	}
	return shaped
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func listAccounts(c *call) (step, error) {
	q, p, err := c.list("name")
	if err != nil {
		return nil, err
	}
	o := c.params("role")
	q.Role = manage.Role(o.choice("role", string(manage.SuperAdmins), string(manage.Resellers), string(manage.DomainAdmins), string(manage.SimpleUsers)).Value)
	if err := o.err(); err != nil {
		return nil, err
	}
	if q.Active, err = c.flagParam("is_active"); err != nil {
		return nil, err
	}
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.Accounts(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, c.account)
	}, nil
}

// accountExists is open to everyone, as Modoboa's is.
func accountExists(c *call) (step, error) {
	email := c.query.Get("email")
	if email == "" || !cleanText(email) {
		return nil, badField("email", "This field is required.")
	}
	return func(t *manage.Tx) (*answer, error) {
		exists, err := t.AccountExists(email)
		return ok(map[string]bool{"exists": exists}), err
	}, nil
}

func getAccount(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return one(c.account)(t.Account(id)) }, err
}

func deleteAccount(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	keep, err := c.flagParam("keepdir")
	return func(t *manage.Tx) (*answer, error) { return gone(), t.DeleteAccount(id, keep.Value) }, err
}

// counter is how full a mailbox is.
type counter struct {
	PK       int64  `json:"pk"` // of the account
	Username string `json:"username"`
	Address  string `json:"address"`
	Quota    int64  `json:"quota"` // MB, 0 = unlimited
	Used     int64  `json:"used"`  // bytes
	Messages int64  `json:"messages"`
	Percent  int64  `json:"percent"`
}

// listCounters lists accounts; those without a mailbox have an empty address.
func listCounters(c *call) (step, error) {
	q, p, err := c.list("name")
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.Accounts(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, func(a *manage.Account) any {
			n := counter{PK: a.ID, Username: a.Username}
			if m := a.Mailbox; m != nil {
				n.Address, n.Quota, n.Used, n.Messages, n.Percent = m.Address, m.Quota, m.Used, m.Messages, percent(m.Used, m.Quota*megabyte)
			}
			return n
		})
	}, err
}
