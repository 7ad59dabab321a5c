package modoboa_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestLoadOfAReplacedFile: a load reads the file that is there now, though the
// pool has connections to one that was there before.
func TestLoadOfAReplacedFile(t *testing.T) {
	url := dbtest.SQLite(t)
	path := strings.TrimPrefix(url, "sqlite:")
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	dbtest.Exec(t, d, "insert into admin_domain (name) values ('before.test')", "vacuum into '"+path+".copy'")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	copied := dbtest.Open(t, url+".copy", db.Options{})
	dbtest.Exec(t, copied, "insert into admin_domain (name) values ('after.test')")
	if err := copied.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".foreign", bytes.Repeat([]byte("no database\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}

	s := &modoboa.Source{DB: dbtest.Open(t, url, db.Options{ReadOnly: true})}
	replace := func(with string) {
		t.Helper()
		_ = os.Remove(path + "-wal") // empty, and the other file's
		_ = os.Remove(path + "-shm")
		if err := os.Rename(with, path); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ file, want string }{{"", "before.test"}, {path + ".foreign", ""}, {path + ".copy", "after.test"}} {
		if step.file != "" {
			replace(step.file)
		}
		b := store.NewBuilder()
		err := s.Load(t.Context(), b)
		if step.want == "" {
			if err == nil {
				t.Errorf("%s was loaded", step.file)
			}
			continue
		}
		if err != nil {
			t.Fatalf("with %s in its place: %v", step.file, err)
		}
		if _, ok := b.Build(time.Now()).Domain(step.want); !ok {
			t.Errorf("with %s in its place there is no domain %s", step.file, step.want)
		}
	}
}
