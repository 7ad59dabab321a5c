package modoboa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// InspectCapture says how far capture is installed. The error is a
// *CaptureError.
func InspectCapture(ctx context.Context, d *db.DB) (*Capture, error) {
	tx, err := d.BeginSnapshot(ctx)
	if err != nil {
		return nil, captureError(d, "look at the triggers", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	c, err := inspectCapture(ctx, d, tx)
	if err == nil && c.State != captureAbsent {
		err = countLog(ctx, d, tx, c)
	}
	if err != nil {
		return nil, captureError(d, "look at the triggers", err)
	}
	return c, nil
}

// inspectCapture looks whether the two tables, and all triggers of all tables
// that are read, are there and enabled.
func inspectCapture(ctx context.Context, d *db.DB, q db.Queryer) (*Capture, error) {
	all, err := d.Tables(ctx, q)
	if err != nil {
		return nil, err
	}
	found, err := foundTriggers(ctx, d, q, true)
	if err != nil {
		return nil, err
	}
	c := &Capture{State: captureInstalled}
	ours := 0
	for _, name := range []string{captureTable, logTable} {
		if slices.Contains(all, name) {
			ours++
		} else {
			c.Missing = append(c.Missing, name)
		}
	}
	if ours == 2 {
		if err := readEpoch(ctx, d, q, c); err != nil {
			return nil, err
		}
	}
	hidden := false
	if d.Dialect == db.MySQL && len(found) == 0 && c.Epoch != "" {
		if hidden, err = triggersHidden(ctx, q); err != nil {
			return nil, err
		}
	}
	for _, t := range tables() {
		if slices.Contains(all, t.name) && !hidden && !allFound(d, &t, found) {
			c.Missing = append(c.Missing, t.name)
		}
	}
	switch {
	case ours == 0 && len(found) == 0:
		c.State, c.Missing = captureAbsent, nil
	case len(c.Missing) > 0:
		c.State = captureIncomplete
	}
	return c, nil
}

func allFound(d *db.DB, t *table, found []trigger) bool {
	for _, want := range triggersOf(d, t, "") {
		if !slices.ContainsFunc(found, func(f trigger) bool { return f.name == want.name && f.table == want.table }) {
			return false
		}
	}
	return true
}

// readEpoch reads the row of vmapd_capture; without one, or with one of
// another version, the capture counts as incomplete.
func readEpoch(ctx context.Context, d *db.DB, q db.Queryer, c *Capture) error {
	var version int
	err := scanOne(ctx, q, "select version, epoch, pruned from "+captureTable, &version, &c.Epoch, &c.Pruned)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		c.Missing = append(c.Missing, captureTable)
		return nil
	case err != nil:
		return err
	case version != captureVersion:
		c.Epoch = ""
		c.Missing = append(c.Missing, captureTable)
	}
	if d.Dialect == db.MySQL {
		c.Unusable, err = mysqlUnusable(ctx, q)
	}
	return err
}

// foundTriggers lists our triggers, only those that fire if enabled is true.
func foundTriggers(ctx context.Context, d *db.DB, q db.Queryer, enabled bool) ([]trigger, error) {
	query := `select name, tbl_name from sqlite_master where type = 'trigger' and name like 'vmapd!_%' escape '!'`
	switch d.Dialect {
	case db.PostgreSQL:
		query = `select tgname::text, c.relname::text from pg_trigger t join pg_class c on c.oid = tgrelid
			where not tgisinternal and tgname like 'vmapd!_%' escape '!'
			and c.relnamespace = coalesce((select relnamespace from pg_class where oid = to_regclass('admin_domain')), to_regnamespace(current_schema()))`
		if enabled {
			query += ` and tgenabled in ('O', 'A')`
		}
	case db.MySQL:
		query = `select trigger_name, event_object_table from information_schema.triggers
			where trigger_schema = database() and trigger_name like 'vmapd!_%' escape '!'`
	}
	var all []trigger
	err := rows.Each(ctx, d, q, query, nil, func(r *sql.Rows) error {
		var t trigger
		if err := r.Scan(&t.name, &t.table); err != nil {
			return err
		}
		all = append(all, t)
		return nil
	})
	return all, err
}

// triggersHidden reports whether MySQL shows this user no triggers because it
// lacks the TRIGGER privilege. Then the row of vmapd_capture, which is written
// when all triggers are there, must do.
func triggersHidden(ctx context.Context, q db.Queryer) (bool, error) {
	var n int
	err := scanOne(ctx, q, `select
		(select count(*) from information_schema.user_privileges where privilege_type in ('TRIGGER', 'SUPER')) +
		(select count(*) from information_schema.schema_privileges where privilege_type = 'TRIGGER') +
		(select count(*) from information_schema.table_privileges where privilege_type = 'TRIGGER')`, &n)
	return n == 0, err
}

// mysqlUnusable says why ids in the log may appear later than those above them
// for another reason than an open transaction that a lock would reveal: they
// come from another server.
func mysqlUnusable(ctx context.Context, q db.Queryer) (string, error) {
	var readOnly, step int
	if err := scanOne(ctx, q, "select @@global.read_only, @@session.auto_increment_increment", &readOnly, &step); err != nil {
		return "", err
	}
	var name, wsrep string
	err := scanOne(ctx, q, "show global variables like 'wsrep_on'", &name, &wsrep)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return "", err
	case wsrep == "ON":
		return "a Galera cluster gives no order of commits", nil
	case readOnly != 0:
		return "a replica does not show which transactions of its primary are open", nil
	case step != 1:
		return "several servers write (auto_increment_increment is not 1)", nil
	}
	return "", nil
}

// countLog adds what only people want to know.
func countLog(ctx context.Context, d *db.DB, q db.Queryer, c *Capture) error {
	if slices.Contains(c.Missing, logTable) {
		return nil
	}
	var oldest sql.NullString
	query := "select count(*), " + d.Text("min(at)") + " from " + logTable
	if err := scanOne(ctx, q, query, &c.Entries, &oldest); err != nil {
		return err
	}
	if oldest.Valid {
		us, err := parseTime(oldest.String)
		if err != nil {
			return fmt.Errorf("oldest entry of %s: %w", logTable, err)
		}
		c.Oldest = time.UnixMicro(us).UTC().Format(time.RFC3339)
	}
	return nil
}
