package db

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Failure says in what way a statement failed that a caller may have an answer
// to.
type Failure uint8

// The ways.
const (
	OtherFailure  Failure = iota
	NotThere              // a table or column is missing, or was changed meanwhile
	NotAllowed            // the user lacks a right, or the database takes no writes
	NotReplicable         // MySQL: the binary log keeps who lacks SUPER from making triggers
	WouldBlock            // a lock is held by somebody else
)

// FailureOf classifies the error of a statement.
func (d *DB) FailureOf(err error) Failure {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		return postgresFailure(pg)
	case errors.As(err, &my):
		return mysqlFailure(my)
	case errors.As(err, &lite):
		return sqliteFailure(lite)
	}
	return OtherFailure
}

// postgresFailure: https://www.postgresql.org/docs/current/errcodes-appendix.html
func postgresFailure(e *pgconn.PgError) Failure {
	switch e.Code {
	case "42P01", "42703", "42883", "42704", "3F000":
		return NotThere
	case "42501", "25006":
		return NotAllowed
	case "55P03", "40P01", "57014":
		return WouldBlock
	}
	return OtherFailure
}

// mysqlFailure: https://mariadb.com/kb/en/mariadb-error-code-reference/ and,
// for 3572 (NOWAIT), https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
func mysqlFailure(e *mysql.MySQLError) Failure {
	switch e.Number {
	case 1054, 1146, 1412:
		return NotThere
	case 1044, 1142, 1143, 1227, 1290, 1792:
		return NotAllowed
	case 1419:
		return NotReplicable
	case 1205, 1213, 3572:
		return WouldBlock
	}
	return OtherFailure
}

// sqliteFailure: a missing table has no code of its own
// (https://www.sqlite.org/rescode.html#error).
func sqliteFailure(e *sqlite.Error) Failure {
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_SCHEMA:
		return NotThere
	case sqlite3.SQLITE_ERROR:
		if s := e.Error(); strings.Contains(s, "no such table") || strings.Contains(s, "no such column") {
			return NotThere
		}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return NotAllowed
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return WouldBlock
	}
	return OtherFailure
}
