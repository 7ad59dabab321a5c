package modoboa_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestSchemaIsModoboas compares what Init makes with what Modoboa 2.9 makes:
// names, types and NOT NULL of columns on all engines, keys on PostgreSQL.
func TestSchemaIsModoboas(t *testing.T) {
	dir := os.Getenv("VMAPD_FIXTURES")
	if dir == "" {
		t.Skip("VMAPD_FIXTURES is not set")
	}
	dbtest.Each(t, func(t *testing.T, url string) {
		theirs := openDB(t, url)
		dbtest.LoadModoboa(t, url, filepath.Join(dir, "modoboa", "2.9.3"))
		ours := openDB(t, emptyLike(t, theirs.Dialect))
		if _, err := modoboa.Init(t.Context(), ours, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		tables, err := ours.Tables(t.Context(), ours.DB)
		if err != nil {
			t.Fatal(err)
		}
		tables = slices.DeleteFunc(tables, func(s string) bool { return strings.HasPrefix(s, "vmapd_") })
		for _, table := range tables {
			for what, query := range shapes(ours.Dialect) {
				query = strings.ReplaceAll(query, "{table}", table)
				if diff := cmp.Diff(column(t, theirs, query), column(t, ours, query)); diff != "" {
					t.Errorf("%s of %s (-Modoboa +ours):\n%s", what, table, diff)
				}
			}
		}
	})
}

func emptyLike(t *testing.T, d db.Dialect) string {
	switch d {
	case db.PostgreSQL:
		return dbtest.Postgres(t).NewDatabase(t)
	case db.MySQL:
		return dbtest.MariaDB(t).NewDatabase(t)
	default:
		return dbtest.SQLite(t)
	}
}

func shapes(d db.Dialect) map[string]string {
	switch d {
	case db.PostgreSQL:
		return map[string]string{
			"columns": `SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
				WHERE attrelid = to_regclass('public.{table}') AND attnum > 0 AND NOT attisdropped`,
			"keys": `SELECT contype, (SELECT string_agg(attname, ',' ORDER BY attname) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)),
				coalesce(confrelid::regclass::text, '-'), condeferrable, condeferred, confdeltype FROM pg_constraint
				WHERE conrelid = to_regclass('public.{table}') AND contype IN ('p', 'u', 'f')`,
		}
	case db.MySQL:
		return map[string]string{
			"columns": `SELECT column_name, column_type, is_nullable, extra, coalesce(collation_name, '-') FROM information_schema.columns
				WHERE table_schema = database() AND table_name = '{table}'`,
			"unique keys": `SELECT group_concat(column_name ORDER BY column_name) FROM information_schema.statistics
				WHERE table_schema = database() AND table_name = '{table}' AND non_unique = 0 GROUP BY index_name`,
			"foreign keys": `SELECT column_name, referenced_table_name FROM information_schema.key_column_usage
				WHERE table_schema = database() AND table_name = '{table}' AND referenced_table_name IS NOT NULL`,
		}
	default:
		return map[string]string{
			"columns":      `SELECT name, type, "notnull", pk FROM pragma_table_info('{table}')`,
			"foreign keys": `SELECT "from", "table", "to" FROM pragma_foreign_key_list('{table}')`,
			"unique keys": `SELECT (SELECT group_concat(name, ',' ORDER BY name) FROM pragma_index_info(l.name))
				FROM pragma_index_list('{table}') l WHERE "unique"`,
		}
	}
}
