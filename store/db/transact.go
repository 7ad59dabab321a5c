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

// What was lost against others is tried again, but not if that has taken long: who
// waits for a lock has waited for it once.
const (
	raceAttempts = 4
	racePatience = 5 * time.Second
)

// Again runs f, which is one transaction, and runs it again if it was lost against
// another one (LostRace): four times at most, and not after five seconds or the end
// of ctx.
func (d *DB) Again(ctx context.Context, f func() error) error {
	start := time.Now()
	for attempt := 1; ; attempt++ {
		err := f()
		if !d.LostRace(err) || attempt == raceAttempts || time.Since(start) > racePatience || ctx.Err() != nil {
			return err
		}
	}
}

// Transact runs f in a transaction that writes, on one connection, and commits
// it unless f fails; f runs again where Again says so. It returns soon after ctx
// ends, whatever the server does: the Commit and Rollback of an sql.Tx know no
// context, and with MySQL wait a minute for a server that hangs. A Commit that ctx
// cut short may have gone through. Errors are f's and the driver's; see LostRace,
// BadData and Explain.
func (d *DB) Transact(ctx context.Context, f func(*sql.Conn) error) error {
	return d.Again(ctx, func() error { return d.transact(ctx, f) })
}

func (d *DB) transact(ctx context.Context, f func(*sql.Conn) error) error {
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
