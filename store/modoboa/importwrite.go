package modoboa

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// writer writes a plan in one transaction, table by table in the order that
// foreign keys want.
type writer struct {
	db       *db.DB
	tx       *sql.Tx
	world    *world
	progress func(rows int)
	now      any
}

// batch is rows of one table. The values of id columns are filled in when the
// ids are known, hence the function.
type batch struct {
	table string
	names []string
	n     int
	row   func(i int) []any
}

// writePlan gives ids to all new objects and writes them. It calls total with
// the number of rows before the first is written.
func (w *writer) writePlan(ctx context.Context, p *plan, total func(rows int)) error {
	w.now = w.db.Time(time.Now())
	if err := w.giveIDs(ctx, p); err != nil {
		return err
	}
	grants, err := w.grants(ctx, p)
	if err != nil {
		return err
	}
	batches := slices.Concat(w.domainBatches(p), w.accountBatches(p), w.aliasBatches(p), w.rightsBatches(p, grants))
	rows := 0
	for i := range batches {
		rows += batches[i].n
	}
	total(rows)
	if err := w.clean(ctx, p); err != nil {
		return err
	}
	for i := range batches {
		if err := w.insert(ctx, &batches[i]); err != nil {
			return fmt.Errorf("write %s: %w", batches[i].table, w.db.Explain(err))
		}
	}
	p.report.Created["mailbox"] = len(p.mailboxes)
	p.report.Created["recipient"] = len(p.recipients) - len(p.mailboxes) - len(p.domainAliases)
	return nil
}

// giveIDs reserves ids, in blocks.
func (w *writer) giveIDs(ctx context.Context, p *plan) error {
	var transports []*int64
	for _, d := range p.domains {
		if d.transport != nil {
			transports = append(transports, &d.transport.id)
		}
	}
	for _, t := range []struct {
		table string
		ids   []*int64
	}{
		{"transport_transport", transports},
		{"admin_domain", pointers(p.domains, func(d *domain) *int64 { return &d.id })},
		{"admin_domainalias", pointers(p.domainAliases, func(a *domainAlias) *int64 { return &a.id })},
		{"core_user", pointers(p.users, func(u *user) *int64 { return &u.id })},
		{"admin_mailbox", pointers(p.mailboxes, func(m *mailbox) *int64 { return &m.id })},
		{"admin_alias", pointers(p.aliases, func(a *alias) *int64 { return &a.id })},
	} {
		if err := w.reserve(ctx, t.table, t.ids); err != nil {
			return fmt.Errorf("reserve ids of %s: %w", t.table, w.db.Explain(err))
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
func (w *writer) reserve(ctx context.Context, table string, ids []*int64) error {
	if len(ids) == 0 {
		return nil
	}
	if w.db.Dialect == db.PostgreSQL {
		i := 0
		return eachRow(ctx, w.db, w.tx, "SELECT nextval(pg_get_serial_sequence(?, 'id')) FROM generate_series(1, ?)",
			[]any{w.db.Quote(table), len(ids)}, func(r *sql.Rows) error {
				err := r.Scan(ids[i])
				i++
				return err
			})
	}
	queries := []string{"SELECT id FROM " + table + " ORDER BY id DESC LIMIT 1", "SELECT seq FROM sqlite_sequence WHERE name = '" + table + "'"}
	if w.db.Dialect == db.MySQL {
		queries[0] += " FOR UPDATE"
		queries[1] = "SELECT coalesce(auto_increment, 1) - 1 FROM information_schema.tables WHERE table_schema = database() AND table_name = '" + table + "'"
	}
	var last int64
	for _, q := range queries {
		err := eachRow(ctx, w.db, w.tx, q, nil, func(r *sql.Rows) error {
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
func (w *writer) clean(ctx context.Context, p *plan) error {
	exec := func(query string, args ...any) error {
		_, err := w.tx.ExecContext(ctx, w.db.Rebind(query), args...)
		return w.db.Explain(err)
	}
	for _, a := range p.repointed {
		if err := exec("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id = ?", a.id); err != nil {
			return fmt.Errorf("write modoboa_admin_aliasrecipient: %w", err)
		}
		if err := exec("UPDATE admin_alias SET enabled = ? WHERE id = ?", a.enabled, a.id); err != nil {
			return fmt.Errorf("write admin_alias: %w", err)
		}
	}
	for _, name := range p.noAccess {
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
// which is prepared once.
func (w *writer) insert(ctx context.Context, b *batch) error {
	if b.n == 0 {
		return nil
	}
	names, fill := w.complete(b)
	size := min(maxRows, maxParameters/len(names))
	var full *sql.Stmt
	args := make([]any, 0, size*len(names))
	for from := 0; from < b.n; from += size {
		n := min(size, b.n-from)
		args = args[:0]
		for i := from; i < from+n; i++ {
			args = append(append(args, b.row(i)...), fill...)
		}
		var err error
		switch {
		case n < size:
			_, err = w.tx.ExecContext(ctx, w.insertText(b.table, names, n), args...)
		case full == nil:
			if full, err = w.tx.PrepareContext(ctx, w.insertText(b.table, names, n)); err != nil {
				return err
			}
			defer full.Close()
			_, err = full.ExecContext(ctx, args...)
		default:
			_, err = full.ExecContext(ctx, args...)
		}
		if err != nil {
			return err
		}
		w.progress(n)
	}
	return nil
}

// complete adds the columns that this database requires beyond the batch's.
func (w *writer) complete(b *batch) (names []string, fill []any) {
	names = slices.Clone(b.names)
	var more []string
	for name, c := range w.world.tables[b.table] {
		if c.required && !slices.Contains(b.names, name) && name != "id" {
			more = append(more, name)
		}
	}
	sort.Strings(more)
	for _, name := range more {
		fill = append(fill, w.world.tables[b.table][name].filler(name, w.now))
	}
	return append(names, more...), fill
}

func (w *writer) insertText(table string, names []string, rows int) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = w.db.Quote(n)
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ") + ")"
	return w.db.Rebind("INSERT INTO " + table + " (" + strings.Join(quoted, ", ") + ") VALUES " +
		strings.TrimSuffix(strings.Repeat(row+", ", rows), ", "))
}

// settings is transport_transport._settings of the service relay.
func (t *transport) settings() string {
	b, _ := json.Marshal(struct {
		Host   string `json:"relay_target_host"`
		Port   int    `json:"relay_target_port"`
		Verify bool   `json:"relay_verify_recipients"`
	}{t.host, t.port, t.verify})
	return string(b)
}
