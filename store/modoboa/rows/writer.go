package rows

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// Writer writes a [Set] in one transaction, table by table in the order that
// foreign keys want.
type Writer struct {
	DB   *db.DB
	Tx   *sql.Tx // of [Begin]
	Base *Base
	// Owner owns the new objects; nil: the first super administrator does.
	Owner *User
	// Total, if not nil, is told the number of rows before the first is
	// written, Progress how many more were.
	Total, Progress func(rows int)

	now  any
	full map[string]*sql.Stmt // by text
}

// Write gives ids to the new objects and writes their rows.
func (w *Writer) Write(ctx context.Context, s *Set) error {
	w.now = w.DB.Time(time.Now())
	old, err := w.oldGrants(ctx, s)
	if err != nil {
		return err
	}
	if err := w.giveIDs(ctx, s); err != nil {
		return err
	}
	batches := slices.Concat(w.domainBatches(s), w.accountBatches(s), w.aliasBatches(s), w.rightsBatches(s, append(w.grants(s), old...)))
	rows := 0
	for i := range batches {
		rows += batches[i].n
	}
	if w.Total != nil {
		w.Total(rows)
	}
	if err := w.clean(ctx, s); err != nil {
		return err
	}
	for i := range batches {
		if err := w.insert(ctx, &batches[i]); err != nil {
			if ctx.Err() != nil { // it ends the transaction and its statements, which may be what is complained of
				err = ctx.Err()
			}
			return fmt.Errorf("write %s: %w", batches[i].table, w.DB.Explain(err))
		}
	}
	return nil
}

// batch is rows of one table. The values of id columns are filled in when the
// ids are known, hence the function.
type batch struct {
	table string
	names []string
	n     int
	row   func(i int) []any
	rest  func(i int) Columns // further columns, nil if there are none
	// usual are the values of further columns of objects that have none; a
	// column that is not here gets NULL or the zero value of its type.
	usual Columns
}

// giveIDs reserves ids, in blocks.
func (w *Writer) giveIDs(ctx context.Context, s *Set) error {
	var transports []*int64
	for _, d := range s.Domains {
		if d.Transport != nil {
			transports = append(transports, &d.Transport.ID)
		}
	}
	for _, t := range []struct {
		table string
		ids   []*int64
	}{
		{"transport_transport", transports},
		{"admin_domain", pointers(s.Domains, func(d *Domain) *int64 { return &d.ID })},
		{"admin_domainalias", pointers(s.DomainAliases, func(a *DomainAlias) *int64 { return &a.ID })},
		{"core_user", pointers(s.Users, func(u *User) *int64 { return &u.ID })},
		{"admin_mailbox", pointers(s.Mailboxes, func(m *Mailbox) *int64 { return &m.ID })},
		{"admin_alias", pointers(s.Aliases, func(a *Alias) *int64 { return &a.ID })},
	} {
		if err := w.reserve(ctx, t.table, t.ids); err != nil {
			return fmt.Errorf("reserve ids of %s: %w", t.table, w.DB.Explain(err))
		}
	}
	return nil
}

func pointers[T any](all []*T, id func(*T) *int64) []*int64 {
	out := make([]*int64, len(all))
	for i, x := range all {
		out[i] = id(x)
	}
	return out
}

// reserve fills in ids that no other transaction will use. PostgreSQL hands
// them out of the table's sequence. SQLite has one writer, us. MySQL locks the
// end of the index, so that others wait with their INSERT until we commit.
func (w *Writer) reserve(ctx context.Context, table string, ids []*int64) error {
	if len(ids) == 0 {
		return nil
	}
	if w.DB.Dialect == db.PostgreSQL {
		i := 0
		return Each(ctx, w.DB, w.Tx, "SELECT nextval(pg_get_serial_sequence(?, 'id')) FROM generate_series(1, ?)",
			[]any{w.DB.Quote(table), len(ids)}, func(r *sql.Rows) error {
				err := r.Scan(ids[i])
				i++
				return err
			})
	}
	queries := []string{"SELECT id FROM " + table + " ORDER BY id DESC LIMIT 1", "SELECT seq FROM sqlite_sequence WHERE name = '" + table + "'"}
	if w.DB.Dialect == db.MySQL {
		queries[0] += " FOR UPDATE"
		queries[1] = "SELECT coalesce(auto_increment, 1) - 1 FROM information_schema.tables WHERE table_schema = database() AND table_name = '" + table + "'"
	}
	var last int64
	for _, q := range queries {
		err := Each(ctx, w.DB, w.Tx, q, nil, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			last = max(last, id)
			return err
		})
		if err != nil {
			return err
		}
	}
	for i, id := range ids {
		*id = last + int64(i) + 1
	}
	return nil
}

// clean takes away what would contradict the new rows.
func (w *Writer) clean(ctx context.Context, s *Set) error {
	exec := func(query string, args ...any) error {
		_, err := w.Tx.ExecContext(ctx, w.DB.Rebind(query), args...)
		return w.DB.Explain(err)
	}
	for _, a := range s.Repointed {
		if err := exec("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id = ?", a.ID); err != nil {
			return fmt.Errorf("write modoboa_admin_aliasrecipient: %w", err)
		}
		if err := exec("UPDATE admin_alias SET enabled = ? WHERE id = ?", a.Enabled, a.ID); err != nil {
			return fmt.Errorf("write admin_alias: %w", err)
		}
	}
	for _, name := range s.NoAccess {
		if err := exec("DELETE FROM relaydomains_recipientaccess WHERE pattern = ?", name); err != nil {
			return fmt.Errorf("write relaydomains_recipientaccess: %w", err)
		}
	}
	return nil
}

// maxParameters is below what each engine takes in one statement (SQLite
// 32,766, the others 65,535), maxRows keeps statements of sensible length.
const (
	maxParameters = 16000
	maxRows       = 500
)

// insert writes a batch with statements of many rows. Full ones have one text,
// which is prepared once for all sets of the transaction.
func (w *Writer) insert(ctx context.Context, b *batch) error {
	if b.n == 0 {
		return nil
	}
	names, more := w.complete(b)
	size := min(maxRows, maxParameters/len(names))
	args := make([]any, 0, size*len(names))
	for from := 0; from < b.n; from += size {
		n := min(size, b.n-from)
		args = args[:0]
		for i := from; i < from+n; i++ {
			args = append(append(args, b.row(i)...), more(i)...)
		}
		var err error
		switch {
		case n < size:
			_, err = w.Tx.ExecContext(ctx, w.insertText(b.table, names, n), args...)
		default:
			var full *sql.Stmt
			if full, err = w.prepared(ctx, w.insertText(b.table, names, n)); err == nil { //nolint:sqlclosecheck // it ends with the transaction
				_, err = full.ExecContext(ctx, args...)
			}
		}
		if err != nil {
			return err
		}
		if w.Progress != nil {
			w.Progress(n)
		}
	}
	return nil
}

// prepared returns a statement, which ends with the transaction.
func (w *Writer) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := w.full[text]; s != nil {
		return s, nil
	}
	s, err := w.Tx.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if w.full == nil {
		w.full = map[string]*sql.Stmt{}
	}
	w.full[text] = s
	return s, nil
}

// complete returns the columns of a batch: its own, further ones that its
// objects have values for, and those that this database requires beyond them.
// more are the values of the latter two in object i.
func (w *Writer) complete(b *batch) (names []string, more func(i int) []any) {
	table := w.Base.Tables[b.table]
	further := map[string]bool{}
	for name := range b.usual {
		further[name] = table.Has(name)
	}
	if b.rest != nil {
		for i := range b.n {
			for name := range b.rest(i) {
				further[name] = table.Has(name)
			}
		}
	}
	for name, c := range table {
		if c.required && name != "id" {
			further[name] = true
		}
	}
	maps.DeleteFunc(further, func(name string, has bool) bool { return !has || slices.Contains(b.names, name) })
	sorted := slices.Sorted(maps.Keys(further))
	usual := make([]any, len(sorted))
	for i, name := range sorted {
		if v, ok := b.usual[name]; ok {
			usual[i] = v
		} else if c := table[name]; c.required {
			usual[i] = c.filler(name, w.now)
		}
	}
	return append(slices.Clone(b.names), sorted...), func(i int) []any {
		if b.rest == nil {
			return usual
		}
		rest := b.rest(i)
		if len(rest) == 0 {
			return usual
		}
		out := slices.Clone(usual)
		for k, name := range sorted {
			if v, ok := rest[name]; ok {
				out[k] = v
			}
		}
		return out
	}
}

func (w *Writer) insertText(table string, names []string, rows int) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = w.DB.Quote(n)
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ") + ")"
	return w.DB.Rebind("INSERT INTO " + table + " (" + strings.Join(quoted, ", ") + ") VALUES " +
		strings.TrimSuffix(strings.Repeat(row+", ", rows), ", "))
}
