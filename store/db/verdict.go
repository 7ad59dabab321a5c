package db

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// LostRace reports whether err ended a transaction that would go through if it
// were begun again: a deadlock, a serialization failure, a wait for a lock that
// took too long, or a row that another transaction had inserted just before.
func (d *DB) LostRace(err error) bool {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		switch pg.Code {
		case "40001", "40P01", "55P03", "23505":
			return true
		}
	case errors.As(err, &my):
		switch my.Number {
		case 1213, 1205, 1062:
			return true
		}
	case errors.As(err, &lite):
		return lite.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

// BadData reports whether err is about the values of a row, which the database
// will refuse as often as they are sent: out of range, too long, not text, or
// against a constraint of the table. Missing tables, columns and rights, and
// whatever a trigger says, are not that: they can be mended without touching
// the row.
//
// Sources: https://www.postgresql.org/docs/current/errcodes-appendix.html
// (classes 22 and 23), https://mariadb.com/kb/en/mariadb-error-code-reference/,
// https://www.sqlite.org/rescode.html.
func (d *DB) BadData(err error) bool {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case err == nil || d.LostRace(err):
		return false
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23")
	case errors.As(err, &my):
		switch my.Number {
		case 1048, 1264, 1265, 1292, 1366, 1367, 1406, 1451, 1452, 3819, 4025:
			return true
		}
	case errors.As(err, &lite):
		code := lite.Code()
		switch code & 0xff {
		case sqlite3.SQLITE_CONSTRAINT:
			return code != sqlite3.SQLITE_CONSTRAINT_TRIGGER
		case sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
			return true
		}
	}
	return false
}
