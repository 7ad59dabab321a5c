package manage

import (
	"database/sql"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// Aliases lists the aliases that the caller sees: administrators those of their
// domains, others their own forward. Internal aliases, which mailboxes
// and domain aliases keep for themselves, are listed when Query.Internal asks
// for them. Query.Search looks in addresses, Query.Domain for aliases in a
// domain, Query.Active for enabled ones; they are sorted by name, created,
// modified, enabled or id.
func (t *Tx) Aliases(q Query) (Page[Alias], error) {
	var p Page[Alias]
	where, args, err := t.aliasFilter(&q)
	if err != nil {
		return p, err
	}
	n, err := t.count("SELECT count(*) FROM admin_alias a WHERE "+where, args...)
	if err != nil {
		return p, err
	}
	p.Total = int(n)
	order := q.page(map[string]string{
		"name": "a.address", "created": "a.creation", "modified": "a.last_modification",
		"enabled": "a.enabled", "id": "a.id",
	}, "a.address")
	if q.Sort == "created" || q.Sort == "modified" || q.Sort == "enabled" { // one order, so that no row is on two pages
		order = strings.Replace(order, " LIMIT ", ", a.id LIMIT ", 1)
	}
	ids, err := t.ids("SELECT a.id FROM admin_alias a WHERE "+where+order, args...)
	if err != nil {
		return p, err
	}
	p.Items, err = t.aliasesBy(ids)
	return p, err
}

// aliasesBy returns aliases in the order of their ids.
func (t *Tx) aliasesBy(ids []int64) ([]Alias, error) {
	byID := make(map[int64]*storedAlias, len(ids))
	err := inParts(ids, func(marks string, args []any) error {
		found, err := t.aliasesWhere("a.id IN ("+marks+")", args...)
		for _, a := range found {
			byID[a.ID] = a
		}
		return err
	})
	out := make([]Alias, 0, len(ids))
	for _, id := range ids {
		if a := byID[id]; a != nil {
			out = append(out, a.Alias)
		}
	}
	return out, err
}

// aliasFilter says which aliases a query asks for, as a condition.
func (t *Tx) aliasFilter(q *Query) (where string, args []any, err error) {
	where, args, err = t.visibleAliases()
	and := func(condition string, more ...any) { where, args = where+" AND "+condition, append(args, more...) }
	and("a.internal = ?", q.Internal.Or(false))
	if q.Domain != "" {
		and("a.domain_id IN (SELECT id FROM admin_domain WHERE name = ?)", store.Fold(strings.TrimSpace(q.Domain)))
	}
	if q.Search != "" {
		and(t.named("a.address")+" LIKE ? ESCAPE '!'", like(q.Search))
	}
	if q.Active.Set {
		and("a.enabled = ?", q.Active.Value)
	}
	return where, args, err
}

// visibleAliases is a condition on the alias a: the caller sees it. An
// administrator sees the aliases of his domains, whatever their rows of access
// say - Modoboa gives him none to what another administrator made -, and
// everybody else what he has access to: his forward.
func (t *Tx) visibleAliases() (string, []any, error) {
	switch {
	case t.caller.Super():
		return "1 = 1", nil, nil
	case !t.caller.Administrates():
		return t.visible(AliasObject, "a.id"), nil, nil
	}
	const mine = `SELECT oa.object_id FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
		WHERE oa.user_id = ? AND ct.app_label = 'admin' AND ct.model = 'domain'`
	domains, err := t.ids(mine, t.caller.ID)
	args := []any{false}
	switch n := len(domains); {
	case n == 0:
		return "1 = 0", nil, err
	case n > 100: // too many to name
		return "a.internal = ? AND a.domain_id IN (" + mine + ")", append(args, t.caller.ID), err
	}
	for _, id := range domains { // a plan for these is better than one for any
		args = append(args, id)
	}
	return "a.internal = ? AND a.domain_id IN (?" + strings.Repeat(", ?", len(domains)-1) + ")", args, err
}

// Alias returns an alias. Internal ones are for super administrators.
func (t *Tx) Alias(id int64) (*Alias, error) {
	a, err := t.seenAlias("a.id = ?", id)
	if err != nil {
		return nil, err
	}
	return &a.Alias, nil
}

// AliasByAddress is Alias by the address, which is folded; "@domain" is the
// catch-all of a domain.
func (t *Tx) AliasByAddress(address string) (*Alias, error) {
	address = foldAddress(address)
	a, err := t.seenAlias(t.named("a.address")+" = ? AND a.internal = ?", address, false)
	if err == nil && store.Fold(a.Address) != address {
		err = missing(AliasObject) // MySQL finds "info" for "ïnfo"
	}
	if err != nil {
		return nil, err
	}
	return &a.Alias, nil
}

// named is what a folded name is compared with: the column itself, for which
// there is an index, but in tables of Modoboa before 1.16 the folded column, for
// before 1.10.7 names were stored as they were typed.
func (t *Tx) named(column string) string {
	if t.tables["admin_domain"].Has("message_limit") {
		return column
	}
	return "lower(" + column + ")"
}

// storedAlias is an alias and the id of its domain, 0 if it has none.
type storedAlias struct {
	Alias
	domain int64
}

// seenAlias returns the alias that a condition holds for and the caller sees.
func (t *Tx) seenAlias(where string, args ...any) (*storedAlias, error) {
	visible, more, err := t.visibleAliases()
	if err != nil {
		return nil, err
	}
	a, err := t.anyAlias(where+" AND "+visible, append(args, more...)...)
	if err == nil && a == nil {
		err = missing(AliasObject)
	}
	return a, err
}

// anyAlias returns the alias that a condition holds for, whoever sees it, nil
// if there is none.
func (t *Tx) anyAlias(where string, args ...any) (*storedAlias, error) {
	found, err := t.aliasesWhere(where, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// aliasesWhere reads aliases with their recipients, which take one query more
// for each thousand aliases. where may go on with ORDER BY.
func (t *Tx) aliasesWhere(where string, args ...any) ([]*storedAlias, error) {
	var found []*storedAlias
	query := "SELECT a.id, a.address, a.domain_id, d.name, a.enabled, a.internal, a.description, " + t.timeText("admin_alias", "a", "expire_at") + ", " +
		t.timeText("admin_alias", "a", "creation") + ", " + t.timeText("admin_alias", "a", "last_modification") +
		" FROM admin_alias a LEFT JOIN admin_domain d ON d.id = a.domain_id WHERE " + where
	err := t.each(query, args, func(r *sql.Rows) error {
		var a storedAlias
		var in sql.NullInt64
		var name, expires, created, modified sql.NullString
		err := r.Scan(&a.ID, &a.Address, &in, &name, &a.Enabled, &a.Internal, &a.Description, &expires, &created, &modified)
		a.domain, a.Domain, a.Created, a.Modified = in.Int64, name.String, timeOf(created), timeOf(modified)
		if at := timeOf(expires); !at.IsZero() {
			a.ExpireAt = &at
		}
		found = append(found, &a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, t.addRecipients(found)
}

// addRecipients fills in the recipients of aliases, sorted.
func (t *Tx) addRecipients(aliases []*storedAlias) error {
	byID := make(map[int64]*storedAlias, len(aliases))
	ids := make([]int64, len(aliases))
	for i, a := range aliases {
		byID[a.ID], ids[i] = a, a.ID
		a.Recipients = []string{}
	}
	return inParts(ids, func(marks string, args []any) error {
		return t.each("SELECT alias_id, address FROM modoboa_admin_aliasrecipient WHERE alias_id IN ("+marks+") ORDER BY address, id",
			args, func(r *sql.Rows) error {
				var id int64
				var address string
				err := r.Scan(&id, &address)
				a := byID[id]
				a.Recipients = append(a.Recipients, address)
				return err
			})
	})
}

// live reports whether Postfix is told of an alias.
func (a *Alias) live(now time.Time) bool {
	return a.Enabled && (a.ExpireAt == nil || a.ExpireAt.After(now))
}

// inParts calls f with lists for IN (...) and their arguments, none of them
// longer than what every engine takes and plans quickly.
func inParts[T any](values []T, f func(marks string, args []any) error) error {
	const most = 1000
	for len(values) > 0 {
		part := values[:min(len(values), most)]
		values = values[len(part):]
		args := make([]any, len(part))
		for i, v := range part {
			args[i] = v
		}
		if err := f(strings.TrimSuffix(strings.Repeat("?, ", len(part)), ", "), args); err != nil {
			return err
		}
	}
	return nil
}

// joined is texts one after the other, in SQL.
func joined(d db.Dialect, parts ...string) string {
	if d == db.MySQL { // to which "||" is OR
		return "concat(" + strings.Join(parts, ", ") + ")"
	}
	return strings.Join(parts, " || ")
}
