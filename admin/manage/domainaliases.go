package manage

import (
	"database/sql"

	"github.com/vmapd/vmapd/store"
)

// DomainAliases lists the domain aliases that the caller has access to. The
// query's Domain (the name of the target) and Active (enabled) restrict them;
// they can be sorted by name, created, modified, enabled and id.
func (t *Tx) DomainAliases(q Query) (Page[DomainAlias], error) {
	var p Page[DomainAlias]
	where, args := t.visible(DomainAliasObject, "a.id"), []any(nil)
	if q.Search != "" {
		where, args = where+" AND lower(a.name) LIKE ? ESCAPE '!'", append(args, like(q.Search))
	}
	if q.Domain != "" {
		where, args = where+" AND d.name = ?", append(args, store.Fold(q.Domain))
	}
	if q.Active.Set {
		where, args = where+" AND a.enabled = ?", append(args, q.Active.Value)
	}
	n, err := t.count("SELECT count(*) FROM admin_domainalias a JOIN admin_domain d ON d.id = a.target_id WHERE "+where, args...)
	if err != nil {
		return p, err
	}
	p.Total = int(n)
	order := q.page(map[string]string{
		"name": "a.name", "created": "a.creation", "modified": "a.last_modification",
		"enabled": "a.enabled", "id": "a.id",
	}, "a.name", "a.id")
	p.Items, err = t.domainAliasesWhere(where+order, args...)
	return p, err
}

// DomainAlias returns a domain alias.
func (t *Tx) DomainAlias(id int64) (*DomainAlias, error) {
	found, err := t.domainAliasesWhere("a.id = ? AND "+t.visible(DomainAliasObject, "a.id"), id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, missing(DomainAliasObject)
	}
	return &found[0], nil
}

// domainAliasesWhere reads domain aliases. where may go on with ORDER BY.
func (t *Tx) domainAliasesWhere(where string, args ...any) ([]DomainAlias, error) {
	found := []DomainAlias{}
	err := t.each(`SELECT a.id, a.name, a.target_id, d.name, a.enabled FROM admin_domainalias a
		JOIN admin_domain d ON d.id = a.target_id WHERE `+where, args, func(r *sql.Rows) error {
		var a DomainAlias
		err := r.Scan(&a.ID, &a.Name, &a.TargetID, &a.TargetName, &a.Enabled)
		found = append(found, a)
		return err
	})
	return found, err
}

// domainAliasID returns the id of a domain alias, whoever may see it, 0 if
// there is none. name is folded; see domainID.
func (t *Tx) domainAliasID(name string) (int64, error) {
	id, err := t.count("SELECT id FROM admin_domainalias WHERE name = ?", name)
	if err == nil && id == 0 {
		id, err = t.count("SELECT id FROM admin_domainalias WHERE lower(name) = ? ORDER BY id LIMIT 1", name)
	}
	return id, err
}
