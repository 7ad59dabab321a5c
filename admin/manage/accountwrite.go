package manage

import (
	"fmt"
	"maps"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// CreateAccount makes an account. password is the one that was made if in asks
// for a random one. A SimpleUser has a mailbox whose address is his login, and
// is what is made unless in names another role.
func (t *Tx) CreateAccount(in AccountInput) (a *Account, password string, err error) {
	if err := t.allow(UserObject); err != nil {
		return nil, "", err
	}
	d, err := t.draft(nil, &in)
	if err != nil {
		return nil, "", err
	}
	id, err := t.writeNew(d)
	if err != nil {
		return nil, "", err
	}
	if a, err = t.account(id); err != nil {
		return nil, "", err
	}
	if err := t.writeAliases(d, a.Mailbox); err != nil {
		return nil, "", err
	}
	return a, d.password, t.log("Account %s added", a.Username)
}

// writeNew writes the rows of a new account and returns its id.
func (t *Tx) writeNew(d *draft) (int64, error) {
	base, err := t.baseRows()
	if err != nil {
		return 0, err
	}
	text := func(column string) string { s, _ := d.columns[column].(string); return s }
	u := &rows.User{
		Login: d.name, Password: text("password"), First: text("first_name"), Last: text("last_name"), Enabled: d.active,
		Role: string(d.role), Privileged: d.role.privileged(), Superuser: d.role == SuperAdmins, Rest: maps.Clone(d.columns),
	}
	for _, column := range []string{"username", "password", "first_name", "last_name", "is_active"} {
		delete(u.Rest, column) // they are fields of the row
	}
	s := &rows.Set{Users: []*rows.User{u}, AdminOf: map[*rows.User][]*rows.Domain{}}
	if d.in.Domains.Set {
		for _, dom := range d.domains {
			dom.Admins = append(dom.Admins, u)
		}
		s.AdminOf[u] = d.domains
	}
	if u.Superuser {
		base.Superusers = append(base.Superusers, u) // what comes is his to see
	}
	if d.box != nil {
		if err := t.newBox(s, d.box, u); err != nil {
			return 0, err
		}
	}
	if err := t.make(s); err != nil {
		return 0, fmt.Errorf("make account %s: %w", d.name, err)
	}
	return u.ID, nil
}

// UpdateAccount changes what is set in an input. Administrators may change
// accounts that they have access to and whose role is not above their own.
func (t *Tx) UpdateAccount(id int64, in AccountInput) (a *Account, password string, err error) {
	was, err := t.Account(id)
	if err != nil {
		return nil, "", err
	}
	if err := t.allowAccount(was); err != nil {
		return nil, "", err
	}
	d, err := t.draft(was, &in)
	if err != nil {
		return nil, "", err
	}
	if err := t.writeChanges(d); err != nil {
		return nil, "", fmt.Errorf("change account %s: %w", was.Username, err)
	}
	if a, err = t.account(id); err != nil {
		return nil, "", err
	}
	return a, d.password, t.log("Account %s modified", a.Username)
}

// writeChanges brings an account to what a draft says.
func (t *Tx) writeChanges(d *draft) error {
	was := d.was
	if err := t.update("core_user", was.ID, d.columns); err != nil {
		return err
	}
	if d.role != was.Role {
		if err := t.setRole(was, d.role); err != nil {
			return err
		}
	}
	if err := t.writeBox(d); err != nil {
		return err
	}
	now, err := t.account(was.ID)
	if err != nil {
		return err
	}
	if d.active != was.Active {
		if err := t.activate(now); err != nil {
			return err
		}
	}
	if err := t.writeDomains(d, was.ID); err != nil {
		return err
	}
	if seenByOthers(was) != seenByOthers(now) {
		if err := t.regrant(was.ID); err != nil {
			return err
		}
	}
	return t.writeAliases(d, now.Mailbox)
}

// seenByOthers is what of an account decides who has access to it.
func seenByOthers(a *Account) [2]string {
	domain := ""
	if a.Mailbox != nil {
		domain = a.Mailbox.Domain
	}
	return [2]string{string(a.Role), domain}
}
