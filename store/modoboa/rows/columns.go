package rows

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/store/db"
)

// Column is what a database says of a column.
type Column struct {
	kind     string // the type as the engine spells it
	length   int    // characters of a varchar, 0 if it has no limit
	required bool   // NOT NULL and without a default
}

// Table is the columns of a table by their names; no columns, no table.
type Table map[string]Column

// Has reports whether the table has a column.
func (t Table) Has(column string) bool {
	_, ok := t[column]
	return ok
}

// Fits says why a text cannot be the value of a column: it is too long, or
// cannot be stored by every engine. table is for the error.
func (t Table) Fits(table, column, value string) error {
	if err := CheckText(value, t[column].length); err != nil {
		return fmt.Errorf("%q %w (column %s.%s)", Shown(value), err, table, column)
	}
	return nil
}

var typeLength = regexp.MustCompile(`char[a-z ]*\((\d+)\)`)

// ReadTable describes the columns of a table. The
// tables that Modoboa makes have defaults in its programs only, so whoever
// inserts a row must know all columns, which differ from release to release.
func ReadTable(ctx context.Context, d *db.DB, q db.Queryer, table string) (Table, error) {
	query, arg := `SELECT name, lower(type), "notnull" AND dflt_value IS NULL FROM pragma_table_info(?)`, table
	switch d.Dialect {
	case db.PostgreSQL:
		query = `SELECT attname::text, format_type(atttypid, atttypmod), attnotnull AND NOT atthasdef AND attidentity = ''
			FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped`
		arg = d.Quote(table)
	case db.MySQL:
		query = `SELECT column_name, column_type, is_nullable = 'NO' AND column_default IS NULL AND extra = ''
			FROM information_schema.columns WHERE table_schema = database() AND table_name = ?`
	}
	cols := Table{}
	err := Each(ctx, d, q, query, []any{arg}, func(r *sql.Rows) error {
		var name string
		var c Column
		if err := r.Scan(&name, &c.kind, &c.required); err != nil {
			return err
		}
		if m := typeLength.FindStringSubmatch(c.kind); m != nil {
			c.length, _ = strconv.Atoi(m[1])
		}
		cols[name] = c
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("columns of %s: %w", table, err)
	}
	return cols, nil
}

// filler is the value for a required column that an object has none for: the
// zero value of its type, which is Modoboa's default for all columns but those
// that the batches name. now is for timestamps.
func (c Column) filler(name string, now any) any {
	switch {
	case strings.HasPrefix(c.kind, "bool"), c.kind == "tinyint(1)":
		return false
	case strings.HasPrefix(c.kind, "timestamp"), strings.HasPrefix(c.kind, "datetime"), c.kind == "date":
		return now
	case strings.Contains(c.kind, "json"), name == "_parameters", name == "_settings":
		return "{}"
	case strings.Contains(c.kind, "char"), strings.Contains(c.kind, "text"):
		return ""
	default:
		return 0
	}
}
