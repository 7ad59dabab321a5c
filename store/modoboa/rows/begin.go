package rows

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store/db"
)

// Begin begins a transaction that writes objects, and lets one such
// transaction wait for the other: what was read in it stays true, and on MySQL
// two that reserve ids at the end of the same index would end in a deadlock.
// On SQLite the first statement writes (no row), which takes the lock before
// anything is read: a reader cannot become a writer once others wrote.
func Begin(ctx context.Context, d *db.DB) (*sql.Tx, error) {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return nil, d.Explain(err)
	}
	lock := "SELECT id FROM core_localconfig ORDER BY id LIMIT 1 FOR UPDATE"
	if d.Dialect == db.SQLite {
		lock = "UPDATE core_localconfig SET id = id WHERE id < 0"
	}
	if _, err := tx.ExecContext(ctx, lock); err != nil {
		_ = tx.Rollback()
		return nil, fmt.Errorf("lock core_localconfig: %w: if the database is empty, run \"vmapd init\" first", d.Explain(err))
	}
	return tx, nil
}

// Each runs a query, whose parameters are "?", and calls scan for each row.
func Each(ctx context.Context, d *db.DB, q db.Queryer, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, d.Rebind(query), args...)
	if err != nil {
		return d.Explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return d.Explain(rows.Err())
}
