package manage

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// Caller returns on whose behalf the transaction acts.
func (t *Tx) Caller() *Caller { return t.caller }

// each runs a query, whose parameters are "?", and calls scan for each row.
func (t *Tx) each(query string, args []any, scan func(*sql.Rows) error) error {
	if err := rows.Each(t.ctx, t.db, t.tx, query, args, scan); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return nil
}

// find scans the first row of a query and reports whether there was one.
func (t *Tx) find(query string, args []any, to ...any) (bool, error) {
	err := t.tx.QueryRowContext(t.ctx, t.db.Rebind(query), args...).Scan(to...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read: %w", t.db.Explain(err))
	}
	return true, nil
}

// count returns the one number that a query gives, 0 for none and for NULL.
func (t *Tx) count(query string, args ...any) (int64, error) {
	var n sql.NullInt64
	_, err := t.find(query, args, &n)
	return n.Int64, err
}

// ids returns the numbers that a query gives.
func (t *Tx) ids(query string, args ...any) ([]int64, error) {
	var out []int64
	err := t.each(query, args, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		out = append(out, id)
		return err
	})
	return out, err
}

// exec runs a statement and returns how many rows it changed.
func (t *Tx) exec(query string, args ...any) (int64, error) {
	result, err := t.tx.ExecContext(t.ctx, t.db.Rebind(query), args...)
	if err != nil {
		return 0, fmt.Errorf("write: %w", t.db.Explain(err))
	}
	return result.RowsAffected()
}

// update sets columns of one row. Those that this release of Modoboa does not
// have are left out; last_modification is kept where there is one, as Django's
// auto_now does.
func (t *Tx) update(table string, id int64, set rows.Columns) error {
	if t.tables[table].Has("last_modification") {
		set["last_modification"] = t.db.Time(time.Now())
	}
	var names []string
	var args []any
	for name, v := range set {
		if t.tables[table].Has(name) {
			names = append(names, t.db.Quote(name)+" = ?")
			args = append(args, v)
		}
	}
	if len(names) == 0 {
		return nil
	}
	_, err := t.exec("UPDATE "+table+" SET "+strings.Join(names, ", ")+" WHERE id = ?", append(args, id)...)
	return err
}

// make writes new objects, which the caller will own.
func (t *Tx) make(s *rows.Set) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	if s.AdminOf == nil {
		s.AdminOf = map[*rows.User][]*rows.Domain{}
	}
	w := rows.Writer{DB: t.db, Tx: t.tx, Base: base, Owner: t.owner(base)}
	return w.Write(t.ctx, s)
}

// baseRows reads what new objects need, once.
func (t *Tx) baseRows() (*rows.Base, error) {
	if t.base != nil {
		return t.base, nil
	}
	var err error
	t.base, err = rows.ReadBase(t.ctx, t.db, t.tx, t.tables, t.m.o.Parameters)
	return t.base, err
}

// owner is who owns what the caller makes: himself, or the first super
// administrator if the caller is the command line.
func (t *Tx) owner(b *rows.Base) *rows.User {
	if t.caller.Root {
		return nil
	}
	for _, u := range b.Superusers {
		if u.ID == t.caller.ID {
			return u
		}
	}
	return &rows.User{ID: t.caller.ID, Login: t.caller.Name, Role: string(t.caller.Role), Privileged: t.caller.Role == Resellers}
}

// column is a column in a SELECT, or what stands for it in a release that does
// not have it.
func (t *Tx) column(table, alias, column, otherwise string) string {
	if t.tables[table].Has(column) {
		return alias + "." + t.db.Quote(column)
	}
	return otherwise
}

// like makes of a search text a pattern for LIKE ... ESCAPE '!', which finds it
// anywhere in a folded name.
func like(search string) string {
	return "%" + likeEscaped(strings.ToLower(strings.TrimSpace(search))) + "%"
}

// likeEscaped is a text in a pattern for LIKE ... ESCAPE '!'.
func likeEscaped(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

// page completes a SELECT by order and limits. What is equal in the order is
// brought into one by the columns then, so that no page misses a row.
func (q *Query) page(columns map[string]string, first string, then ...string) string {
	by, ok := columns[q.Sort]
	if !ok {
		by = first
	}
	if q.Desc {
		by += " DESC"
	}
	for _, column := range then {
		by += ", " + column
	}
	limit := q.Limit
	if limit <= 0 || limit > MaxList {
		limit = MaxList
	}
	return fmt.Sprintf(" ORDER BY %s LIMIT %d OFFSET %d", by, limit, max(q.Offset, 0))
}

// deepPage is how many rows lie before a page that deep prepares for.
const deepPage = 1000

// deep prepares for a page that much lies before: all that is sorted, and a
// hundred thousand names do not fit into the 4 MB that PostgreSQL sorts in
// unless it is told so. For this transaction alone.
func (t *Tx) deep(q *Query) error {
	if t.db.Dialect != db.PostgreSQL || q.Offset < deepPage {
		return nil
	}
	_, err := t.exec("SET LOCAL work_mem = '32MB'")
	return err
}

// timeText is the text of a time column in a SELECT, NULL in a release that does
// not have it; timeOf reads it.
func (t *Tx) timeText(table, alias, column string) string {
	if !t.tables[table].Has(column) {
		return "NULL"
	}
	return t.db.Text(alias + "." + column)
}

// timeOf reads what timeText selected: the zero time for NULL and what is none.
func timeOf(s sql.NullString) time.Time {
	at, _ := rows.ParseTime(s.String)
	return at
}

func asError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
