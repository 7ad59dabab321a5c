package manage

import (
	"database/sql"
	"slices"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// aliasDraft is a further address of an account.
type aliasDraft struct {
	address string
	id      int64 // of the alias, 0 if it is to be made
	domain  *rows.Domain
}

// draftAliases checks the further addresses of an account.
func (t *Tx) draftAliases(d *draft) error {
	if !d.in.Aliases.Set {
		return nil
	}
	if d.box == nil && len(d.in.Aliases.Value) > 0 {
		if len(d.f) == 0 && d.err == nil {
			d.f.add("aliases", "A mailbox is required to create aliases.")
		}
		return nil
	}
	made := map[int64]int64{}
	for _, s := range d.in.Aliases.Value {
		a, err := t.draftAlias(d, store.Fold(s))
		if err != nil {
			return err
		}
		if a == nil || slices.ContainsFunc(d.aliases, func(o aliasDraft) bool { return o.address == a.address }) {
			continue
		}
		d.aliases = append(d.aliases, *a)
		if a.id == 0 {
			made[a.domain.ID]++
			made[0]++
		}
	}
	for domain, n := range made {
		var err error
		if domain == 0 {
			err = t.room("mailbox_aliases", "aliases", n)
		} else {
			err = t.domainRoom(domain, "mailbox_aliases", "aliases", n)
		}
		if err != nil {
			if err := d.blame(err); err != nil {
				return err
			}
		}
	}
	return nil
}

// draftAlias checks one address, nil if nothing is to be done about it.
func (t *Tx) draftAlias(d *draft, address string) (*aliasDraft, error) {
	if !isAddress(address) {
		d.f.add("aliases", "Enter a valid email address.")
		return nil, nil
	}
	if address == store.Fold(d.box.address) || !t.fits(d.f, "aliases", "admin_alias", "address", address) {
		return nil, nil
	}
	_, name, _ := rows.SplitAddress(address)
	dom, err := t.boxDomain(name)
	if e, blamed := asError(err); blamed && e.Kind == NotFound {
		d.f.add("aliases", "Domain not found.")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := t.sees(DomainObject, dom.ID)
	if err != nil {
		return nil, err
	}
	if !ok {
		d.f.add("aliases", "You don't have access to this domain.")
		return nil, nil
	}
	id, err := t.aliasAt(address, false)
	if err != nil || id == 0 {
		return &aliasDraft{address: address, domain: dom}, err
	}
	if ok, err = t.sees(AliasObject, id); err == nil && !ok {
		d.f.add("aliases", "This alias already exists")
	}
	return &aliasDraft{address: address, id: id, domain: dom}, err
}

// writeAliases makes or extends the aliases that a draft says, and takes the
// mailbox out of others, which go if they lead nowhere then. The user's forward
// is none of them.
func (t *Tx) writeAliases(d *draft, m *Mailbox) error {
	if !d.in.Aliases.Set || m == nil {
		return nil
	}
	others, changed, err := t.aliasesOf(d, m)
	if err != nil {
		return err
	}
	if err := t.removeSome(m, func(alias int64, address string) bool {
		return slices.Contains(others, alias) && address == store.Fold(m.Address)
	}); err != nil {
		return err
	}
	s := &rows.Set{}
	box := &rows.Mailbox{ID: m.ID}
	for _, a := range d.aliases {
		if a.id != 0 {
			if err := t.extendAlias(a.id, m); err != nil {
				return err
			}
			continue
		}
		alias := &rows.Alias{Address: a.address, Domain: a.domain, Enabled: true}
		s.Aliases = append(s.Aliases, alias)
		s.Recipients = append(s.Recipients, &rows.Recipient{Alias: alias, Address: m.Address, Mailbox: box})
	}
	if len(s.Aliases) > 0 {
		if err := t.make(s); err != nil {
			return err
		}
	}
	for _, a := range d.aliases {
		changed = append(changed, a.address)
	}
	return t.checkLoops(changed...)
}

// aliasesOf returns the aliases that lead to a mailbox, that the caller sees
// and that a draft does not say, and their addresses.
func (t *Tx) aliasesOf(d *draft, m *Mailbox) (ids []int64, addresses []string, err error) {
	err = t.each(`SELECT DISTINCT a.id, a.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
		WHERE r.r_mailbox_id = ? AND a.internal = ? AND a.address <> ? AND `+t.visible(AliasObject, "a.id"),
		[]any{m.ID, false, m.Address}, func(r *sql.Rows) error {
			var id int64
			var address string
			err := r.Scan(&id, &address)
			if !slices.ContainsFunc(d.aliases, func(a aliasDraft) bool { return a.id == id }) {
				ids, addresses = append(ids, id), append(addresses, store.Fold(address))
			}
			return err
		})
	return ids, addresses, err
}

// extendAlias makes a mailbox a recipient of an alias that there is, unless it
// is one. The unique pair of alias and mailbox may be taken by an extension of
// it; the address alone is enough then.
func (t *Tx) extendAlias(alias int64, m *Mailbox) error {
	there, err := t.find("SELECT 1 FROM modoboa_admin_aliasrecipient WHERE alias_id = ? AND address = ?", []any{alias, m.Address}, new(int))
	if err != nil || there {
		return err
	}
	taken, err := t.find("SELECT 1 FROM modoboa_admin_aliasrecipient WHERE alias_id = ? AND r_mailbox_id = ?", []any{alias, m.ID}, new(int))
	if err != nil {
		return err
	}
	var box any
	if !taken {
		box = m.ID
	}
	_, err = t.exec("INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) VALUES (?, ?, ?)", m.Address, alias, box)
	return err
}
