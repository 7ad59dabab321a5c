package manage

import (
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

func (t *Tx) draftActive(d *draft) error {
	was := d.was == nil || d.was.Active
	d.active = d.in.Active.Or(was)
	if d.was == nil || d.active == was {
		return nil
	}
	d.columns["is_active"] = d.active
	switch {
	case d.active:
		return nil
	case t.self(d.was):
		return d.blame(denied("You can't disable your own account"))
	}
	return d.blame(t.notLast(d.was))
}

// activate brings the aliases of an account that was enabled or disabled in
// step (facts of Modoboa 2.x): a disabled one takes those along that lead
// nowhere else. Of these only the alias of the mailbox to itself comes back,
// since nobody knows who disabled the others.
func (t *Tx) activate(a *Account) error {
	if a.Mailbox == nil {
		return nil
	}
	if a.Active {
		return t.enableSelfAlias(a.Mailbox)
	}
	if !t.disablesAliases() {
		return nil
	}
	ids, err := t.ids(`SELECT r.alias_id FROM modoboa_admin_aliasrecipient r WHERE r.r_mailbox_id = ?
		AND NOT EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient o WHERE o.alias_id = r.alias_id AND o.id <> r.id)`, a.Mailbox.ID)
	for _, id := range ids {
		if err == nil {
			err = t.update("admin_alias", id, rows.Columns{"enabled": false})
		}
	}
	return err
}

// disablesAliases reports whether this is Modoboa 2.0 or newer, which has room
// for longer names of domains; 1.x leaves the aliases of disabled accounts
// alone.
func (t *Tx) disablesAliases() bool {
	return t.tables["admin_domain"].Fits("admin_domain", "name", strings.Repeat("a", 101)) == nil
}

// enableSelfAlias enables the alias of a mailbox to itself, without which a
// catch-all gets its mail; it makes it if there is none. It stays disabled where
// the user forwards mail and keeps no copy, which is how Modoboa says that from
// 1.17 on.
func (t *Tx) enableSelfAlias(m *Mailbox) error {
	if away, err := t.forwardsAway(m); err != nil || away {
		return err
	}
	self, err := t.aliasAt(m.Address, true)
	if err != nil {
		return err
	}
	if self == 0 {
		return t.missingSelfAlias(m, true)
	}
	return t.update("admin_alias", self, rows.Columns{"enabled": true})
}

// forwardsAway reports whether the user of a mailbox forwards his mail and keeps
// no copy.
func (t *Tx) forwardsAway(m *Mailbox) (bool, error) {
	forward, err := t.count("SELECT id FROM admin_alias WHERE address IN (?, ?) AND internal = ? AND enabled = ?", m.Address, store.Fold(m.Address), false, true)
	if err != nil || forward == 0 {
		return false, err
	}
	keeps, err := t.find("SELECT 1 FROM modoboa_admin_aliasrecipient WHERE alias_id = ? AND lower(address) = ?", []any{forward, store.Fold(m.Address)}, new(int))
	return !keeps, err
}

// missingSelfAlias makes the alias of a mailbox that has none.
func (t *Tx) missingSelfAlias(m *Mailbox, enabled bool) error {
	domain, err := t.boxDomain(m.Domain)
	if err != nil {
		return err
	}
	return t.makeSelfAlias(&rows.Mailbox{ID: m.ID, Domain: domain, Address: m.Address}, enabled)
}
