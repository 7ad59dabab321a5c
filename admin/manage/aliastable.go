package manage

import (
	"database/sql"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// aliasTable reads the aliases that Postfix is told of at a time.
type aliasTable struct {
	t   *Tx
	now time.Time
}

func (a *aliasTable) each(addresses []string, f func(address, to string)) error {
	return inParts(addresses, func(marks string, args []any) error {
		return a.t.each("SELECT a.address, "+a.t.timeText("admin_alias", "a", "expire_at")+`, r.address FROM admin_alias a
			JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE `+a.t.named("a.address")+" IN ("+marks+") AND a.enabled = ? ORDER BY r.id",
			append(args, true), func(r *sql.Rows) error {
				var address, to string
				var expires sql.NullString
				err := r.Scan(&address, &expires, &to)
				if at := timeOf(expires); to != "" && (at.IsZero() || at.After(a.now)) {
					f(store.Fold(address), store.Fold(to))
				}
				return err
			})
	})
}

// prefixes is how many addresses are asked for their extensions one by one.
// Beyond, all addresses with an extension are read: there are few.
const prefixes = 8

func (a *aliasTable) extended(bases []string) (out []string, err error) {
	column, delimiter := a.t.named("address"), string(a.t.m.delimiter())
	where, args := column+" LIKE ? ESCAPE '!'", []any{"_%" + likeEscaped(delimiter) + "%@%"}
	if len(bases) <= prefixes {
		var conditions []string
		args = nil
		for _, b := range bases {
			condition, more := a.t.beginning(column, b[:strings.LastIndexByte(b, '@')]+delimiter)
			conditions, args = append(conditions, condition), append(args, more...)
		}
		where = strings.Join(conditions, " OR ")
	}
	err = a.t.each("SELECT address FROM admin_alias WHERE enabled = ? AND ("+where+")", append([]any{true}, args...), func(r *sql.Rows) error {
		var address string
		err := r.Scan(&address)
		out = append(out, store.Fold(address))
		return err
	})
	return out, err
}

func (a *aliasTable) into(domain string, f func(address, to string)) error {
	where, args := a.t.ending("r.address", "@"+domain)
	unexpired := ""
	if a.t.tables["admin_alias"].Has("expire_at") {
		unexpired = " AND o.expire_at IS NULL"
	}
	extended := "_%" + likeEscaped(string(a.t.m.delimiter())) + "%@%"
	return a.t.each(`SELECT a.address, r.address FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id
		WHERE a.enabled = ? AND a.address <> '' AND `+where+` AND (r.address = ? OR r.address LIKE ? ESCAPE '!' OR NOT EXISTS
			(SELECT 1 FROM admin_alias o WHERE o.address = r.address AND o.enabled = ?`+unexpired+"))",
		append(append([]any{true}, args...), "@"+domain, extended, true), func(r *sql.Rows) error {
			var address, to string
			err := r.Scan(&address, &to)
			f(store.Fold(address), store.Fold(to))
			return err
		})
}

// beginning is a condition on a column of folded names: its text begins with a
// prefix. Each engine has a form for which it can use an index.
func (t *Tx) beginning(column, prefix string) (string, []any) {
	if t.db.Dialect == db.SQLite { // LIKE knows no case there, the index does
		last := len(prefix) - 1
		return "(" + column + " >= ? AND " + column + " < ?)", []any{prefix, prefix[:last] + string(prefix[last]+1)}
	}
	return column + " LIKE ? ESCAPE '!'", []any{likeEscaped(prefix) + "%"}
}
