package db

import (
	"context"
	"fmt"
)

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
	defer func() { _ = rows.Close() }()
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
