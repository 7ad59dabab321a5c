package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"
)

// rollbackPatience is what a server gets to take back a transaction before
// its connection is given up.
const rollbackPatience = 2 * time.Second

// Transact runs f in a transaction that writes, on one connection, and commits
// it unless f fails. It returns soon after ctx ends, whatever the server does:
// the Commit and Rollback of an sql.Tx know no context, and with MySQL wait a
// minute for a server that hangs. A Commit that ctx cut short may have gone
// through. Errors are f's and the driver's; see LostRace, BadData and Explain.
func (d *DB) Transact(ctx context.Context, f func(*sql.Conn) error) error {
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	begin := "BEGIN"
	if d.Dialect == SQLite {
		begin = "BEGIN IMMEDIATE" // waits for a lock at once, where waiting is possible
	}
	if _, err = conn.ExecContext(ctx, begin); err == nil {
		err = f(conn)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		takeBack(ctx, conn)
	}
	return err
}

// takeBack rolls back, or closes the connection, which does so too. It must
// not go back into the pool with a transaction open.
func takeBack(ctx context.Context, conn *sql.Conn) {
	err := ctx.Err()
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, rollbackPatience)
		defer cancel()
		_, err = conn.ExecContext(ctx, "ROLLBACK")
	}
	if err != nil {
		breakConn(conn)
	}
}

// breakConn makes the pool close a connection instead of keeping it.
func breakConn(conn *sql.Conn) { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }
