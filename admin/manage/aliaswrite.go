package manage

import (
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// CreateAlias makes an alias. Its address and recipients must be given; it is
// enabled, does not expire and has no description unless in says otherwise.
//
// Errors: Invalid for what an address or recipient looks like, for an address
// that an alias has already, that is in no domain (alias domains have no
// addresses of their own) or in one that the caller has no access to, and for
// limits of the caller or the domain; NotFound for a recipient in a domain of
// ours that is neither a mailbox nor an alias; Conflict for what would send
// mail in circles.
func (t *Tx) CreateAlias(in AliasInput) (*Alias, error) {
	if err := t.allow(AliasObject); err != nil {
		return nil, err
	}
	return t.createAlias(in)
}

func (t *Tx) createAlias(in AliasInput) (*Alias, error) {
	f := fields{}
	a := &storedAlias{}
	address, err := t.newAddress(f, in.Address, a)
	if err != nil {
		return nil, err
	}
	if !in.Recipients.Set {
		f.add("recipients", "This field is required.")
	} else {
		in.Recipients.Value = t.recipientList(f, in.Recipients.Value)
	}
	t.describe(f, a, &in)
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := t.aliasLimits(address.domain, true); err != nil {
		return nil, err
	}
	found, err := t.resolve(address.name, 0, in.Recipients.Value)
	if err != nil {
		return nil, err
	}
	id, err := t.insertAlias(address, a, in.Enabled.Or(true), found)
	if err != nil {
		return nil, err
	}
	if err := t.checkLoops(address.name); err != nil {
		return nil, err
	}
	if err := t.log("Alias %s added", address.name); err != nil {
		return nil, err
	}
	made, err := t.anyAlias("a.id = ?", id)
	if err != nil {
		return nil, err
	}
	return &made.Alias, nil
}

// insertAlias writes the rows of a new alias.
func (t *Tx) insertAlias(address aliasAddress, like *storedAlias, enabled bool, to []recipient) (int64, error) {
	admins, err := t.admins(address.domain)
	if err != nil {
		return 0, err
	}
	d := &rows.Domain{ID: address.domain}
	for _, id := range admins {
		d.Admins = append(d.Admins, &rows.User{ID: id})
	}
	a := &rows.Alias{
		Address: address.name, Domain: d, Enabled: enabled,
		Rest: rows.Columns{"description": like.Description, "expire_at": t.timeOrNull(like.ExpireAt)},
	}
	set := &rows.Set{Aliases: []*rows.Alias{a}}
	for _, r := range to {
		set.Recipients = append(set.Recipients, r.row(a))
	}
	err = t.make(set)
	return a.ID, err
}

func (t *Tx) timeOrNull(at *time.Time) any {
	if at == nil {
		return nil
	}
	return t.db.Time(*at)
}

func idOrNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// UpdateAlias changes an alias; what in does not set stays. With another
// address it takes along the recipients of other aliases that lead to it, and
// who has access to it follows its domain. The errors are those of
// [Tx.CreateAlias].
func (t *Tx) UpdateAlias(id int64, in AliasInput) (*Alias, error) {
	old, err := t.changeable(id)
	if err != nil {
		return nil, err
	}
	f := fields{}
	now := *old
	address, err := t.newAddress(f, in.Address, &now)
	if err != nil {
		return nil, err
	}
	list := old.Recipients
	if in.Recipients.Set {
		list = t.recipientList(f, in.Recipients.Value)
	}
	t.describe(f, &now, &in)
	if err := f.err(); err != nil {
		return nil, err
	}
	now.Address, now.domain, now.Enabled = address.name, address.domain, in.Enabled.Or(old.Enabled)
	if now.domain != old.domain {
		if err := t.aliasLimits(now.domain, false); err != nil {
			return nil, err
		}
	}
	var found []recipient
	if in.Recipients.Set {
		if found, err = t.resolve(now.Address, id, list); err != nil {
			return nil, err
		}
	}
	if err := t.writeAlias(old, &now, in.Recipients.Set, found); err != nil {
		return nil, err
	}
	made, err := t.anyAlias("a.id = ?", id)
	if err != nil {
		return nil, err
	}
	return &made.Alias, nil
}

// changeable returns an alias that the caller may change.
func (t *Tx) changeable(id int64) (*storedAlias, error) {
	a, err := t.seenAlias("a.id = ?", id)
	if err == nil {
		err = t.allow(AliasObject)
	}
	if err == nil && a.Internal {
		err = conflict("%s is kept by its mailbox or domain alias and changes with that.", a.Address)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// writeAlias brings the rows of an alias from one state to another. Mail is
// followed through the aliases only if it may go another way than before: a
// circle that has always been there does not keep a description from changing.
func (t *Tx) writeAlias(old, now *storedAlias, recipients bool, to []recipient) error {
	err := t.update("admin_alias", old.ID, rows.Columns{
		"address": now.Address, "domain_id": idOrNull(now.domain), "enabled": now.Enabled,
		"description": now.Description, "expire_at": t.timeOrNull(now.ExpireAt),
	})
	if err != nil {
		return err
	}
	if now.domain != old.domain {
		if err := t.moveAlias(old.ID, now.domain); err != nil {
			return err
		}
	}
	changed := []string{store.Fold(now.Address)}
	if now.Address != old.Address {
		others, err := t.readdress(old, now.Address)
		if err != nil {
			return err
		}
		changed = append(append(changed, store.Fold(old.Address)), others...)
	}
	if recipients {
		if err := t.setRecipients(old.ID, to); err != nil {
			return err
		}
	}
	at := time.Now()
	if recipients || now.Address != old.Address || now.live(at) != old.live(at) {
		if err := t.checkLoops(changed...); err != nil {
			return err
		}
	}
	return t.log("Alias %s modified", now.Address)
}

func foldAddress(s string) string { return store.Fold(strings.TrimSpace(s)) }
