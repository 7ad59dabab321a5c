package dbtest_test

import (
	"os"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

func TestEachGivesAnEmptyDatabase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d, err := db.Open(url, db.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := d.Exec("create table x (id integer primary key)"); err != nil {
			t.Fatal(err)
		}
		tables, err := d.Tables(t.Context(), d)
		if err != nil || len(tables) != 1 || tables[0] != "x" {
			t.Fatalf("tables = %q, %v; want the one made here", tables, err)
		}
	})
}

func TestKillAndStartAgain(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *dbtest.Server{"postgres": dbtest.NewPostgres, "mariadb": dbtest.NewMariaDB} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			url := s.NewDatabase(t)
			d, err := db.Open(url, db.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			for _, end := range []func() error{s.Stop, s.Kill} {
				if err := end(); err != nil {
					t.Fatal(err)
				}
				if err := d.Connect(t.Context()); err == nil {
					t.Fatal("a server that was ended still answers")
				}
				if err := s.Start(); err != nil {
					t.Fatal(err)
				}
				if err := d.Connect(t.Context()); err != nil {
					t.Fatalf("after the restart: %v", err)
				}
			}
		})
	}
}
