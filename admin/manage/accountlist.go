package manage

import (
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// Accounts lists the accounts that the caller has access to. Query.Search
// looks in names and mail addresses, Query.Domain for mailboxes in a domain.
func (t *Tx) Accounts(q Query) (Page[Account], error) {
	var p Page[Account]
	from, where, args, err := t.accountFilter(&q)
	if err != nil {
		return p, err
	}
	sorted := from
	switch q.Sort {
	case "role":
		sorted += ` LEFT JOIN (SELECT user_id, min(group_id) AS role FROM core_user_groups GROUP BY user_id) ro ON ro.user_id = u.id`
	case "quota", "modified":
		sorted = withMailbox(from)
	}
	order := q.page(map[string]string{
		"name": "u.username", "id": "u.id", "created": "u.date_joined", "modified": "m.last_modification",
		"enabled": "u.is_active", "role": "u.is_superuser, ro.role", "quota": "m.quota", "last_login": "u.last_login IS NULL, u.last_login",
	}, "u.username", "u.id")
	if err := t.deep(&q); err != nil {
		return p, err
	}
	ids, err := t.ids("SELECT u.id FROM "+sorted+" WHERE "+where+order, args...)
	if err != nil {
		return p, err
	}
	p.Total = max(q.Offset, 0) + len(ids)
	if last := q.Limit > 0 && len(ids) < q.Limit && (len(ids) > 0 || q.Offset <= 0); !last { // a search that finds little is not made twice
		n, err := t.total(&q, "SELECT count(*) FROM "+from+" WHERE "+where, args...)
		if err != nil {
			return p, err
		}
		p.Total = int(n)
	}
	p.Items, err = t.accountsBy(ids)
	return p, err
}

// withMailbox joins the mailbox to accounts, unless that is done.
func withMailbox(from string) string {
	if strings.Contains(from, "admin_mailbox m") {
		return from
	}
	return from + " LEFT JOIN admin_mailbox m ON m.user_id = u.id"
}

// accountFilter says which accounts a query asks for, as FROM and WHERE.
func (t *Tx) accountFilter(q *Query) (from, where string, args []any, err error) {
	from = "core_user u"
	where = t.visible(UserObject, "u.id")
	and := func(condition string, more ...any) { where, args = where+" AND "+condition, append(args, more...) }
	if q.Domain != "" {
		from = withMailbox(from) + " JOIN admin_domain d ON d.id = m.domain_id"
		and("d.name = ?", store.Fold(q.Domain))
	}
	if q.Search != "" { // one text is folded and searched faster than four
		and("lower("+t.words("u.username", "u.first_name", "u.last_name", "u.email")+") LIKE ? ESCAPE '!'", like(q.Search))
	}
	switch q.Role {
	case "":
	case SuperAdmins:
		and("u.is_superuser = ?", true)
	default: // the first of the groups is the role
		base, err := t.baseRows()
		if err != nil {
			return "", "", nil, err
		}
		group := base.Groups[string(q.Role)]
		from += " JOIN core_user_groups ug ON ug.user_id = u.id"
		and("ug.group_id = ? AND u.is_superuser = ? AND NOT EXISTS (SELECT 1 FROM core_user_groups f WHERE f.user_id = u.id AND f.group_id < ?)", group, false, group)
	}
	if q.Active.Set {
		and("u.is_active = ?", q.Active.Value)
	}
	return from, where, args, nil
}

// words joins texts with blanks, in SQL.
func (t *Tx) words(texts ...string) string {
	if t.db.Dialect == db.MySQL {
		return "concat(" + strings.Join(texts, ", ' ', ") + ")"
	}
	return strings.Join(texts, " || ' ' || ")
}
