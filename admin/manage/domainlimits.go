package manage

import (
	"database/sql"
	"slices"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// limitReached is the answer to who has made all that he may. The words are
// Modoboa's.
func limitReached(label string) error {
	return &Error{Kind: Denied, Text: label + ": limit reached", Limit: true}
}

// callersLimit returns a limit of the caller, ok is false if he has none: he is
// a super administrator, Modoboa's parameter is off, or there is no row.
func (t *Tx) callersLimit(name string) (limit int64, ok bool, err error) {
	if t.caller.Super() || len(t.tables["limits_userobjectlimit"]) == 0 {
		return 0, false, nil
	}
	params, err := t.parameters()
	if err != nil || !params.flag("limits", "enable_admin_limits", true) {
		return 0, false, err
	}
	ok, err = t.find("SELECT max_value FROM limits_userobjectlimit WHERE user_id = ? AND name = ?", []any{t.caller.ID, name}, &limit)
	return limit, ok, err
}

// limitOwned is an error if the caller may own no more objects of a kind.
func (t *Tx) limitOwned(o Object, name, label string) error {
	limit, ok, err := t.callersLimit(name)
	if err != nil || !ok || limit < 0 {
		return err
	}
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	n, err := t.count("SELECT count(*) FROM core_objectaccess WHERE user_id = ? AND content_type_id = ? AND is_owner = ?",
		t.caller.ID, base.ContentTypes[string(o)], true)
	if err == nil && n >= limit {
		err = limitReached(label)
	}
	return err
}

// limitDomain holds a new or changed domain against the caller's limits: how
// many domains he may own, and what their quotas may be together. A reseller
// whose quota is limited cannot give an unlimited one.
func (t *Tx) limitDomain(p *domainPlan) error {
	if p.was == nil {
		if err := t.limitOwned(DomainObject, "domains", "Domains"); err != nil {
			return err
		}
	} else if p.was.Quota == p.Quota && p.was.DefaultMailboxQuota == p.DefaultMailboxQuota {
		return nil
	}
	limit, ok, err := t.callersLimit("quota")
	if err != nil || !ok || limit <= 0 {
		return err
	}
	const unlimited = "You can't define an unlimited quota."
	switch {
	case p.Quota == 0:
		return invalid("quota", unlimited)
	case p.DefaultMailboxQuota == 0:
		return invalid("default_mailbox_quota", unlimited)
	}
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	sum, err := t.count(`SELECT sum(d.quota) FROM admin_domain d JOIN core_objectaccess oa ON oa.object_id = d.id
		WHERE oa.user_id = ? AND oa.content_type_id = ? AND oa.is_owner = ? AND d.id <> ?`, t.caller.ID, base.ContentTypes[string(DomainObject)], true, p.ID)
	if err != nil {
		return err
	}
	owner := t.caller.ID
	if p.was != nil {
		if owner, err = t.ownerOf(DomainObject, p.ID); err != nil {
			return err
		}
	}
	if owner == t.caller.ID && sum+p.Quota > limit {
		return limitReached("Quota")
	}
	return nil
}

// checkAllocated is an error if a domain's mailboxes would have more together
// than the domain: its quota cannot be lowered below what they have, nor their
// default raised above what there is. What was wrong before may stay as it is.
func (t *Tx) checkAllocated(p *domainPlan) error {
	own, err := t.count("SELECT sum(quota) FROM admin_mailbox WHERE domain_id = ? AND use_domain_quota = ?", p.ID, false)
	if err != nil {
		return err
	}
	n, err := t.count("SELECT count(*) FROM admin_mailbox WHERE domain_id = ? AND use_domain_quota = ?", p.ID, true)
	if err != nil {
		return err
	}
	sum := own + n*p.DefaultMailboxQuota
	switch {
	case p.Quota == 0 || sum <= p.Quota, p.Quota == p.was.Quota && sum <= p.was.Allocated:
		return nil
	case p.Quota != p.was.Quota:
		return invalid("quota", "Cannot be lower than what the mailboxes have together, %d MB", sum)
	}
	return invalid("default_mailbox_quota", "The mailboxes would have %d MB together, more than the domain quota", sum)
}

// limitInDomain is an error if a domain may have no more of something.
func (t *Tx) limitInDomain(domain int64, name, label string) error {
	params, err := t.parameters()
	if err != nil || !params.flag("limits", "enable_domain_limits", false) {
		return err
	}
	limits, err := t.domainLimits(domain)
	if err != nil {
		return err
	}
	for _, l := range limits {
		if l.Name == name && l.Max >= 0 && l.Used >= l.Max {
			return limitReached(label)
		}
	}
	return nil
}

// DomainLimits are the limits of a domain, in the order of rows.DomainLimits.
// They hold while Modoboa's parameter enable_domain_limits is on.
func (t *Tx) DomainLimits(id int64) ([]Limit, error) {
	if _, err := t.Domain(id); err != nil {
		return nil, err
	}
	return t.domainLimits(id)
}

func (t *Tx) domainLimits(id int64) ([]Limit, error) {
	used := map[string]string{
		"domain_aliases":  "SELECT count(*) FROM admin_domainalias WHERE target_id = ?",
		"mailboxes":       "SELECT count(*) FROM admin_mailbox WHERE domain_id = ?",
		"mailbox_aliases": "SELECT count(*) FROM admin_alias WHERE domain_id = ? AND NOT internal",
	}
	limits := map[string]int64{}
	if len(t.tables["limits_domainobjectlimit"]) > 0 {
		err := t.each("SELECT name, max_value FROM limits_domainobjectlimit WHERE domain_id = ?", []any{id}, func(r *sql.Rows) error {
			var name string
			var n int64
			err := r.Scan(&name, &n)
			limits[name] = n
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	admins, err := t.admins(id)
	if err != nil {
		return nil, err
	}
	out := []Limit{}
	for _, name := range rows.DomainLimits {
		l := Limit{Name: name, Max: -1, Used: int64(len(admins))}
		if n, ok := limits[name]; ok {
			l.Max = n
		}
		if q, ok := used[name]; ok {
			if l.Used, err = t.count(q, id); err != nil {
				return nil, err
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// SetDomainLimits sets limits of a domain by their names; -1 is unlimited.
// Others keep their value. Who may change the domain may set its limits.
func (t *Tx) SetDomainLimits(id int64, to map[string]int64) error {
	d, err := t.Domain(id)
	if err != nil {
		return err
	}
	if err := t.allow(DomainObject); err != nil {
		return err
	}
	f := fields{}
	for name, n := range to {
		switch {
		case !slices.Contains(rows.DomainLimits, name):
			f.add(name, "There is no such limit of a domain.")
		case n < -1:
			f.add(name, "Ensure this value is greater than or equal to -1.")
		case n > maxNatural:
			f.add(name, "Ensure this value is less than or equal to %d.", maxNatural)
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	if len(t.tables["limits_domainobjectlimit"]) == 0 {
		return conflict("This database has no limits of domains.")
	}
	for _, name := range rows.DomainLimits {
		n, ok := to[name]
		if !ok {
			continue
		}
		if _, err := t.exec("DELETE FROM limits_domainobjectlimit WHERE domain_id = ? AND name = ?", id, name); err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO limits_domainobjectlimit (domain_id, name, max_value) VALUES (?, ?, ?)", id, name, n); err != nil {
			return err
		}
	}
	return t.log("Limits of domain %s set", d.Name)
}
