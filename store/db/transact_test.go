package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestTransact commits, and takes back what failed; the connection can be used
// again after both.
func TestTransact(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		d.SetMaxOpenConns(1)
		dbtest.Exec(t, d, "create table a (n integer primary key)")
		insert := func(n int, then error) error {
			return d.Transact(t.Context(), func(c *sql.Conn) error {
				_, err := c.ExecContext(t.Context(), d.Rebind("insert into a values (?)"), n)
				return errors.Join(err, then)
			})
		}
		odd := errors.New("odd")
		if err := errors.Join(insert(1, nil), insert(3, nil)); err != nil {
			t.Fatal(err)
		}
		if err := insert(2, odd); !errors.Is(err, odd) {
			t.Errorf("%v, want f's error", err)
		}
		if err := insert(3, nil); err == nil || d.BadData(err) == d.LostRace(err) {
			t.Errorf("the same key again: %v, bad data %v, lost race %v", err, d.BadData(err), d.LostRace(err))
		}
		var sum int
		if err := d.QueryRow("select sum(n) from a").Scan(&sum); err != nil || sum != 4 {
			t.Errorf("sum %d, %v; want 1 + 3", sum, err)
		}
	})
}

// TestAgain: what was lost against others is begun again, not for ever, and nothing
// else is.
func TestAgain(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), db.Options{})
	lost, odd := fmt.Errorf("in f: %w", &pgconn.PgError{Code: "40P01"}), errors.New("odd")
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		name string
		ctx  context.Context
		errs []error // of f, one call after the other
		want error
	}{
		{"won", t.Context(), []error{nil}, nil},
		{"lost twice", t.Context(), []error{lost, lost, nil}, nil},
		{"lost each time", t.Context(), []error{lost, lost, lost, lost}, lost},
		{"something else", t.Context(), []error{odd}, odd},
		{"lost, then something else", t.Context(), []error{lost, odd}, odd},
		{"nobody waits any more", ended, []error{lost}, lost},
	} {
		calls := 0
		err := d.Again(c.ctx, func() error {
			calls++
			return c.errs[min(calls, len(c.errs))-1]
		})
		if !errors.Is(err, c.want) || calls != len(c.errs) {
			t.Errorf("%s: %v after %d calls, want %v after %d", c.name, err, calls, c.want, len(c.errs))
		}
	}
}

// TestTransactEndsWithItsContext: the server hangs when COMMIT comes.
func TestTransactEndsWithItsContext(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *dbtest.Server{"postgres": dbtest.NewPostgres, "mariadb": dbtest.NewMariaDB} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			d := dbtest.Open(t, s.NewDatabase(t), db.Options{})
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			begin := time.Now()
			err := d.Transact(ctx, func(*sql.Conn) error { return s.Pause() })
			if took := time.Since(begin); err == nil || took > 30*time.Second {
				t.Errorf("%v after %v, want an error soon", err, took)
			}
			if err := s.Resume(); err != nil {
				t.Fatal(err)
			}
			if err := d.Transact(t.Context(), func(*sql.Conn) error { return nil }); err != nil {
				t.Errorf("after the server came back: %v", err)
			}
		})
	}
}
