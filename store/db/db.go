package db

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Dialect is a kind of SQL.
type Dialect uint8

// The dialects. MySQL stands for MariaDB too.
const (
	SQLite Dialect = iota
	PostgreSQL
	MySQL
)

// String returns the dialect's name as it begins error messages: "sqlite",
// "postgres" or "mysql".
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "postgres"
	case MySQL:
		return "mysql"
	default:
		return "sqlite"
	}
}

// Options are what Open needs besides the URL.
type Options struct {
	Password string // wins over a password in the URL
	// ReadOnly is for those who will not write. An SQLite file must then exist
	// and is left as it is, a MySQL session refuses writes; with PostgreSQL,
	// where a pooler may share the session with others, only the transactions
	// of BeginSnapshot do.
	ReadOnly bool
	// MustExist keeps SQLite from making a file where there is none, for those
	// who write as well: an empty one in the place of one that is away would take
	// what is written.
	MustExist bool
	// ConnectTimeout limits how long connecting may take, 10 seconds if 0.
	ConnectTimeout time.Duration
	// IOTimeout limits how long a server may go on without one byte of progress,
	// 60 seconds if 0. Both mean nothing to SQLite; parameters of the URL win.
	IOTimeout time.Duration
}

func (o *Options) setDefaults() {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	if o.IOTimeout <= 0 {
		o.IOTimeout = 60 * time.Second
	}
}

// DB is a pool of connections to one database. It is safe for concurrent use.
type DB struct {
	*sql.DB
	Dialect Dialect
	Name    string // the URL without any password, for logs

	url     address
	options Options
	silent  time.Duration // Options.IOTimeout
}

// lockWait is how long a statement may wait for a lock: a little less than we
// wait for the statement.
func (d *DB) lockWait() time.Duration { return lockWait(d.silent) }

func lockWait(silent time.Duration) time.Duration { return max(silent-time.Second, time.Second) }

// Queryer is what reads: an sql.DB, sql.Tx or sql.Conn.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

const maxIdle = 2 // connections

// Open prepares to use the database that url names (see the package comment)
// and connects to nothing: the server may be down. The error is a
// *ConnectError of kind BadURL.
func Open(url string, o Options) (*DB, error) {
	a, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if o.Password != "" {
		a.password = o.Password
	}
	o.setDefaults()
	pool, err := openPool(&a, o)
	if err != nil {
		return nil, &ConnectError{Kind: BadURL, Dialect: a.dialect, Name: a.redacted(), Err: err}
	}
	pool.SetMaxOpenConns(4)
	pool.SetMaxIdleConns(maxIdle)
	pool.SetConnMaxIdleTime(time.Minute)
	pool.SetConnMaxLifetime(10 * time.Minute)
	return &DB{DB: pool, Dialect: a.dialect, Name: a.redacted(), url: a, options: o, silent: o.IOTimeout}, nil
}

func openPool(a *address, o Options) (*sql.DB, error) {
	switch a.dialect {
	case PostgreSQL:
		return openPostgres(a, o)
	case MySQL:
		return openMySQL(a, o)
	default:
		return openSQLite(a, o)
	}
}

// Connect makes sure that the database can be reached. The error is a
// *ConnectError, or that of ctx.
func (d *DB) Connect(ctx context.Context) error {
	return d.Explain(d.PingContext(ctx))
}

// BeginSnapshot begins a read-only transaction in which all reads see one
// state of the database, whatever others commit meanwhile. End it with
// Rollback. The error is a *ConnectError where that applies.
//
// PostgreSQL and InnoDB read at REPEATABLE READ: the view is taken by the
// first SELECT, not by BEGIN, and kept for all that follow, which is all that
// "one state" asks for; START TRANSACTION WITH CONSISTENT SNAPSHOT would only
// take it a round trip earlier. SQLite's deferred transaction does the same
// (https://www.sqlite.org/isolation.html). Tables of MySQL engines without
// transactions (MyISAM) cannot be read so; Modoboa's are InnoDB.
func (d *DB) BeginSnapshot(ctx context.Context) (*sql.Tx, error) {
	opts := &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if d.Dialect == SQLite {
		opts.Isolation = sql.LevelDefault // always serializable; the driver knows no other
	}
	tx, err := d.BeginTx(ctx, opts)
	if err == nil && d.Dialect == PostgreSQL {
		// We give up after a while; a session that went on waiting for a lock
		// would be one of many that pile up behind it.
		if _, err = tx.ExecContext(ctx, fmt.Sprintf("set local lock_timeout = %d", d.lockWait().Milliseconds()), AtOnce); err != nil {
			_ = tx.Rollback()
		}
	}
	return tx, d.Explain(err)
}

// Rebind turns the "?" of a query into the dialect's placeholders: "$1", "$2"
// and so on for PostgreSQL. A "?" between quotes ('…', "…", `…`) stays.
func (d *DB) Rebind(q string) string {
	if d.Dialect != PostgreSQL || !strings.Contains(q, "?") {
		return q
	}
	var b strings.Builder
	n, quote := 0, byte(0)
	for i := range len(q) {
		c := q[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '?':
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Quote returns ident, the name of a table or column, as the dialect quotes
// it.
func (d *DB) Quote(ident string) string {
	q := `"`
	if d.Dialect == MySQL {
		q = "`"
	}
	return q + strings.ReplaceAll(ident, q, q+q) + q
}

// Text returns an SQL expression for the textual form of expr, which spares
// callers the drivers' own ideas of timestamps and huge numbers. Timestamps
// come out in UTC as "2006-01-02 15:04:05.999999", with "+00" behind them on
// PostgreSQL and as they were stored on SQLite.
func (d *DB) Text(expr string) string {
	if d.Dialect == MySQL {
		return "cast(" + expr + " as char)"
	}
	return "cast(" + expr + " as text)"
}

// Time returns t as an argument for a timestamp column: UTC, cut to
// microseconds, and for SQLite the text that Django writes there, since
// comparisons are made by text.
func (d *DB) Time(t time.Time) any {
	t = t.UTC().Truncate(time.Microsecond)
	if d.Dialect != SQLite {
		return t
	}
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("2006-01-02 15:04:05.000000")
}

// File returns the path of an SQLite file, "" for the other dialects.
func (d *DB) File() string { return d.url.path }

// CloseIdle closes the connections that nobody uses, so that the next ones are
// new.
func (d *DB) CloseIdle() {
	d.SetMaxIdleConns(-1)
	d.SetMaxIdleConns(maxIdle)
}
