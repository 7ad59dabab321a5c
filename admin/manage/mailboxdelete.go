package manage

import (
	"fmt"

	"github.com/vmapd/vmapd/store"
)

// deleteBox deletes a mailbox, with its usage, its sender addresses, the
// aliases of its own address and the recipients that lead to it. keepFiles
// leaves the mail where it is.
func (t *Tx) deleteBox(m *Mailbox, keepFiles bool) error {
	for _, step := range []func() error{
		func() error { return t.removeOwnAliases(m) },
		func() error { return t.removeRecipients(m) },
		func() error { return t.ungrant(MailboxObject, m.ID) },
		func() error { return t.dropReferences("admin_mailbox", m.ID) },
		func() error {
			_, err := t.exec("DELETE FROM admin_quota WHERE username IN (?, ?)", m.Address, store.Fold(m.Address))
			return err
		},
		func() error {
			_, err := t.exec("DELETE FROM admin_mailbox WHERE id = ?", m.ID)
			return err
		},
	} {
		if err := step(); err != nil {
			return fmt.Errorf("delete mailbox %s: %w", m.Address, err)
		}
	}
	if keepFiles {
		return nil
	}
	return t.fileOperation("delete", m.Address, 0)
}

// removeOwnAliases removes the alias of a mailbox to itself and the forward of
// its user.
func (t *Tx) removeOwnAliases(m *Mailbox) error {
	ids, err := t.ids("SELECT id FROM admin_alias WHERE address IN (?, ?)", m.Address, store.Fold(m.Address))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := t.removeAlias(id); err != nil {
			return err
		}
	}
	return nil
}

// removeRecipients removes a mailbox from the aliases that lead to it, and
// those that lead nowhere then.
func (t *Tx) removeRecipients(m *Mailbox) error {
	return t.removeSome(m, func(int64, string) bool { return true })
}

// removeSome removes recipients that lead to a mailbox: of all that there are,
// those that which wants.
func (t *Tx) removeSome(m *Mailbox, which func(alias int64, address string) bool) error {
	var recipients, aliases []int64
	err := t.eachRecipient(m, func(id, alias int64, address string) {
		if which(alias, store.Fold(address)) {
			recipients, aliases = append(recipients, id), append(aliases, alias)
		}
	})
	if err != nil || len(recipients) == 0 {
		return err
	}
	if _, err := t.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE id IN (" + joinIDs(recipients) + ")"); err != nil {
		return err
	}
	return t.deleteEmptied(aliases)
}

// removeAlias removes an alias, the recipients of others that refer to it, and
// those of them that have no recipient then.
func (t *Tx) removeAlias(id int64) error {
	return t.deleteAliases(rowSet{table: "admin_alias", where: "id = ?", args: []any{id}})
}
