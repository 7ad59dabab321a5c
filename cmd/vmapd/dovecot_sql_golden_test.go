package main_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDovecotQueries asks the queries of testdata/dovecot, with which vmapd is
// compared, what the queries of Modoboa's installer answered over a database
// that Modoboa 2.9.3 made. VMAPD_FIXTURES names a folder with
// modoboa/2.9.3/expected-dovecot.tsv (query, service, user, answer).
func TestDovecotQueries(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("VMAPD_FIXTURES")
	if dir == "" {
		t.Skip("VMAPD_FIXTURES names no folder with a database of Modoboa and the answers of its queries")
	}
	dir = filepath.Join(dir, "modoboa", "2.9.3")
	url := dbtest.Postgres(t).NewDatabase(t)
	dbtest.RunFiles(t, url, filepath.Join(dir, "postgres-schema.sql"), filepath.Join(dir, "postgres-data.sql"))
	d := dbtest.Open(t, url, db.Options{ReadOnly: true})
	queries := map[string]string{
		"password_query(installer-2.3)":    dovecotQuery(t, "sql.conf.ext", "password_query"),
		"user_query(installer-2.3)":        dovecotQuery(t, "sql.conf.ext", "user_query"),
		"master password_query(installer)": dovecotQuery(t, "sql-master.conf.ext", "password_query"),
		"iterate_query":                    dovecotQuery(t, "sql.conf.ext", "iterate_query"),
	}
	asked := map[string]int{}
	for line := range strings.Lines(readFile(t, filepath.Join(dir, "expected-dovecot.tsv"))) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 4 || queries[f[0]] == "" {
			continue
		}
		asked[f[0]]++
		if got := answerOf(t, d, queries[f[0]], f[1], f[2]); got != f[3] {
			t.Errorf("%s, %s, %s:\n got %s\nwant %s", f[0], f[1], f[2], got, f[3])
		}
	}
	for name := range queries {
		if asked[name] == 0 {
			t.Errorf("expected-dovecot.tsv has no answer of %s", name)
		}
	}
}

// dovecotQuery reads a query from a file for Dovecot's SQL driver.
func dovecotQuery(t *testing.T, file, name string) string {
	t.Helper()
	text := strings.ReplaceAll(readFile(t, "testdata/dovecot/"+file), "\\\n", "")
	for line := range strings.Lines(text) {
		if query, ok := strings.CutPrefix(line, name+" = "); ok {
			return strings.NewReplacer("${mail}", "/srv/vmail", "${owner}", "5000").Replace(query)
		}
	}
	t.Fatalf("%s has no %s", file, name)
	return ""
}

// answerOf asks a query about a user as Dovecot does. The columns have a bar
// between them, rows a comma.
func answerOf(t *testing.T, d *db.DB, query, service, user string) string {
	t.Helper()
	user = strings.ReplaceAll(strings.ToLower(user), "'", "''")
	local, domain, _ := strings.Cut(user, "@")
	rows, err := d.QueryContext(t.Context(), strings.NewReplacer("%Lu", user, "%Ln", local, "%Ld", domain, "%s", service).Replace(query))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	for rows.Next() {
		values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range values {
			row = append(row, v.String)
		}
		answers = append(answers, strings.Join(row, "|"))
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	if len(answers) == 0 {
		return "<NOTFOUND>"
	}
	slices.Sort(answers)
	return strings.Join(slices.Compact(answers), ",") // the file has each name once
}
