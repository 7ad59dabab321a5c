package modoboa

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/store/db"
)

// The numbered files of schema/ are applied once each, in order; the table
// vmapd_schema remembers which. Databases that Modoboa made have no such
// table and are never migrated from here.

//go:embed schema/*.sql
var schemaFiles embed.FS

// Migrate brings the tables that [Init] made up to the newest version that
// this program knows. It refuses a database without the table vmapd_schema,
// because that one belongs to Modoboa, and one that a newer program made.
func Migrate(ctx context.Context, d *db.DB) error {
	at, err := schemaVersion(ctx, d, d)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return inSteps(ctx, d, func(q querier) error {
		if err := applySchema(ctx, d, q, at, nil); err != nil {
			return err
		}
		_, err := installIfAllowed(ctx, d, q)
		return err
	})
}

// schemaVersion returns the number of the last file applied.
func schemaVersion(ctx context.Context, d *db.DB, q db.Queryer) (int, error) {
	cols, err := d.Columns(ctx, q, "vmapd_schema")
	if err != nil {
		return 0, err
	}
	if len(cols) == 0 {
		return 0, errors.New("there is no table vmapd_schema: this database was not made by \"vmapd init\" and is not changed")
	}
	var at sql.NullInt64
	if err := scanOne(ctx, q, "SELECT max(version) FROM vmapd_schema", &at); err != nil {
		return 0, fmt.Errorf("read vmapd_schema: %w", err)
	}
	newest, err := newestSchema()
	if err == nil && int(at.Int64) > newest {
		err = fmt.Errorf("the tables have version %d, this program knows %d: install the newer vmapd again", at.Int64, newest)
	}
	return int(at.Int64), err
}

// execer is what both a transaction and a bare connection can do.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// inSteps runs f in one transaction where DDL is transactional. MySQL commits
// at each DDL statement whatever one does, so there f runs on the database.
func inSteps(ctx context.Context, d *db.DB, f func(querier) error) error {
	if d.Dialect == db.MySQL {
		return f(d.DB)
	}
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// applySchema runs all files above version at. It calls made, if not nil, with
// the name of each table that now exists, so that MySQL's can be dropped.
func applySchema(ctx context.Context, d *db.DB, q execer, at int, made func(table string)) error {
	names, err := schemaNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		version, err := fileVersion(name)
		if err != nil {
			return err
		}
		if version <= at {
			continue
		}
		statements, err := schemaStatements(name, d.Dialect)
		if err != nil {
			return err
		}
		for _, s := range statements {
			if _, err := q.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("schema/%s: %s: %w", name, firstLine(s), err)
			}
			if m := createTable.FindStringSubmatch(s); m != nil && made != nil {
				made(m[1])
			}
		}
		insert := d.Rebind("INSERT INTO vmapd_schema (version) VALUES (?)")
		if _, err := q.ExecContext(ctx, insert, version); err != nil {
			return fmt.Errorf("schema/%s: note the version: %w", name, err)
		}
	}
	return nil
}

var createTable = regexp.MustCompile(`^CREATE TABLE (\w+)`)

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(line, " (")
}

func schemaNames() ([]string, error) {
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	for i := range names {
		names[i] = path.Base(names[i])
	}
	slices.Sort(names)
	return names, err
}

func newestSchema() (int, error) {
	names, err := schemaNames()
	if err != nil || len(names) == 0 {
		return 0, err
	}
	return fileVersion(names[len(names)-1])
}

// fileVersion reads the number that starts a file's name: 0001_tables.sql is 1.
func fileVersion(name string) (int, error) {
	number, _, _ := strings.Cut(name, "_")
	v, err := strconv.Atoi(number)
	if err != nil || v < 1 {
		return 0, fmt.Errorf("schema/%s: the name must start with a number and \"_\"", name)
	}
	return v, nil
}

// schemaStatements returns the statements of one file, in the dialect's words
// and without comments.
func schemaStatements(name string, dialect db.Dialect) ([]string, error) {
	text, err := schemaFiles.ReadFile("schema/" + name)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "--") {
			b.WriteString(line)
		}
	}
	var out []string
	for s := range strings.SplitSeq(schemaWords(dialect).Replace(b.String()), ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

// schemaWords spells the words in braces; schema/0001_tables.sql explains
// them. MySQL has no default for text and JSON but an expression in
// parentheses (MySQL 8.0.13, MariaDB 10.2), and its CURRENT_TIMESTAMP is the
// server's local time where Modoboa keeps UTC.
func schemaWords(d db.Dialect) *strings.Replacer {
	switch d {
	case db.PostgreSQL:
		return strings.NewReplacer(
			"{id}", "integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
			"{uint}", "integer", "{bool}", "boolean", "{true}", "true", "{false}", "false",
			"{time}", "timestamp with time zone", "{now}", "now()",
			"{text}", "text", "{''}", "''", "{json}", "jsonb", "{'{}'}", "'{}'",
			"{deferred}", "DEFERRABLE INITIALLY DEFERRED", "{key}", `"key"`, "{inet}", "inet", " {table}", "")
	case db.MySQL:
		return strings.NewReplacer(
			"{id}", "integer NOT NULL AUTO_INCREMENT PRIMARY KEY",
			"{uint}", "integer unsigned", "{bool}", "tinyint(1)", "{true}", "1", "{false}", "0",
			"{time}", "datetime(6)", "{now}", "(utc_timestamp(6))",
			"{text}", "longtext", "{''}", "('')", "{json}", "json", "{'{}'}", "('{}')",
			" {deferred}", "", "{key}", "`key`", "{inet}", "char(39)",
			"{table}", "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci")
	default:
		return strings.NewReplacer(
			"{id}", "integer NOT NULL PRIMARY KEY AUTOINCREMENT",
			"{uint}", "integer unsigned", "{bool}", "bool", "{true}", "1", "{false}", "0",
			"{time}", "datetime", "{now}", "(strftime('%Y-%m-%d %H:%M:%f', 'now'))",
			"{text}", "text", "{''}", "''", "{json}", "text", "{'{}'}", "'{}'",
			"{deferred}", "DEFERRABLE INITIALLY DEFERRED", "{key}", `"key"`, "{inet}", "char(39)", " {table}", "")
	}
}
