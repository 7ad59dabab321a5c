package db_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

func TestLock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		one, two := dbtest.Open(t, url, db.Options{}), dbtest.Open(t, url, db.Options{})
		dbtest.Exec(t, one, "create table a (n integer)")
		lock, err := one.TryLock(t.Context(), "job-a")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*db.DB{one, two} {
			if _, err := d.TryLock(t.Context(), "job-a"); !errors.Is(err, db.ErrLocked) {
				t.Fatalf("a lock that is taken: %v", err)
			}
		}
		other, err := two.TryLock(t.Context(), "job-b")
		if err != nil {
			t.Fatalf("another lock: %v", err)
		}
		other.Release()
		time.Sleep(1500 * time.Millisecond) // it is looked at once
		ctx, cancel := lock.Context(t.Context())
		defer cancel()
		if ctx.Err() != nil {
			t.Fatalf("a lock that nobody took was lost: %v", context.Cause(ctx))
		}
		lock.Release()
		again, err := two.TryLock(t.Context(), "job-a")
		if err != nil {
			t.Fatalf("after its release: %v", err)
		}
		again.Release()
	})
}

// TestLockOfAnotherDatabase: databases of one server do not share locks.
func TestLockOfAnotherDatabase(t *testing.T) {
	for name, url := range map[string]func() string{"postgres": func() string { return dbtest.Postgres(t).NewDatabase(t) }, "mariadb": func() string { return dbtest.MariaDB(t).NewDatabase(t) }} {
		for i := range 2 {
			lock, err := dbtest.Open(t, url(), db.Options{}).TryLock(t.Context(), "job")
			if err != nil {
				t.Fatalf("%s, database %d: %v", name, i, err)
			}
			defer lock.Release()
		}
	}
}

// TestLockLost breaks what holds a lock.
func TestLockLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		dbtest.Exec(t, d, "create table a (n integer)")
		lock, err := d.TryLock(t.Context(), "job")
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Release()
		ctx, cancel := lock.Context(t.Context())
		defer cancel()
		switch d.Dialect {
		case db.PostgreSQL:
			dbtest.Exec(t, d, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())")
		case db.MySQL:
			var id string
			if err := d.QueryRow("select is_used_lock(concat('vmapd.', sha1(concat(database(), '/job'))))").Scan(&id); err != nil {
				t.Fatal(err)
			}
			dbtest.Exec(t, d, "kill "+id)
		default:
			if err := os.Remove(strings.TrimPrefix(url, "sqlite:") + ".job.lock"); err != nil {
				t.Fatal(err)
			}
		}
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, db.ErrLockLost) {
			t.Errorf("cause: %v", cause)
		}
		again, err := d.TryLock(t.Context(), "job")
		if err != nil {
			t.Fatalf("another one cannot take it: %v", err)
		}
		again.Release()
	})
}

// TestLockWithoutServer is no lock that somebody holds.
func TestLockWithoutServer(t *testing.T) {
	d := dbtest.Open(t, "postgres://nobody@127.0.0.1:1/none", db.Options{})
	_, err := d.TryLock(t.Context(), "job")
	var c *db.ConnectError
	if !errors.As(err, &c) || errors.Is(err, db.ErrLocked) {
		t.Errorf("%v", err)
	}
}
