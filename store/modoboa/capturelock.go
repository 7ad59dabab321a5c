package modoboa

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

const (
	lockTries = 10
	// lockWait is less than PostgreSQL's deadlock_timeout (1 s): when our wait
	// for a table crosses Modoboa's, it is we who give way.
	lockWait  = 700 * time.Millisecond
	lockPause = 300 * time.Millisecond
)

// changeCapture runs f in one transaction where DDL is transactional, else on
// one connection. It does not stand in Modoboa's way: it waits for locks a
// moment only, and tries again.
func changeCapture(ctx context.Context, d *db.DB, doing string, f func(querier) error) error {
	change := changeInTransaction
	if d.Dialect == db.MySQL {
		change = changeMySQL
	}
	var err error
	for range lockTries {
		if err = change(ctx, d, f); d.FailureOf(err) != db.WouldBlock {
			break
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	var schema *SchemaError
	if errors.As(err, &schema) {
		return err
	}
	return captureError(d, doing, err)
}

func changeInTransaction(ctx context.Context, d *db.DB, f func(querier) error) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	if d.Dialect == db.PostgreSQL {
		if err := lockTables(ctx, d, tx); err != nil {
			return err
		}
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// lockTables takes all the locks that the triggers need at once, in the order
// of the names.
func lockTables(ctx context.Context, d *db.DB, tx *sql.Tx) error {
	present, err := capturedTables(ctx, d, tx)
	if err != nil || len(present) == 0 {
		return err
	}
	names := make([]string, len(present))
	for i, t := range present {
		names[i] = t.name
	}
	return execAll(ctx, tx, []string{
		"set local lock_timeout = '" + lockWait.String() + "'",
		"lock table " + strings.Join(names, ", ") + " in access exclusive mode",
	})
}

// changeMySQL bounds the wait for metadata locks, by default a day.
func changeMySQL(ctx context.Context, d *db.DB, f func(querier) error) error {
	c, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := c.ExecContext(ctx, "set session lock_wait_timeout = 3"); err != nil {
		return err
	}
	defer func() { _, _ = c.ExecContext(context.WithoutCancel(ctx), "set session lock_wait_timeout = default") }()
	return f(c)
}
