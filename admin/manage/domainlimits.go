package manage

import (
	"database/sql"
	"slices"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// DomainLimits are the limits of a domain, in the order of rows.DomainLimits.
// They hold while Modoboa's parameter enable_domain_limits is on.
func (t *Tx) DomainLimits(id int64) ([]Limit, error) {
	if _, err := t.Domain(id); err != nil {
		return nil, err
	}
	return t.domainLimits(id)
}

func (t *Tx) domainLimits(id int64) ([]Limit, error) {
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
	out := []Limit{}
	for _, name := range rows.DomainLimits {
		l := Limit{Name: name, Max: -1}
		if n, ok := limits[name]; ok {
			l.Max = n
		}
		var err error
		if l.Used, err = t.usedInDomain(id, name); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// usedInDomain is how many objects a domain has of those that a limit counts.
func (t *Tx) usedInDomain(domain int64, name string) (int64, error) {
	switch name {
	case "domain_aliases":
		return t.count("SELECT count(*) FROM admin_domainalias WHERE target_id = ?", domain)
	case "mailboxes":
		return t.count("SELECT count(*) FROM admin_mailbox WHERE domain_id = ?", domain)
	case "mailbox_aliases":
		return t.count("SELECT count(*) FROM admin_alias WHERE domain_id = ? AND internal = ?", domain, false)
	}
	admins, err := t.admins(domain)
	return int64(len(admins)), err
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
		default:
			inRange(f, name, n, -1)
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
