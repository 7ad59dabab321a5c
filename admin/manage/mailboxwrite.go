package manage

import (
	"fmt"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// newBox makes the rows of a mailbox part of a set. Rows of an earlier mailbox
// of the address, which Modoboa may have left behind, give way.
func (t *Tx) newBox(s *rows.Set, b *boxDraft, u *rows.User) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	stray, err := t.aliasAt(b.address, true)
	if err == nil && stray != 0 {
		err = t.removeAlias(stray)
	}
	if err != nil {
		return err
	}
	m := &rows.Mailbox{Local: b.local, Domain: b.domain, User: u, Quota: b.quota, QuotaGiven: !b.useRule, Address: b.address, Rest: b.columns}
	u.Mailbox, u.Email = m, b.address
	self := &rows.Alias{Address: m.Address, Domain: m.Domain, Enabled: u.Enabled || !base.SelfAliasOff, Internal: true}
	s.Mailboxes = append(s.Mailboxes, m)
	s.Aliases = append(s.Aliases, self)
	s.Recipients = append(s.Recipients, &rows.Recipient{Alias: self, Address: m.Address, Mailbox: m})
	there, err := t.find("SELECT 1 FROM admin_quota WHERE username = ?", []any{m.Address}, new(int))
	if err == nil && !there {
		s.Quotas = append(s.Quotas, m.Address)
	}
	return err
}

// writeBox brings an account's mailbox to what a draft says: it is made,
// renamed, changed or deleted.
func (t *Tx) writeBox(d *draft) error {
	switch b := d.box; {
	case d.dropBox:
		if err := t.deleteBox(d.was.Mailbox, false); err != nil {
			return err
		}
		return t.update("core_user", d.was.ID, rows.Columns{"email": ""})
	case b == nil:
		return nil
	case b.was == nil:
		u := &rows.User{ID: d.was.ID, Login: d.name, Enabled: d.active, Role: string(d.role), Privileged: d.role.privileged()}
		s := &rows.Set{}
		err := t.newBox(s, b, u)
		if err == nil {
			err = t.make(s)
		}
		if err != nil {
			return fmt.Errorf("make mailbox %s: %w", b.address, err)
		}
		b.was = &Mailbox{ID: u.Mailbox.ID, Address: b.address, Domain: b.domain.Name, UseDomainQuota: b.useRule, Quota: b.quota}
	default:
		if b.moved() {
			if err := t.renameBox(b); err != nil {
				return err
			}
		}
		if b.quota != b.was.Quota || b.useRule != b.was.UseDomainQuota {
			b.columns["quota"], b.columns["use_domain_quota"] = b.quota, b.useRule
		}
		if len(b.columns) > 0 {
			if err := t.update("admin_mailbox", b.was.ID, b.columns); err != nil {
				return err
			}
		}
	}
	if d.was.Email == d.box.address {
		return nil
	}
	return t.update("core_user", d.was.ID, rows.Columns{"email": d.box.address})
}

// privileged reports whether a role may make domains: the administrators of a
// domain do not see such an account.
func (r Role) privileged() bool { return r == SuperAdmins || r == Resellers }

// regrant gives everyone the access to an account and its mailbox that follows
// from its role and its domain: beside the owner and super administrators
// those who administrate the domain, and himself who is no SimpleUser.
func (t *Tx) regrant(id int64) error {
	a, err := t.account(id)
	if err != nil {
		return err
	}
	var admins, self []int64
	if a.Mailbox != nil && !a.Role.privileged() {
		domain, err := t.count("SELECT domain_id FROM admin_mailbox WHERE id = ?", a.Mailbox.ID)
		if err != nil {
			return err
		}
		if admins, err = t.admins(domain); err != nil {
			return err
		}
	}
	if a.Role != SimpleUsers && a.Role != "" {
		self = []int64{id}
	}
	if err := t.grantOnly(UserObject, id, append(self, admins...)); err != nil {
		return err
	}
	if a.Mailbox == nil {
		return nil
	}
	return t.grantOnly(MailboxObject, a.Mailbox.ID, admins)
}

// grantOnly gives users access to an object and takes it from everyone else
// but its owner and super administrators.
func (t *Tx) grantOnly(o Object, id int64, users []int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	keep := ""
	if len(users) > 0 {
		keep = " AND user_id NOT IN (" + joinIDs(users) + ")"
	}
	_, err = t.exec(`DELETE FROM core_objectaccess WHERE content_type_id = ? AND object_id = ? AND is_owner = ?
		AND user_id NOT IN (SELECT id FROM core_user WHERE is_superuser = ?)`+keep, base.ContentTypes[string(o)], id, false, true)
	if err != nil {
		return err
	}
	return t.grant(o, id, users...)
}
