package manage

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// renameBox gives a mailbox another address. What bears the old one goes along:
// the row of usage, the alias to itself, the user's forward, the recipients of
// aliases, with their extensions. Mail to the old address is then refused,
// unless create_alias_on_mbox_rename says otherwise.
func (t *Tx) renameBox(b *boxDraft) error {
	old := b.was.Address
	for _, step := range []func() error{
		func() error { return t.renameUsage(old, b.address) },
		func() error { return t.renameSelfAlias(b) },
		func() error { return t.renameForward(b) },
		func() error { return t.renameRecipients(b) },
		func() error {
			return t.update("admin_mailbox", b.was.ID, rows.Columns{"address": b.local, "domain_id": b.domain.ID})
		},
		func() error { return t.fileOperation("rename", old, b.was.ID) },
		func() error { return t.aliasFromOld(b) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("rename mailbox %s: %w", old, err)
		}
	}
	return nil
}

// renameUsage keeps what is known of how full a mailbox is.
func (t *Tx) renameUsage(old, to string) error {
	if _, err := t.exec("DELETE FROM admin_quota WHERE username = ?", to); err != nil { // of a mailbox that is gone
		return err
	}
	for _, spelling := range spellings(old) {
		if n, err := t.exec("UPDATE admin_quota SET username = ? WHERE username = ?", to, spelling); err != nil || n > 0 {
			return err
		}
	}
	_, err := t.exec("INSERT INTO admin_quota (username, bytes, messages) VALUES (?, ?, ?)", to, 0, 0)
	return err
}

// aliasAt returns an alias by its address, 0 if there is none.
func (t *Tx) aliasAt(address string, internal bool) (int64, error) {
	for _, spelling := range spellings(address) {
		if id, err := t.count("SELECT id FROM admin_alias WHERE address = ? AND internal = ?", spelling, internal); err != nil || id != 0 {
			return id, err
		}
	}
	return 0, nil
}

// spellings are those that an address may be stored in: as it is, and folded.
// A domain that Modoboa made before 1.10.7 may have capitals.
func spellings(address string) []string {
	return slices.Compact([]string{address, store.Fold(address)})
}

func (t *Tx) renameSelfAlias(b *boxDraft) error {
	self, err := t.aliasAt(b.was.Address, true)
	if err != nil {
		return err
	}
	if stray, err := t.aliasAt(b.address, true); err != nil || stray != 0 {
		if err == nil {
			err = t.removeAlias(stray)
		}
		if err != nil {
			return err
		}
	}
	if self == 0 { // it should be there
		return t.makeSelfAlias(&rows.Mailbox{ID: b.was.ID, Domain: b.domain, Address: b.address}, true)
	}
	return t.update("admin_alias", self, rows.Columns{"address": b.address, "domain_id": b.domain.ID})
}

// makeSelfAlias makes the internal alias of a mailbox to itself.
func (t *Tx) makeSelfAlias(m *rows.Mailbox, enabled bool) error {
	a := &rows.Alias{Address: m.Address, Domain: m.Domain, Enabled: enabled, Internal: true}
	return t.make(&rows.Set{Aliases: []*rows.Alias{a}, Recipients: []*rows.Recipient{{Alias: a, Address: m.Address, Mailbox: m}}})
}

// renameForward moves the ordinary alias of a mailbox's own address, by which
// its user forwards mail.
func (t *Tx) renameForward(b *boxDraft) error {
	forward, err := t.aliasAt(b.was.Address, false)
	if err != nil || forward == 0 {
		return err
	}
	if other, err := t.aliasAt(b.address, false); err != nil || other != 0 {
		if err == nil {
			err = conflict("There is an alias %s already, and the forward of %s would become another one of this address: delete one of them first.", b.address, b.was.Address)
		}
		return err
	}
	return t.update("admin_alias", forward, rows.Columns{"address": b.address, "domain_id": b.domain.ID})
}

// renameRecipients brings the recipients that lead to a mailbox to its new
// address.
func (t *Tx) renameRecipients(b *boxDraft) error {
	renamed := map[int64]string{}
	err := t.eachRecipient(b.was, func(id, _ int64, address string) {
		if to, ok := t.renamedRecipient(address, b.was.Address, b.address); ok {
			renamed[id] = to
		}
	})
	if err != nil {
		return err
	}
	for id, to := range renamed {
		if _, err := t.exec("UPDATE modoboa_admin_aliasrecipient SET address = ? WHERE id = ?", to, id); err != nil {
			return err
		}
	}
	return nil
}

// eachRecipient calls f for each recipient that leads to a mailbox: by
// reference, or by its address with or without an extension. The second
// extension of a mailbox in one alias has no reference, nor has what the
// autoreply plugin of Modoboa 1.x adds.
func (t *Tx) eachRecipient(m *Mailbox, f func(id, alias int64, address string)) error {
	local, domain, _ := rows.SplitAddress(m.Address)
	extended := likeEscaped(local+string(t.m.delimiter())) + "%" + likeEscaped("@"+domain)
	return t.each(`SELECT id, alias_id, address FROM modoboa_admin_aliasrecipient
		WHERE r_mailbox_id = ? OR address = ? OR address = ? OR address LIKE ? ESCAPE '!'`,
		[]any{m.ID, m.Address, autoreplyAddress(m.Address), extended}, func(r *sql.Rows) error {
			var id, alias int64
			var address string
			err := r.Scan(&id, &alias, &address)
			f(id, alias, address)
			return err
		})
}

// autoreplyAddress is the recipient by which the autoreply plugin of Modoboa
// 1.x gets a copy.
func autoreplyAddress(address string) string {
	return address + "@autoreply." + address[strings.LastIndexByte(address, '@')+1:]
}

// renamedRecipient returns a recipient of a mailbox as it is after a renaming.
func (t *Tx) renamedRecipient(address, old, to string) (string, bool) {
	switch store.Fold(address) {
	case store.Fold(old):
		return to, true
	case store.Fold(autoreplyAddress(old)):
		return autoreplyAddress(to), true
	}
	at, oldAt, toAt := strings.LastIndexByte(address, '@'), strings.LastIndexByte(old, '@'), strings.LastIndexByte(to, '@')
	if at < oldAt || !strings.EqualFold(address[at:], old[oldAt:]) || !strings.EqualFold(address[:oldAt], old[:oldAt]) || address[oldAt] != t.m.delimiter() {
		return "", false
	}
	return to[:toAt] + address[oldAt:at] + to[toAt:], true
}

// fileOperation tells Modoboa to move or remove the files of a mailbox, where
// it is set to do that; mailbox is 0 if it is gone.
func (t *Tx) fileOperation(kind, address string, mailbox int64) error {
	p, err := t.Parameters()
	if err != nil || !p.Flag(parameters.HandleMailboxes) || len(t.tables["admin_mailboxoperation"]) == 0 || t.m.o.Home == nil {
		return err
	}
	home := t.m.o.Home(address)
	if home == "" {
		return nil
	}
	_, err = t.exec("INSERT INTO admin_mailboxoperation (type, argument, mailbox_id) VALUES (?, ?, ?)", kind, home, sql.NullInt64{Int64: mailbox, Valid: mailbox != 0})
	return err
}

// aliasFromOld makes an alias from a mailbox's old address to the new one,
// where Modoboa is set to do that.
func (t *Tx) aliasFromOld(b *boxDraft) error {
	p, err := t.Parameters()
	if err != nil || !p.Flag(parameters.CreateAliasOnRename) {
		return err
	}
	_, name, _ := rows.SplitAddress(b.was.Address)
	domain, err := t.boxDomain(name)
	if err != nil {
		return err
	}
	a := &rows.Alias{Address: b.was.Address, Domain: domain, Enabled: true}
	return t.make(&rows.Set{
		Aliases:    []*rows.Alias{a},
		Recipients: []*rows.Recipient{{Alias: a, Address: b.address, Mailbox: &rows.Mailbox{ID: b.was.ID}}},
	})
}
