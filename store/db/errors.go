package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// ConnectKind says what keeps us from a database.
type ConnectKind uint8

// The kinds of failures to connect.
const (
	notConnect  ConnectKind = iota // not such a failure
	BadURL                         // the URL cannot be used
	Unreachable                    // nobody answers: down, refused, timeout, name not found
	BadPassword                    // user or password refused
	NoDatabase                     // the server has no such database, or there is no such file
	NoRights                       // the user or the file's mode forbids it
	BadTLS                         // the two sides do not agree about encryption
	Busy                           // too many connections, starting up, shutting down, locked
	NotDatabase                    // the file is not an SQLite database, or is damaged
)

// ConnectError says why a database cannot be reached, in words for an
// administrator. It never holds the password.
type ConnectError struct {
	Kind     ConnectKind
	Dialect  Dialect
	Name     string // the URL without the password
	User     string
	Host     string // or the file
	Database string
	Err      error // what the driver said
}

// Error returns one line: what happened and where.
func (e *ConnectError) Error() string {
	switch e.Kind {
	case BadURL:
		if e.Name == "" {
			return e.Err.Error()
		}
		return fmt.Sprintf("%s: bad database URL %s: %v", e.Dialect, e.Name, e.Err)
	case Unreachable:
		return fmt.Sprintf("%s: no server answers at %s: %s", e.Dialect, e.Host, reason(e.Err))
	case BadPassword:
		return fmt.Sprintf("%s: the server refused the password of user %s", e.Dialect, e.user())
	case NoDatabase:
		if e.Dialect == SQLite {
			return fmt.Sprintf("sqlite: there is no file %s", e.Host)
		}
		return fmt.Sprintf("%s: the server at %s has no database %s", e.Dialect, e.Host, e.Database)
	case NoRights:
		if e.Dialect == SQLite {
			return fmt.Sprintf("sqlite: no right to open %s: %s", e.Host, reason(e.Err))
		}
		return fmt.Sprintf("%s: user %s lacks a right: %s", e.Dialect, e.user(), reason(e.Err))
	case BadTLS:
		return fmt.Sprintf("%s: no agreement with %s about encryption: %s", e.Dialect, e.Host, reason(e.Err))
	case NotDatabase:
		return fmt.Sprintf("sqlite: %s is not an SQLite database, or damaged: %s", e.Host, reason(e.Err))
	default:
		return fmt.Sprintf("%s: %s cannot serve us now: %s", e.Dialect, e.Host, reason(e.Err))
	}
}

// Away reports that the database does not answer, or not now: it is worth
// asking again soon.
func (e *ConnectError) Away() bool { return e.Kind == Unreachable || e.Kind == Busy }

func (e *ConnectError) user() string {
	if e.User == "" {
		return "(none given)"
	}
	return e.User
}

// Remedy returns one sentence that says what to do.
func (e *ConnectError) Remedy() string {
	switch e.Kind {
	case BadURL:
		return "set database.url to sqlite:/path, postgres://user@host/database or mysql://user@host/database"
	case Unreachable:
		return "check host and port in database.url and that the server runs and listens there"
	case BadPassword:
		return "check database.password_file and the user in database.url"
	case NoDatabase:
		if e.Dialect == SQLite {
			return `check database.url, or run "vmapd init" to make the file`
		}
		return "check the database's name in database.url, or create the database"
	case NoRights:
		if e.Dialect == SQLite {
			return "give the user that runs vmapd access to the file and its directory"
		}
		return "grant the user of database.url SELECT on Modoboa's tables"
	case BadTLS:
		return "check sslmode (PostgreSQL) or tls (MySQL) in database.url"
	case NotDatabase:
		return "check database.url, or restore the file from a backup"
	default:
		return "wait, it will be tried again; if it lasts look at the server's log and its limit of connections"
	}
}

// Unwrap returns what the driver said.
func (e *ConnectError) Unwrap() error { return e.Err }

// reason returns the last and most telling line of a driver's error.
func reason(err error) string {
	var op *net.OpError
	switch {
	case err == nil:
		return "unknown reason"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// netKind classifies what any network client may meet.
func netKind(err error) ConnectKind {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns), errors.As(err, &op), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Unreachable
	}
	if s := err.Error(); strings.Contains(s, "tls: ") || strings.Contains(s, "x509: ") {
		return BadTLS
	}
	return notConnect
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
	return &ConnectError{
		Kind: kind, Dialect: d.Dialect, Name: d.Name, User: d.url.user,
		Host: d.url.where(), Database: d.url.database, Err: err,
	}
}
