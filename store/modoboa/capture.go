package modoboa

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// The names of what capture adds to a database; triggers and functions begin
// with vmapd_ too.
const (
	logTable     = "vmapd_change"
	captureTable = "vmapd_capture"
	// captureVersion changes with the triggers; those of another version are
	// replaced when they are installed again.
	captureVersion = 1
	// maxStatementRows is the number of rows from which on a statement is logged
	// as "the whole table" (PostgreSQL).
	maxStatementRows = 10000
)

// Capture says how far the capture of changes is installed.
type Capture struct {
	State   string   `json:"state"`             // "installed", "incomplete" or "absent"
	Missing []string `json:"missing,omitempty"` // tables whose triggers, or that themselves, are missing or switched off
	Epoch   string   `json:"epoch,omitempty"`
	Entries int64    `json:"entries"`          // in the log
	Oldest  string   `json:"oldest,omitempty"` // entry, UTC
	Pruned  int64    `json:"pruned,omitempty"` // up to which the log was pruned, in the log's own count
	// Unusable says why the log cannot be followed although it is complete: on
	// a MySQL replica and in a Galera cluster entries appear in any order.
	Unusable string `json:"unusable,omitempty"`
}

// The states of a Capture.
const (
	captureInstalled  = "installed"
	captureIncomplete = "incomplete"
	captureAbsent     = "absent"
)

// CaptureOptions say how to install.
type CaptureOptions struct {
	// Grant is a role or user that shall read and prune the log, for when the
	// one that installs is another; "" = nobody else. On MySQL 'user'@'host'.
	Grant string
}

// CaptureError says why the capture of changes cannot be installed, removed or
// kept in order.
type CaptureError struct {
	Doing  string // "install the triggers", …
	Err    error
	remedy string
}

// Error returns one line.
func (e *CaptureError) Error() string { return e.Doing + ": " + e.Err.Error() }

// Unwrap returns what the database said.
func (e *CaptureError) Unwrap() error { return e.Err }

// Remedy returns one sentence that says what to do, "" if the error is not
// about rights or locks.
func (e *CaptureError) Remedy() string { return e.remedy }

func captureError(d *db.DB, doing string, err error) error {
	if err == nil {
		return nil
	}
	return newCaptureError(d, doing, err)
}

func newCaptureError(d *db.DB, doing string, err error) *CaptureError {
	var known interface{ Remedy() string }
	e := &CaptureError{Doing: doing, Err: err}
	switch d.FailureOf(err) {
	case db.NotAllowed:
		e.remedy = notAllowedRemedy(d.Dialect)
	case db.NotReplicable:
		e.remedy = "run it once as a user with the SUPER privilege, or let the server trust triggers: SET GLOBAL log_bin_trust_function_creators = 1"
	case db.WouldBlock:
		e.remedy = "nothing was changed; try again when no long transaction holds Modoboa's tables"
	default:
		if e.Err = d.Explain(err); errors.As(e.Err, &known) {
			e.remedy = known.Remedy()
		}
	}
	return e
}

func notAllowedRemedy(d db.Dialect) string {
	switch d {
	case db.PostgreSQL:
		return `run it as the owner of Modoboa's tables, who may create in their schema ("-o database.url=postgres://OWNER@…", and "--grant ROLE" for the role that vmapd runs as)`
	case db.MySQL:
		return `grant the user CREATE, DROP, TRIGGER, SELECT, INSERT, UPDATE and DELETE on the database, or run it as one who has these ("--grant USER@HOST" for the user that vmapd runs as)`
	default:
		return "give the user write access to the file and its directory"
	}
}

// querier is what a transaction and a connection can do.
type querier interface {
	db.Queryer
	execer
}

// InstallCapture makes the log of changes, the triggers that write it, and the
// tables of DKIM keys and of jobs. What
// is complete already is left as it is, what is not is made anew, with another
// epoch: then every follower reads everything again. The error is a
// *SchemaError or a *CaptureError.
func InstallCapture(ctx context.Context, d *db.DB, o CaptureOptions) error {
	return changeCapture(ctx, d, "install the triggers", func(q querier) error { return installCapture(ctx, d, q, o) })
}

// RemoveCapture removes all that InstallCapture made; the database is then as
// it was, but for the table of DKIM keys if there are any: kept says how many.
// It is no error if there is nothing. The error is a *CaptureError.
func RemoveCapture(ctx context.Context, d *db.DB) (kept int, err error) {
	err = changeCapture(ctx, d, "remove the triggers", func(q querier) (err error) {
		if err := removeCapture(ctx, d, q); err != nil {
			return err
		}
		if err := dropJobTable(ctx, d, q); err != nil {
			return err
		}
		kept, err = dropKeyTable(ctx, d, q)
		return err
	})
	return kept, err
}

// installCapture is InstallCapture within a transaction, or on a connection of
// MySQL's, where it undoes what it did if it fails.
func installCapture(ctx context.Context, d *db.DB, q querier, o CaptureOptions) error {
	if err := makeKeyTable(ctx, d, q); err != nil {
		return err
	}
	if err := makeJobTable(ctx, d, q); err != nil {
		return err
	}
	now, err := inspectCapture(ctx, d, q)
	if err != nil {
		return err
	}
	if now.State == captureInstalled {
		return execAll(ctx, q, grants(d, o))
	}
	if err := removeCapture(ctx, d, q); err != nil {
		return err
	}
	err = makeCapture(ctx, d, q, o)
	if err != nil && d.Dialect == db.MySQL {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, removeCapture(undo, d, q))
	}
	return err
}

func makeCapture(ctx context.Context, d *db.DB, q querier, o CaptureOptions) error {
	present, err := capturedTables(ctx, d, q)
	if err != nil {
		return err
	}
	schema, err := captureSchema(ctx, d, q)
	if err != nil {
		return err
	}
	statements := logStatements(d, schema)
	for i := range present {
		for _, t := range triggersOf(d, &present[i], schema) {
			statements = append(statements, t.create...)
		}
	}
	statements = append(statements, grants(d, o)...)
	if err := execAll(ctx, q, statements); err != nil {
		return err
	}
	// Last, for it is the row that makes the capture complete.
	insert := d.Rebind("insert into " + schema + captureTable + " (version, epoch, pruned) values (?, ?, 0)")
	_, err = q.ExecContext(ctx, insert, captureVersion, rand.Text())
	return err
}

// removeCapture removes triggers, then functions, then tables.
func removeCapture(ctx context.Context, d *db.DB, q querier) error {
	schema, err := captureSchema(ctx, d, q)
	if err != nil {
		return err
	}
	found, err := foundTriggers(ctx, d, q, false)
	if err != nil {
		return err
	}
	var statements []string
	for _, t := range found {
		statements = append(statements, dropTrigger(d, schema, t))
	}
	if d.Dialect == db.PostgreSQL {
		statements = append(statements, "drop function if exists "+schema+logFunction+"()")
	}
	statements = append(statements, "drop table if exists "+schema+logTable, "drop table if exists "+schema+captureTable)
	return execAll(ctx, q, statements)
}

func execAll(ctx context.Context, q execer, statements []string) error {
	for _, s := range statements {
		if _, err := q.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", firstLine(s), err)
		}
	}
	return nil
}

// capturedTables returns those of tables() that exist.
func capturedTables(ctx context.Context, d *db.DB, q db.Queryer) ([]table, error) {
	all, err := d.Tables(ctx, q)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(tables(), func(t table) bool { return !slices.Contains(all, t.name) }), nil
}

// captureSchema returns what stands before the names of tables: on PostgreSQL
// the schema in which admin_domain is, or else the first of the search_path.
func captureSchema(ctx context.Context, d *db.DB, q db.Queryer) (string, error) {
	if d.Dialect != db.PostgreSQL {
		return "", nil
	}
	var schema string
	err := scanOne(ctx, q, `select quote_ident(coalesce(
		(select nspname from pg_class c join pg_namespace n on n.oid = relnamespace where c.oid = to_regclass('admin_domain')), current_schema()))`, &schema)
	return schema + ".", err
}

// scanOne reads the one row of a query.
func scanOne(ctx context.Context, q db.Queryer, query string, dest ...any) error {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	return one(rows, dest...)
}

// one reads the one row of a result and closes it.
func one(rows *sql.Rows, dest ...any) error {
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return otherwise(rows.Err(), sql.ErrNoRows)
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	return rows.Close()
}

// otherwise returns the first error that is one.
func otherwise(err, next error) error {
	if err != nil {
		return err
	}
	return next
}

// trigger is one trigger of ours and what makes it.
type trigger struct {
	name, table string
	create      []string
}

func triggerName(t *table, event string) string {
	return "vmapd_" + strings.TrimPrefix(t.name, "modoboa_") + "_" + strings.ToLower(event)
}

func triggersOf(d *db.DB, t *table, schema string) []trigger {
	switch d.Dialect {
	case db.PostgreSQL:
		return postgresTriggers(t, schema)
	case db.MySQL:
		return mysqlTriggers(t)
	default:
		return sqliteTriggers(t)
	}
}
