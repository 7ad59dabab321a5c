package manage

import (
	"slices"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// A domain alias has an internal alias of no domain, "@name" to "@target",
// which is what leads mail on. It is enabled even if the domain alias is not:
// then Postfix does not take mail for the name.

// internal selects the internal alias of a domain alias.
func internal(address string) rowSet {
	return rowSet{table: "admin_alias", where: "address = ? AND internal = ? AND domain_id IS NULL", args: []any{address, true}}
}

// dropInternal deletes the internal alias of an address.
func (t *Tx) dropInternal(address string) error {
	id, err := t.count(internal(address).keys(), internal(address).args...)
	if err != nil || id == 0 {
		return err
	}
	return t.removeAlias(id)
}

// setInternal makes the internal alias lead from an address to another; was is
// the address that it had.
func (t *Tx) setInternal(was, address, target string) error {
	if was != address {
		if err := t.dropInternal(address); err != nil { // a stray
			return err
		}
	}
	id, err := t.count(internal(was).keys(), internal(was).args...)
	if err != nil {
		return err
	}
	if id == 0 { // it was lost, or is another one's
		a := &rows.Alias{Address: address, Internal: true, Enabled: true}
		return t.make(&rows.Set{Aliases: []*rows.Alias{a}, Recipients: []*rows.Recipient{{Alias: a, Address: target}}})
	}
	if was != address {
		if err := t.update("admin_alias", id, rows.Columns{"address": address}); err != nil {
			return err
		}
	}
	right, err := t.count("SELECT count(*) FROM modoboa_admin_aliasrecipient WHERE alias_id = ? AND address = ?", id, target)
	if err != nil {
		return err
	}
	if right == 1 {
		_, err = t.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id = ? AND address <> ?", id, target)
		return err
	}
	if _, err := t.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id = ?", id); err != nil {
		return err
	}
	_, err = t.exec("INSERT INTO modoboa_admin_aliasrecipient (address, alias_id) VALUES (?, ?)", target, id)
	return err
}

// renameDomainAlias carries a new name to the addresses that have the old one:
// recipients of aliases, sender addresses, and keys.
func (t *Tx) renameDomainAlias(a *DomainAlias, name string) error {
	if err := t.mergeSenders(a.Name, name); err != nil {
		return err
	}
	for _, c := range [][2]string{{"modoboa_admin_aliasrecipient", "address"}, {"admin_senderaddress", "address"}} {
		end, args := t.ending(c[1], "@"+a.Name)
		as, more := t.reending(c[1], "@"+a.Name, "@"+name)
		if _, err := t.exec("UPDATE "+c[0]+" SET "+c[1]+" = "+as+" WHERE "+end, append(more, args...)...); err != nil {
			return err
		}
	}
	if len(t.tables["vmapd_dkim_key"]) == 0 {
		return nil
	}
	if _, err := t.exec("DELETE FROM vmapd_dkim_key WHERE domain = ?", name); err != nil {
		return err
	}
	_, err := t.exec("UPDATE vmapd_dkim_key SET domain = ? WHERE domain = ?", name, a.Name)
	return err
}

// retarget takes a domain alias from the administrators of its domain, but for
// its owner, and gives it to those of another one.
func (t *Tx) retarget(a *DomainAlias, domain int64) error {
	old, err := t.admins(a.TargetID)
	if err != nil {
		return err
	}
	admins, err := t.admins(domain)
	if err != nil {
		return err
	}
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	for _, u := range old {
		if slices.Contains(admins, u) {
			continue
		}
		_, err := t.exec("DELETE FROM core_objectaccess WHERE user_id = ? AND content_type_id = ? AND object_id = ? AND is_owner = ?",
			u, base.ContentTypes[string(DomainAliasObject)], a.ID, false)
		if err != nil {
			return err
		}
	}
	return t.grant(DomainAliasObject, a.ID, admins...)
}

func (t *Tx) deleteDomainAlias(a *DomainAlias) error {
	if err := t.dropInternal("@" + a.Name); err != nil {
		return err
	}
	if len(t.tables["vmapd_dkim_key"]) > 0 {
		if _, err := t.exec("DELETE FROM vmapd_dkim_key WHERE domain = ?", a.Name); err != nil {
			return err
		}
	}
	if err := t.ungrant(DomainAliasObject, a.ID); err != nil {
		return err
	}
	return t.deleteRows(rowSet{table: "admin_domainalias", where: "id = ?", args: []any{a.ID}})
}
