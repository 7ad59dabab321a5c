// Package db opens a database by URL and hides what differs between SQLite,
// PostgreSQL and MySQL or MariaDB. It knows no table: the SQL is its callers'.
//
// # URLs
//
//	sqlite:/var/lib/vmapd/vmapd.db            a file, absolute or relative
//	postgres://user@host:5432/modoboa         also postgresql://
//	postgres://user@/modoboa?host=/run/postgresql   the directory of a unix socket
//	mysql://user@host:3306/modoboa            also mariadb://
//	mysql://user@unix(/run/mysqld/mysqld.sock)/modoboa
//
// What follows a "?" goes to the driver: libpq's keywords for PostgreSQL
// (sslmode, sslrootcert, connect_timeout, target_session_attrs …), those of
// go-sql-driver for MySQL (tls, timeout, readTimeout …), those of
// modernc.org/sqlite for SQLite (_pragma, …). User, password and database
// are percent-decoded, so a password that has one of "@ : / ? # %" in it must
// be percent-encoded; better, it stays out of the URL and comes in
// Options.Password. With PostgreSQL the environment variables of libpq and
// ~/.pgpass fill in what the URL leaves open.
//
// # Secrets
//
// DB.Name, Redact and every error of this package are free of the password.
//
// # Sessions
//
// All three engines are set up alike: UTF-8, UTC, booleans and integers as
// such. No server can hang a caller for ever: connecting ends after 10
// seconds, a read that brings no byte and a write that gets rid of none after
// 60 (Options can say otherwise), and a context ends both at once. The pool is small, since a daemon that
// answers from memory has one loader and one writer, and connections are
// renewed every few minutes so that a fail-over behind one name is noticed.
//
// SQLite files that are opened for writing are made with mode 0600 (they hold
// password hashes) and switched to write-ahead logging: readers then see one
// state and hold up no writer. A file that is opened read-only keeps its
// journal; with the rollback journal a writer waits until a load has ended.
//
// # Errors
//
// What keeps a program from reaching its database is a *ConnectError: one
// sentence and a remedy for the administrator. Open returns it for a bad URL,
// BeginSnapshot and Connect for the rest, and Explain turns the errors of the
// embedded sql.DB into one where it applies.
package db
