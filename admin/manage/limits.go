package manage

import (
	"slices"

	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// limitLabels are what errors call the limits.
var limitLabels = map[string]string{
	"domains": "Domains", "domain_aliases": "Domain aliases", "mailboxes": "Mailboxes",
	"mailbox_aliases": "Mailbox aliases", "domain_admins": "Domain admins", "quota": "Quota",
}

// Limits are the limits of an account, in the order of rows.UserLimits. As in
// Modoboa nobody but a super administrator sees his own here; see [Tx.OwnLimits].
func (t *Tx) Limits(account int64) ([]Limit, error) {
	if _, err := t.limited(account); err != nil {
		return nil, err
	}
	return t.limits(account)
}

// OwnLimits are the limits of the caller, none of who has no account.
func (t *Tx) OwnLimits() ([]Limit, error) {
	if t.caller.Root {
		return nil, nil
	}
	return t.limits(t.caller.ID)
}

// limited returns an account whose limits the caller may see.
func (t *Tx) limited(account int64) (*Account, error) {
	a, err := t.Account(account)
	if err == nil && t.self(a) && !t.caller.Super() {
		err = missing(UserObject)
	}
	return a, err
}

func (t *Tx) limits(account int64) ([]Limit, error) {
	list := make([]Limit, len(rows.UserLimits))
	for i, l := range rows.UserLimits {
		most, err := t.limitOf(account, l.Name)
		if err != nil {
			return nil, err
		}
		used, err := t.used(account, l.Name)
		if err != nil {
			return nil, err
		}
		list[i] = Limit{Name: l.Name, Max: most, Used: used}
	}
	return list, nil
}

// limitOf returns the value of one limit; -1 where this database has no limits.
func (t *Tx) limitOf(account int64, name string) (int64, error) {
	if len(t.tables["limits_userobjectlimit"]) == 0 {
		if name == "quota" {
			return 0, nil
		}
		return -1, nil
	}
	return t.count("SELECT max_value FROM limits_userobjectlimit WHERE user_id = ? AND name = ?", account, name)
}

// used counts what an account owns of what a limit is about
// (modoboa/limits/models.py, current_value).
func (t *Tx) used(account int64, name string) (int64, error) {
	base, err := t.baseRows()
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(rows.UserLimits, func(l struct{ Name, ContentType string }) bool { return l.Name == name })
	kind := rows.UserLimits[i].ContentType
	what, from := "count(*)", "core_objectaccess oa"
	args := []any{account, base.ContentTypes[kind], true}
	where := "oa.user_id = ? AND oa.content_type_id = ? AND oa.is_owner = ?"
	switch name {
	case "quota":
		what, from = "sum(d.quota)", from+" JOIN admin_domain d ON d.id = oa.object_id"
	case "mailbox_aliases":
		from += " JOIN admin_alias a ON a.id = oa.object_id"
		where, args = where+" AND a.internal = ?", append(args, false)
	case "domain_admins":
		from += " JOIN core_user_groups ug ON ug.user_id = oa.object_id"
		where, args = where+" AND ug.group_id = ?", append(args, base.Groups[string(DomainAdmins)])
	}
	return t.count("SELECT "+what+" FROM "+from+" WHERE "+where, args...)
}

// room is an error about a field if the caller may not make n more objects of
// a kind (modoboa/limits/handlers.py, check_object_limit).
func (t *Tx) room(name, field string, n int64) error {
	p, err := t.Parameters()
	if err != nil || t.caller.Super() || !p.Flag(parameters.EnableAdminLimits) {
		return err
	}
	most, err := t.limitOf(t.caller.ID, name)
	if err != nil || most < 0 {
		return err
	}
	used, err := t.used(t.caller.ID, name)
	if err == nil && used+n > most {
		err = fullLimit(name, field)
	}
	return err
}

// domainRoom is room for the limits of a domain, which hold for everyone. A
// domain without a row is not limited (modoboa/limits/handlers.py,
// check_object_limit).
func (t *Tx) domainRoom(domain int64, name, field string, n int64) error {
	p, err := t.Parameters()
	if err != nil || !p.Flag(parameters.EnableDomainLimits) || len(t.tables["limits_domainobjectlimit"]) == 0 {
		return err
	}
	var most int64
	limited, err := t.find("SELECT max_value FROM limits_domainobjectlimit WHERE domain_id = ? AND name = ?", []any{domain, name}, &most)
	if err != nil || !limited || most < 0 {
		return err
	}
	used, err := t.usedInDomain(domain, name)
	if err == nil && used+n > most {
		err = fullLimit(name, field)
	}
	return err
}

func fullLimit(name, field string) error {
	return &Error{Kind: Invalid, Limit: true, Fields: map[string][]string{field: {limitLabels[name] + ": limit reached"}}}
}
