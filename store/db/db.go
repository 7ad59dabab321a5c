package db

import (
	"context"
	"database/sql"
	"errors"
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
}

// DB is a pool of connections to one database. It is safe for concurrent use.
type DB struct {
	*sql.DB
	Dialect Dialect
	Name    string // the URL without any password, for logs

	url address
}

// Queryer is what reads: an sql.DB, sql.Tx or sql.Conn.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

const (
	connectTimeout = 10 * time.Second
	ioTimeout      = 60 * time.Second // without one byte of progress
)

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
	pool, err := openPool(&a, o)
	if err != nil {
		return nil, &ConnectError{Kind: BadURL, Dialect: a.dialect, Name: a.redacted(), Err: err}
	}
	pool.SetMaxOpenConns(4)
	pool.SetMaxIdleConns(2)
	pool.SetConnMaxIdleTime(time.Minute)
	pool.SetConnMaxLifetime(10 * time.Minute)
	return &DB{DB: pool, Dialect: a.dialect, Name: a.redacted(), url: a}, nil
}

func openPool(a *address, o Options) (*sql.DB, error) {
	switch a.dialect {
	case PostgreSQL:
		return openPostgres(a)
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

// Columns returns the names of the columns of a table; an empty map says that
// there is no such table. On PostgreSQL the table is looked for along the
// search_path, on MySQL in the database of the connection.
func (d *DB) Columns(ctx context.Context, q Queryer, table string) (map[string]bool, error) {
	query, arg := "", table
	switch d.Dialect {
	case PostgreSQL:
		// Not information_schema: it hides tables without rights, and a table
		// that may not be read must not look like one that is not there.
		query = `select attname::text from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`
		arg = d.Quote(table)
	case MySQL:
		query = `select column_name from information_schema.columns where table_schema = database() and table_name = ?`
	default:
		query = `select name from pragma_table_info(?)`
	}
	names, err := d.strings(ctx, q, query, arg)
	if err != nil {
		return nil, fmt.Errorf("columns of %s: %w", table, err)
	}
	columns := make(map[string]bool, len(names))
	for _, n := range names {
		columns[n] = true
	}
	return columns, nil
}

// Tables returns the names of the tables in the database (on PostgreSQL: in
// the schemas of the search_path), sorted; system tables are left out.
func (d *DB) Tables(ctx context.Context, q Queryer) ([]string, error) {
	query := ""
	switch d.Dialect {
	case PostgreSQL:
		query = `select relname::text from pg_class where relkind in ('r', 'p') and relnamespace::regnamespace::text = any (current_schemas(false)::text[]) order by 1`
	case MySQL:
		query = `select table_name from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE' order by 1`
	default:
		query = `select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by 1`
	}
	names, err := d.strings(ctx, q, query)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return names, nil
}

func (d *DB) strings(ctx context.Context, q Queryer, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, d.Explain(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, d.Explain(rows.Err())
}

// Explain returns err as a *ConnectError if that is what it amounts to, else
// err itself.
func (d *DB) Explain(err error) error {
	var known *ConnectError
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	var kind ConnectKind
	switch d.Dialect {
	case PostgreSQL:
		kind = postgresKind(err)
	case MySQL:
		kind = mysqlKind(err)
	default:
		kind = sqliteKind(err, d.url.path)
	}
	if kind == notConnect {
		return err
	}
	return &ConnectError{Kind: kind, Dialect: d.Dialect, Name: d.Name, User: d.url.user,
		Host: d.url.where(), Database: d.url.database, Err: err}
}
