package postfixadmin

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// source reads a PostfixAdmin database in one consistent view.
type source struct {
	db     *db.DB
	tx     *sql.Tx
	tables map[string]*table
}

// table is a table of PostfixAdmin as far as we read it, in the columns that
// this release has.
type table struct {
	name    string // PostfixAdmin's, without prefix
	stored  string // quoted, with prefix
	key     string
	columns []string
}

// row is a row by column, as text. NULL and columns that are not there are "".
type row map[string]string

// layout is what we read. need are the columns without which a table is not
// PostfixAdmin's; tables without any need not be there.
func layout() []struct{ name, key, need, more string } {
	return []struct{ name, key, need, more string }{
		{"domain", "domain", "domain active", "description aliases mailboxes maxquota quota transport backupmx password_expiry created modified"},
		{"mailbox", "username", "username password active", "domain name maildir quota created modified phone email_other password_expiry smtp_active totp_secret"},
		{"alias", "address", "address goto active", "domain description created modified"},
		{"alias_domain", "alias_domain", "", "alias_domain target_domain active created modified"},
		{"admin", "username", "", "username password superadmin active created phone email_other"},
		{"domain_admins", "username", "", "username domain active"},
		{"quota2", "username", "", "username bytes messages"},
		{"vacation", "email", "", "email active activefrom activeuntil"},
		{"fetchmail", "id", "", "id mailbox src_user src_server"},
		{"dkim_key", "id", "", "id domain_name selector"},
		{"mailbox_app_password", "id", "", "id username description"},
		{"totp_exception_address", "id", "", "id username ip"},
	}
}

// openSource begins to read and finds out which tables and columns there are.
func openSource(ctx context.Context, d *db.DB, prefix string) (*source, error) {
	tx, err := d.BeginSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	s := &source{db: d, tx: tx, tables: map[string]*table{}}
	for _, l := range layout() {
		have, err := d.Columns(ctx, tx, prefix+l.name)
		if err == nil {
			err = s.add(l.name, prefix+l.name, l.key, strings.Fields(l.need), strings.Fields(l.more), have)
		}
		if err != nil {
			_ = tx.Rollback()
			return nil, err
		}
	}
	return s, nil
}

func (s *source) add(name, stored, key string, need, more []string, have map[string]bool) error {
	for _, c := range need {
		if !have[c] {
			what := "table " + stored
			if len(have) > 0 {
				what = "column " + stored + "." + c
			}
			return fmt.Errorf("%s has no %s: name the database of PostfixAdmin 2.3 or newer, and --table-prefix if its tables have one", s.db.Name, what)
		}
	}
	t := &table{name: name, stored: s.db.Quote(stored), key: key, columns: need}
	for _, c := range more {
		if have[c] {
			t.columns = append(t.columns, c)
		}
	}
	if have[key] {
		s.tables[name] = t
	}
	return nil
}

// has reports whether there is a column.
func (s *source) has(name, column string) bool {
	t := s.tables[name]
	return t != nil && slices.Contains(t.columns, column)
}

// count returns the number of rows of a table, 0 if there is none.
func (s *source) count(ctx context.Context, name string) (n int64, err error) {
	t := s.tables[name]
	if t == nil {
		return 0, nil
	}
	err = rows.Each(ctx, s.db, s.tx, "SELECT count(*) FROM "+t.stored, nil, func(r *sql.Rows) error { return r.Scan(&n) })
	return n, s.wrap(t, err)
}

// pageRows is how many rows are read and written at once.
const pageRows = 2000

// pages reads a table by its primary key and gives f some rows at a time. Each
// page is a query of its own: no cursor stands open, and no server loses its
// patience, while the target is written.
func (s *source) pages(ctx context.Context, name string, f func([]row) error) error {
	t := s.tables[name]
	if t == nil {
		return nil
	}
	if err := s.checkKey(ctx, t); err != nil {
		return err
	}
	key := "t." + s.db.Quote(t.key)
	query := s.selects(t) + "%s ORDER BY " + key + fmt.Sprintf(" LIMIT %d", pageRows)
	where, args := "", []any(nil)
	for {
		page, last, err := s.read(ctx, t, fmt.Sprintf(query, where), args)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := f(page); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
		where, args = " WHERE "+key+" > ?", []any{last}
	}
}

// selects is the SELECT of a table: its columns as text, and the key as it is,
// which the next page begins after.
func (s *source) selects(t *table) string {
	list := make([]string, len(t.columns), len(t.columns)+1)
	for i, c := range t.columns {
		list[i] = s.db.Text("t." + s.db.Quote(c))
	}
	list = append(list, "t."+s.db.Quote(t.key))
	return "SELECT " + strings.Join(list, ", ") + " FROM " + t.stored + " t"
}

func (s *source) read(ctx context.Context, t *table, query string, args []any) (page []row, last any, err error) {
	err = rows.Each(ctx, s.db, s.tx, query, args, func(r *sql.Rows) error {
		values := make([]sql.NullString, len(t.columns))
		into := make([]any, len(values), len(values)+1)
		for i := range values {
			into[i] = &values[i]
		}
		if err := r.Scan(append(into, &last)...); err != nil {
			return err
		}
		if b, ok := last.([]byte); ok {
			last = string(b)
		}
		found := make(row, len(values))
		for i, c := range t.columns {
			found[c] = values[i].String
		}
		page = append(page, found)
		return nil
	})
	return page, last, s.wrap(t, err)
}

// checkKey makes sure that no page ends between two rows with one key. The
// primary key sees to it, where it was not lost on the way.
func (s *source) checkKey(ctx context.Context, t *table) error {
	key := s.db.Quote(t.key)
	var twice sql.NullString
	err := rows.Each(ctx, s.db, s.tx, "SELECT "+s.db.Text("min("+key+")")+" FROM "+t.stored+" GROUP BY "+key+
		" HAVING count(*) > 1 OR min("+key+") IS NULL LIMIT 1", nil, func(r *sql.Rows) error {
		err := r.Scan(&twice)
		if err == nil {
			err = fmt.Errorf("%q is there more than once or empty: the primary key (%s) is missing; make it again", rows.Shown(twice.String), t.key)
		}
		return err
	})
	return s.wrap(t, err)
}

// all reads a table without a key that could be relied on, which is no large
// one.
func (s *source) all(ctx context.Context, name string) ([]row, error) {
	t := s.tables[name]
	if t == nil {
		return nil, nil
	}
	page, _, err := s.read(ctx, t, s.selects(t)+" ORDER BY 1, 2", nil)
	return page, err
}

// keyed returns the rows whose key is one of some names.
func (s *source) keyed(ctx context.Context, name string, keys map[string]bool) ([]row, error) {
	return s.picked(ctx, name, "%s", keys)
}

// folded returns the rows whose key is one of some folded names in any
// spelling. No index helps with that.
func (s *source) folded(ctx context.Context, name string, keys map[string]bool) ([]row, error) {
	return s.picked(ctx, name, "lower(%s)", keys)
}

func (s *source) picked(ctx context.Context, name, key string, keys map[string]bool) (all []row, err error) {
	t := s.tables[name]
	if t == nil {
		return nil, nil
	}
	where := s.selects(t) + " WHERE " + fmt.Sprintf(key, "t."+s.db.Quote(t.key))
	for part := range slices.Chunk(slices.Sorted(maps.Keys(keys)), inList) {
		list, args := in(s.db.Dialect, part)
		page, _, err := s.read(ctx, t, where+list, args)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return all, nil
}

// inList is how many values stand in one IN list.
const inList = 500

// in is a condition that what stands before it is one of some values, and its
// arguments. PostgreSQL takes an array, which it parses and plans much faster
// than a list.
func in[T any](d db.Dialect, values []T) (condition string, args []any) {
	if d == db.PostgreSQL {
		return " = ANY (?)", []any{values}
	}
	for _, v := range values {
		args = append(args, v)
	}
	return " IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ") + ")", args
}

func (s *source) wrap(t *table, err error) error {
	if err != nil {
		return fmt.Errorf("read %s of %s: %w", t.name, s.db.Name, err)
	}
	return nil
}

// loose returns the tables of a MySQL database whose engine knows no
// transactions, MyISAM above all: they are not read in one state.
func (s *source) loose(ctx context.Context, prefix string) (names []string, err error) {
	if s.db.Dialect != db.MySQL {
		return nil, nil
	}
	err = rows.Each(ctx, s.db, s.tx, "SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND engine NOT IN ('InnoDB') ORDER BY 1", nil,
		func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			if s.tables[strings.TrimPrefix(name, prefix)] != nil {
				names = append(names, name)
			}
			return err
		})
	return names, err
}
