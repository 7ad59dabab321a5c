package manage

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// aliasAddress is the address of an alias and the domain it is in.
type aliasAddress struct {
	name   string
	domain int64
}

// newAddress checks the address that an alias shall have: it is in a domain
// that the caller has access to, and no other alias has it. old has no id if
// the alias is new.
func (t *Tx) newAddress(f fields, given Opt[string], old *storedAlias) (aliasAddress, error) {
	out := aliasAddress{foldAddress(given.Value), 0}
	switch {
	case !given.Set && old.ID == 0:
		f.add("address", "This field is required.")
		return out, nil
	case !given.Set || out.name == old.Address && old.ID != 0:
		return aliasAddress{old.Address, old.domain}, nil
	case out.name == "":
		f.add("address", "This field may not be blank.")
		return out, nil
	}
	_, domain, ok := mailAddress(out.name)
	if !ok {
		f.add("address", "Enter a valid email address.")
		return out, nil
	}
	if err := t.tables["admin_alias"].Fits("admin_alias", "address", out.name); err != nil {
		f.add("address", "%v.", err)
		return out, nil
	}
	known := newLocals()
	if err := t.localDomains(known, []string{domain}); err != nil {
		return out, err
	}
	if out.domain = known.domains[domain].id; out.domain == 0 {
		f.add("address", "Domain not found.")
		return out, nil
	}
	if ok, err := t.sees(DomainObject, out.domain); err != nil || !ok {
		f.add("address", "Permission denied.")
		return out, err
	}
	there, err := t.find("SELECT 1 FROM admin_alias WHERE "+t.named("address")+" = ? AND internal = ? AND id <> ?", []any{out.name, false, old.ID}, new(int))
	if there {
		f.add("address", "This alias already exists")
	}
	return out, err
}

// describe checks what is said about an alias, and notes it in a.
func (t *Tx) describe(f fields, a *storedAlias, in *AliasInput) {
	a.Description = in.Description.Or(a.Description)
	a.ExpireAt = in.ExpireAt.Or(a.ExpireAt)
	if s := a.Description; !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		f.add("description", "Null characters are not allowed.")
	}
	if at := a.ExpireAt; at != nil {
		if at.Year() < 1900 || at.Year() > 9999 { // what all engines can store
			f.add("expire_at", "Year out of range.")
		}
		at := at.UTC().Truncate(time.Microsecond)
		a.ExpireAt = &at
	}
}

// aliasLimits is an error if one alias more is more than its domain may have
// or, if the caller will own it, than he may own (limits mailbox_aliases).
func (t *Tx) aliasLimits(domain int64, owned bool) error {
	p, err := t.Parameters()
	if err != nil {
		return err
	}
	reached := false
	if p.Flag(parameters.EnableAdminLimits) && owned && !t.caller.Super() {
		reached, err = t.beyond("limits_userobjectlimit", "user_id", t.caller.ID, `SELECT count(*) FROM core_objectaccess oa
			JOIN django_content_type ct ON ct.id = oa.content_type_id
			WHERE oa.user_id = ? AND oa.is_owner = ? AND ct.app_label = 'admin' AND ct.model = 'alias'`, t.caller.ID, true)
	}
	if err == nil && !reached && p.Flag(parameters.EnableDomainLimits) {
		reached, err = t.beyond("limits_domainobjectlimit", "domain_id", domain,
			"SELECT count(*) FROM admin_alias WHERE domain_id = ? AND internal = ?", domain, false)
	}
	if err == nil && reached {
		err = &Error{Kind: Invalid, Fields: map[string][]string{"address": {"Mailbox aliases: limit reached"}}, Limit: true}
	}
	return err
}

// beyond reports whether a limit of mailbox_aliases leaves no room beside what
// a query counts. No row is no limit, nor is -1.
func (t *Tx) beyond(table, column string, id int64, used string, args ...any) (bool, error) {
	if len(t.tables[table]) == 0 {
		return false, nil
	}
	var most int64
	limited, err := t.find("SELECT max_value FROM "+table+" WHERE "+column+" = ? AND name = 'mailbox_aliases'", []any{id}, &most)
	if err != nil || !limited || most < 0 {
		return false, err
	}
	n, err := t.count(used, args...)
	return n >= most, err
}
