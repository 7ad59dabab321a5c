package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"
)

// ErrLocked says that somebody else holds a lock.
var ErrLocked = errors.New("somebody else holds the lock")

// ErrLockLost says that a lock ended before it was given back: the connection
// that held it broke, and others may hold it now.
var ErrLockLost = errors.New("the lock was lost with its connection to the database")

// watchLock is how often it is made sure that a lock is still held.
const watchLock = time.Second

// Lock is held by one at a time of all who use a database, in whatever process
// and on whatever machine. It ends with its connection, and so with the process
// that holds it: on a server within moments, or when the server notices that a
// machine is gone.
type Lock struct {
	held   holder
	ctx    context.Context
	lose   context.CancelCauseFunc
	ending context.CancelFunc
	watch  sync.WaitGroup
}

// holder is what holds a lock.
type holder interface {
	check(ctx context.Context) error // is an error when the lock is lost
	release()
}

// TryLock takes the lock of a name, or returns ErrLocked if it is taken. Other
// errors are *ConnectErrors where that applies. The lock has a connection of
// its own, beside those of the pool.
//
// PostgreSQL: an advisory lock of a transaction, which PgBouncer's transaction
// pooling leaves alone. MySQL: GET_LOCK, which each node of a Galera cluster has
// for itself. SQLite: a lock on a file beside the database (flock(2)); what is
// in it does not matter, and it stays.
func (d *DB) TryLock(ctx context.Context, name string) (*Lock, error) {
	held, err := d.hold(ctx, name)
	if err != nil {
		if !errors.Is(err, ErrLocked) {
			err = fmt.Errorf("lock %s: %w", name, d.Explain(err))
		}
		return nil, err
	}
	l := &Lock{held: held}
	l.ctx, l.lose = context.WithCancelCause(context.WithoutCancel(ctx))
	watching, ending := context.WithCancel(context.WithoutCancel(ctx))
	l.ending = ending
	l.watch.Go(func() { l.keep(watching) })
	return l, nil
}

func (d *DB) hold(ctx context.Context, name string) (holder, error) {
	switch d.Dialect {
	case SQLite:
		return lockFile(d.url.path+"."+name+".lock", d.url.path)
	case MySQL:
		return d.holdConn(ctx, &mysqlLock{name: name})
	default:
		h := fnv.New64a()
		h.Write([]byte("vmapd/" + name))
		return d.holdConn(ctx, &postgresLock{key: int64(h.Sum64())})
	}
}

// keep watches the lock until it is given back.
func (l *Lock) keep(ctx context.Context) {
	tick := time.NewTicker(watchLock)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := l.held.check(ctx); err != nil && ctx.Err() == nil {
			l.lose(fmt.Errorf("%w: %w", ErrLockLost, err))
			return
		}
	}
}

// Context returns one that ends when ctx does or when the lock is lost; the
// cause is ErrLockLost then.
func (l *Lock) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	return ctx, func() { stop(); cancel(nil) }
}

// Release gives the lock back, lost or not.
func (l *Lock) Release() {
	l.ending()
	l.watch.Wait()
	l.lose(nil)
	l.held.release()
}

// serverLock is the SQL of a lock.
type serverLock interface {
	take(ctx context.Context, c *sql.Conn) (bool, error)
	still(ctx context.Context, c *sql.Conn) (bool, error)
	give(ctx context.Context, c *sql.Conn) error
}

// connLock is a lock that a connection holds.
type connLock struct {
	pool     *sql.DB
	conn     *sql.Conn
	sql      serverLock
	patience time.Duration
}

// holdConn opens a connection and takes the lock in it. It is of a pool of its
// own: a pool that jobs share could be exhausted by their locks.
func (d *DB) holdConn(ctx context.Context, s serverLock) (holder, error) {
	o := d.options
	o.ReadOnly = false
	pool, err := openPool(&d.url, o)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	c := &connLock{pool: pool, sql: s, patience: d.silent}
	ok := false
	if c.conn, err = pool.Conn(ctx); err == nil {
		ok, err = s.take(ctx, c.conn)
	}
	if err == nil && !ok {
		err = ErrLocked
	}
	if err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

func (c *connLock) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	ok, err := c.sql.still(ctx, c.conn)
	if err == nil && !ok {
		err = errors.New("the server says that it is not held")
	}
	return err
}

// release gives the lock back and closes the connection. A server that is told
// nothing gives it back too, but a moment after the connection has gone.
func (c *connLock) release() {
	if c.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = c.sql.give(ctx, c.conn)
		cancel()
		breakConn(c.conn)
		_ = c.conn.Close()
	}
	_ = c.pool.Close()
}

type postgresLock struct{ key int64 }

// take begins a transaction that lives as long as the lock. It has neither a
// number nor a snapshot between its statements, so it holds back no vacuum; the
// server's time limits for such are lifted.
func (p *postgresLock) take(ctx context.Context, c *sql.Conn) (ok bool, err error) {
	if _, err := c.ExecContext(ctx, "begin isolation level read committed"); err != nil {
		return false, err
	}
	const unlimited = "select set_config(name, '0', true) from pg_settings where name in ('idle_in_transaction_session_timeout', 'transaction_timeout')"
	if _, err := c.ExecContext(ctx, unlimited); err != nil {
		return false, err
	}
	err = c.QueryRowContext(ctx, "select pg_try_advisory_xact_lock($1)", p.key).Scan(&ok)
	return ok, err
}

func (p *postgresLock) still(ctx context.Context, c *sql.Conn) (bool, error) {
	_, err := c.ExecContext(ctx, "select 1")
	return true, err
}

func (p *postgresLock) give(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, "rollback")
	return err
}

type mysqlLock struct{ name string }

// mysqlName is the lock's name on the server, which all databases share; it may
// have 64 characters.
const mysqlName = "concat('vmapd.', sha1(concat(database(), '/', ?)))"

func (m *mysqlLock) take(ctx context.Context, c *sql.Conn) (bool, error) {
	var got sql.NullInt64
	err := c.QueryRowContext(ctx, "select get_lock("+mysqlName+", 0)", m.name).Scan(&got)
	return got.Int64 == 1, err
}

func (m *mysqlLock) still(ctx context.Context, c *sql.Conn) (bool, error) {
	var is sql.NullBool
	err := c.QueryRowContext(ctx, "select is_used_lock("+mysqlName+") = connection_id()", m.name).Scan(&is)
	return is.Bool, err
}

func (m *mysqlLock) give(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, "do release_lock("+mysqlName+")", m.name)
	return err
}
