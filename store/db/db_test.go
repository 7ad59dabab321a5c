package db_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// TestSnapshotIsConsistent reads one table, lets another connection change
// two, and reads the other.
func TestSnapshotIsConsistent(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		writer := dbtest.Open(t, url, db.Options{})
		dbtest.Exec(t, writer, "create table a (n integer)", "create table b (n integer)", "insert into a values (1)", "insert into b values (1)")
		reader := dbtest.Open(t, url, db.Options{ReadOnly: true})
		tx, err := reader.BeginSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		read := func(table string) (n int) {
			if err := tx.QueryRow("select sum(n) from " + table).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if a := read("a"); a != 1 {
			t.Fatalf("a = %d before the change, want 1", a)
		}
		dbtest.Exec(t, writer, "update a set n = 2", "update b set n = 2", "insert into b values (5)")
		if a, b := read("a"), read("b"); a != 1 || b != 1 {
			t.Errorf("a, b = %d, %d inside the snapshot, want 1, 1", a, b)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if tx, err = reader.BeginSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, b := read("a"), read("b"); a != 2 || b != 7 {
			t.Errorf("a, b = %d, %d in a new snapshot, want 2, 7", a, b)
		}
	})
}

// TestSnapshotRefusesWrites: and so do the sessions of Options.ReadOnly where
// they are ours alone.
func TestSnapshotRefusesWrites(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		writer := dbtest.Open(t, url, db.Options{})
		dbtest.Exec(t, writer, "create table a (n integer)")
		reader := dbtest.Open(t, url, db.Options{ReadOnly: true})
		tx, err := reader.BeginSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if _, err := tx.Exec("insert into a values (1)"); err == nil {
			t.Error("a snapshot let us write")
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Exec("insert into a values (1)"); err == nil && reader.Dialect != db.PostgreSQL {
			t.Error("Options.ReadOnly let us write")
		}
	})
}

func TestColumnsAndTables(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		tables, err := d.Tables(t.Context(), d)
		if err != nil || len(tables) != 0 {
			t.Fatalf("Tables of an empty database = %q, %v", tables, err)
		}
		dbtest.Exec(t, d, "create table second (id integer, "+d.Quote("order")+" integer)", "create table first (id integer)", "create view third as select * from first")
		tables, err = d.Tables(t.Context(), d)
		if diff := cmp.Diff([]string{"first", "second"}, tables); diff != "" || err != nil {
			t.Errorf("Tables: %v -want +got:\n%s", err, diff)
		}
		for table, want := range map[string]map[string]bool{"second": {"id": true, "order": true}, "none": {}, `it's "not"`: {}} {
			got, err := d.Columns(t.Context(), d, table)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("Columns(%s): %v -want +got:\n%s", table, err, diff)
			}
		}
	})
}

func TestBindTimeAndText(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		column := map[db.Dialect]string{db.SQLite: "datetime", db.PostgreSQL: "timestamptz", db.MySQL: "datetime(6)"}[d.Dialect]
		dbtest.Exec(t, d, "create table x (id integer, at "+column+", what varchar(20))")
		at := time.Date(2026, 7, 1, 12, 30, 45, 123456789, time.FixedZone("", 7200))
		if _, err := d.Exec(d.Rebind("insert into x values (?, ?, '?')"), 7, d.Time(at)); err != nil {
			t.Fatal(err)
		}
		var at2, what string
		query := d.Rebind("select " + d.Text("at") + ", what from x where id = ? and at = ?")
		if err := d.QueryRow(query, 7, d.Time(at)).Scan(&at2, &what); err != nil {
			t.Fatal(err)
		}
		if strings.TrimSuffix(at2, "+00") != "2026-07-01 10:30:45.123456" || what != "?" {
			t.Errorf("read back %q, %q", at2, what)
		}
	})
}

func TestUnicodeAndUTC(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		dbtest.Exec(t, d, "create table x (name varchar(40))")
		const name = "日本語 ärger 😀"
		if _, err := d.Exec(d.Rebind("insert into x values (?)"), name); err != nil {
			t.Fatal(err)
		}
		var got, now string
		if err := d.QueryRow("select name, "+d.Text("current_timestamp")+" from x").Scan(&got, &now); err != nil {
			t.Fatal(err)
		}
		if got != name {
			t.Errorf("read back %q, want %q", got, name)
		}
		at, err := time.Parse("2006-01-02 15:04:05", strings.Split(strings.TrimSuffix(now, "+00"), ".")[0])
		if err != nil || time.Since(at).Abs() > 5*time.Minute {
			t.Errorf("the session's clock says %q, which is not UTC (%v)", now, err)
		}
	})
}

func TestCancelEndsAQuery(t *testing.T) {
	sleep := map[db.Dialect]string{
		db.SQLite:     "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
		db.PostgreSQL: "select pg_sleep(300)",
		db.MySQL:      "select sleep(300)",
	}
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tx, err := d.BeginSnapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		time.AfterFunc(100*time.Millisecond, cancel)
		var x any
		if err := tx.QueryRowContext(ctx, sleep[d.Dialect]).Scan(&x); err == nil || ctx.Err() == nil {
			t.Errorf("the query ended with %v, before its context did", err)
		}
	})
}

func TestNewSQLiteFileIsPrivate(t *testing.T) {
	url := dbtest.SQLite(t)
	path := strings.TrimPrefix(url, "sqlite:")
	d := dbtest.Open(t, url, db.Options{})
	dbtest.Exec(t, d, "create table x (n integer)")
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", name, info, err)
		}
	}
}

func TestRebind(t *testing.T) {
	pg := &db.DB{Dialect: db.PostgreSQL}
	for q, want := range map[string]string{
		"select ?, ?":                       "select $1, $2",
		"select '?', ? from \"a?\" where ?": "select '?', $1 from \"a?\" where $2",
		"select 'it''s ?', ?":               "select 'it''s ?', $1",
		"select 1":                          "select 1",
	} {
		if got := pg.Rebind(q); got != want {
			t.Errorf("Rebind(%s) = %s, want %s", q, got, want)
		}
		if got := (&db.DB{Dialect: db.MySQL}).Rebind(q); got != q {
			t.Errorf("Rebind(%s) for MySQL = %s", q, got)
		}
	}
}

func TestQuote(t *testing.T) {
	for d, want := range map[db.Dialect]string{db.SQLite: "\"a\"\"b`c\"", db.PostgreSQL: "\"a\"\"b`c\"", db.MySQL: "`a\"b``c`"} {
		if got := (&db.DB{Dialect: d}).Quote("a\"b`c"); got != want {
			t.Errorf("%v: Quote = %s, want %s", d, got, want)
		}
	}
}
