package mailops

import (
	"context"
	"database/sql"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// logged is how many of the newest lines of Modoboa's log are searched for one
// that says the same already.
const logged = 5000

// logOnce writes to Modoboa's log, unless it says the same already.
func (r *Runner) logOnce(ctx context.Context, level, message string) error {
	tx, err := rows.Begin(ctx, r.o.DB)
	if err != nil {
		return &databaseError{err}
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	if err := r.logNew(ctx, tx, level, message); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return &databaseError{fmt.Errorf("commit: %w", r.o.DB.Explain(err))}
	}
	return nil
}

func (r *Runner) logNew(ctx context.Context, tx *sql.Tx, level, message string) error {
	table, err := rows.ReadTable(ctx, r.o.DB, tx, "core_log")
	if err != nil || len(table) == 0 {
		return err
	}
	message = fit(table, message)
	var n int
	query := "SELECT count(*) FROM core_log WHERE id > (SELECT coalesce(max(id), 0) FROM core_log) - ? AND logger = ? AND message = ?"
	if err := tx.QueryRowContext(ctx, r.o.DB.Rebind(query), logged, logger, message).Scan(&n); err != nil {
		return &databaseError{fmt.Errorf("read core_log: %w", r.o.DB.Explain(err))}
	}
	if n > 0 {
		return nil
	}
	return r.insertLog(ctx, tx, level, message)
}

// logger is the name under which Modoboa's own job writes.
const logger = "modoboa.admin"

// log writes to Modoboa's log, where there is one.
func (r *Runner) log(ctx context.Context, tx *sql.Tx, level, message string) error {
	table, err := rows.ReadTable(ctx, r.o.DB, tx, "core_log")
	if err != nil || len(table) == 0 {
		return err
	}
	return r.insertLog(ctx, tx, level, fit(table, message))
}

func (r *Runner) insertLog(ctx context.Context, tx *sql.Tx, level, message string) error {
	_, err := tx.ExecContext(ctx, r.o.DB.Rebind("INSERT INTO core_log (date_created, message, level, logger) VALUES (?, ?, ?, ?)"), r.o.DB.Time(time.Now()), message, level, logger)
	if err != nil {
		return &databaseError{fmt.Errorf("write core_log: %w", r.o.DB.Explain(err))}
	}
	return nil
}

// fit shortens a message to what the column holds: 255 in Modoboa 1.10.
func fit(table rows.Table, message string) string {
	for limit := 255; table.Fits("core_log", "message", message) != nil && limit > 0; limit -= 10 {
		for len(message) > limit {
			_, size := utf8.DecodeLastRuneInString(message)
			message = message[:len(message)-size]
		}
	}
	return message
}
