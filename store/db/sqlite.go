package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"os"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite uses SQLite's URI file names (https://www.sqlite.org/uri.html).
func openSQLite(a *address, o Options) (*sql.DB, error) {
	pragmas := []string{"_pragma=busy_timeout(10000)", "_pragma=foreign_keys(1)"}
	mode := "mode=rwc"
	if o.MustExist {
		mode = "mode=rw"
	}
	if o.ReadOnly {
		mode = "mode=ro"
	} else {
		pragmas = append(pragmas, "_pragma=journal_mode(wal)")
	}
	options := append([]string{mode, "_time_format=sqlite"}, pragmas...)
	if a.query != "" {
		options = append(options, a.query)
	}
	dsn := "file:" + (&url.URL{Path: a.path}).EscapedPath() + "?" + strings.Join(options, "&")
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, errors.New("what follows the ? is not key=value&key=value")
	}
	if !o.ReadOnly && !o.MustExist {
		c = privateFile{c, a.path}
	}
	return sql.OpenDB(sameFile{c, a.path}), nil
}

// sameFile keeps the pool from going on with a file that is gone, or that is
// another one than that at the path: what is written there would be lost.
type sameFile struct {
	driver.Connector
	path string
}

// Connect notes which file it is. If it is replaced in this very moment the
// connection is of no use, which is noticed before the next time it is used.
func (s sameFile) Connect(ctx context.Context) (driver.Conn, error) {
	before, _ := os.Stat(s.path)
	nc, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	file, err := os.Stat(s.path)
	conn, ok := nc.(sqliteConn)
	if err != nil || !ok || before != nil && !os.SameFile(before, file) {
		_ = nc.Close()
		return nil, errors.Join(err, driver.ErrBadConn)
	}
	return &fileConn{conn, s.path, file}, nil
}

// sqliteConn is what a connection of the driver can do that matters to database/sql.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// fileConn is a connection that knows its file.
type fileConn struct {
	sqliteConn
	path string
	file os.FileInfo
}

// ResetSession is called before a connection of the pool is used again.
func (c *fileConn) ResetSession(ctx context.Context) error {
	if file, err := os.Stat(c.path); err != nil || !os.SameFile(file, c.file) {
		return driver.ErrBadConn
	}
	return c.sqliteConn.ResetSession(ctx)
}

// privateFile makes the file before SQLite does, which would let the umask
// choose its mode. A file that exists is not opened here: closing it again
// would drop the POSIX locks that the pool's other connections hold on it
// (https://www.sqlite.org/howtocorrupt.html, section 2.2), and the next program
// to leave would take away the write-ahead log that they still write to.
type privateFile struct {
	driver.Connector
	path string
}

func (p privateFile) Connect(ctx context.Context) (driver.Conn, error) {
	f, err := os.OpenFile(p.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
	case err != nil:
		return nil, err
	default:
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return p.Connector.Connect(ctx)
}

// sqliteKind classifies an error. SQLite says "unable to open database file"
// for whatever keeps it from a file, so the file is asked too.
func sqliteKind(err error, path string) ConnectKind {
	var e *sqlite.Error
	switch {
	case errors.Is(err, os.ErrPermission):
		return NoRights
	case errors.Is(err, os.ErrNotExist):
		return NoDatabase
	case !errors.As(err, &e):
		return notConnect
	}
	info, statErr := os.Stat(path)
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CANTOPEN:
		if errors.Is(statErr, os.ErrNotExist) {
			return NoDatabase
		}
		return NoRights
	case sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH:
		return NoRights
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return NotDatabase
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
		if statErr == nil && !info.Mode().IsRegular() {
			return NotDatabase
		}
		return Busy
	}
	return notConnect
}
