package alarm

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// table is admin_alarm in a transaction.
type table struct {
	ctx context.Context
	d   *db.DB
	tx  *sql.Tx
}

// errNoPlace says that the database cannot hold an alarm.
var errNoPlace = errors.New("the database has no place for it")

// hasTable reports whether there is a table of alarms.
func hasTable(ctx context.Context, d *db.DB) (bool, error) {
	cols, err := d.Columns(ctx, d, "admin_alarm")
	return cols["internal_name"], err
}

// writeRows brings copies of records into the table, in one transaction in which
// no other host writes any.
func writeRows(ctx context.Context, d *db.DB, all []*record) error {
	tx, err := rows.Begin(ctx, d)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	t := &table{ctx, d, tx}
	for _, r := range all {
		if err := t.write(r); err != nil {
			return fmt.Errorf("alarm %s about %q: %w", r.kind, r.subject, err)
		}
	}
	return d.Explain(tx.Commit())
}

// write finds or makes the row of a record, and closes it if that is closed. What
// there is no row for stays here.
func (t *table) write(r *record) error {
	if r.row == 0 {
		o, err := t.find(r.subject)
		if errors.Is(err, errNoPlace) {
			r.place = here
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.row(r, o); err != nil {
			return err
		}
	}
	r.place = inTable
	if !r.open() && r.status != statusClosed {
		if err := t.exec("UPDATE admin_alarm SET status = ?, closed = ? WHERE id = ? AND status = ?", statusClosed, t.d.Time(r.closed), r.row, statusOpen); err != nil {
			return err
		}
		r.status = statusClosed
	}
	return nil
}

// object is what a row is about.
type object struct {
	domain, mailbox sql.NullInt64
	byTitle         bool // the columns do not say all: the title does
}

// find finds the rows of a subject.
func (t *table) find(subject string) (o object, err error) {
	domain, mailbox := split(subject)
	if domain == "" {
		return object{byTitle: true}, nil
	}
	if o.domain, err = t.id("SELECT id FROM admin_domain WHERE %s = ?", []string{"name"}, domain); err != nil {
		return o, err
	}
	if !o.domain.Valid {
		return o, errNoPlace
	}
	if mailbox == "" {
		return o, nil
	}
	local := strings.TrimSuffix(mailbox, "@"+domain)
	o.mailbox, err = t.id("SELECT id FROM admin_mailbox WHERE domain_id = ? AND %s = ?", []string{"address"}, o.domain.Int64, local)
	o.byTitle = !o.mailbox.Valid
	return o, err
}

// id finds a row by names, in folded spelling if there is none in that of the
// database.
func (t *table) id(query string, column []string, args ...any) (id sql.NullInt64, err error) {
	for _, c := range []string{column[0], "lower(" + column[0] + ")"} {
		err = t.tx.QueryRowContext(t.ctx, t.d.Rebind(fmt.Sprintf(query, c)+" ORDER BY id LIMIT 1"), args...).Scan(&id)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return id, t.d.Explain(err)
		}
	}
	return id, nil
}

// row finds the row of a record or makes it. The one that was made for it has its
// time; another open one is somebody else's.
func (t *table) row(r *record, o object) error {
	found, mine, err := t.existing(r, o)
	if err != nil || found {
		r.ours = mine
		return err
	}
	r.status = statusOpen
	err = t.exec("INSERT INTO admin_alarm (created, closed, status, title, internal_name, domain_id, mailbox_id) VALUES (?, NULL, ?, ?, ?, ?, ?)",
		t.d.Time(r.opened), statusOpen, r.title, name(r.kind), o.domain, o.mailbox)
	if t.d.BadData(err) {
		return fmt.Errorf("%w: %w", errNoPlace, err)
	}
	if err == nil {
		_, r.ours, err = t.existing(r, o)
	}
	return err
}

// existing looks for a row of a record and takes its number and status.
func (t *table) existing(r *record, o object) (found, mine bool, err error) {
	where, args := "internal_name = ? AND (created = ? OR status = ?)", []any{name(r.kind), t.d.Time(r.opened), statusOpen}
	for _, c := range []struct {
		column string
		id     sql.NullInt64
	}{{"domain_id", o.domain}, {"mailbox_id", o.mailbox}} {
		if c.id.Valid {
			where, args = where+" AND "+c.column+" = ?", append(args, c.id.Int64)
		} else {
			where += " AND " + c.column + " IS NULL"
		}
	}
	if o.byTitle {
		where, args = where+" AND title = ?", append(args, r.title)
	}
	args = append(args, t.d.Time(r.opened))
	err = t.tx.QueryRowContext(t.ctx, t.d.Rebind("SELECT id, status, CASE WHEN created = ? THEN 1 ELSE 0 END AS mine FROM admin_alarm WHERE "+where+" ORDER BY mine DESC, id LIMIT 1"),
		append(args[len(args)-1:], args[:len(args)-1]...)...).Scan(&r.row, &r.status, &mine)
	if errors.Is(err, sql.ErrNoRows) {
		return false, false, nil
	}
	return err == nil, mine, t.d.Explain(err)
}

func (t *table) exec(query string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, t.d.Rebind(query), args...)
	return err
}

// name is a kind in the column internal_name, varchar(120).
func name(kind string) string {
	if runes := []rune(kind); len(runes) > 120 {
		return string(runes[:120])
	}
	return kind
}

// closedRow is when a row was closed; zero: it is gone.
type closedRow struct {
	id int64
	at time.Time
}

// lookRows returns which of rows that were open are not any more, and how many
// are open in all.
func lookRows(ctx context.Context, d *db.DB, ids []int64) (gone []closedRow, open int, err error) {
	if err := rows.Each(ctx, d, d, "SELECT count(*) FROM admin_alarm WHERE status = ?", []any{statusOpen}, func(r *sql.Rows) error { return r.Scan(&open) }); err != nil {
		return nil, 0, fmt.Errorf("count the open alarms: %w", err)
	}
	const many = 500
	for len(ids) > 0 {
		some := ids[:min(len(ids), many)]
		ids = ids[len(some):]
		closed, err := closedOf(ctx, d, some)
		if err != nil {
			return nil, 0, fmt.Errorf("look at the open alarms: %w", err)
		}
		gone = append(gone, closed...)
	}
	return gone, open, nil
}

func closedOf(ctx context.Context, d *db.DB, ids []int64) (gone []closedRow, err error) {
	seen := map[int64]bool{}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	query := "SELECT id, status, " + d.Text("closed") + " FROM admin_alarm WHERE id IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(ids)), ", ") + ")"
	err = rows.Each(ctx, d, d, query, args, func(r *sql.Rows) error {
		var c closedRow
		var status int
		var at sql.NullString
		err := r.Scan(&c.id, &status, &at)
		seen[c.id] = true
		if status != statusOpen {
			c.at, _ = rows.ParseTime(at.String)
			gone = append(gone, c)
		}
		return err
	})
	for _, id := range ids {
		if !seen[id] {
			gone = append(gone, closedRow{id: id})
		}
	}
	return gone, err
}
