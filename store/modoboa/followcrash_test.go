package modoboa_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestFollowAfterACrash kills PostgreSQL before it has written down a
// transaction that was rolled back: the next one gets its number, which a
// snapshot that was taken before the crash holds for long since ended.
func TestFollowAfterACrash(t *testing.T) {
	server := dbtest.NewPostgres(t)
	// What is committed is kept, what is not waits for ten seconds.
	server.Exec(t, "alter role postgres set synchronous_commit = on", "alter system set wal_writer_delay = '10s'", "select pg_reload_conf()")
	d := dbtest.Open(t, server.NewDatabase(t), db.Options{})
	makeTables(t, d, newest())
	fill(t, d, newest())
	install(t, d)
	for range 5 {
		f := newFollower(t, d)
		f.want(0)
		forgotten := begin(t, d, "update admin_domain set quota = 7 - quota % 5 where id = 1")
		var number, again int64
		scan(t, forgotten, &number, "select txid_current()")
		if err := forgotten.Rollback(); err != nil {
			t.Fatal(err)
		}
		f.want(0)
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		_ = d.PingContext(t.Context()) // takes the dead connections out of the pool
		next := begin(t, d, "update admin_domain set quota = 7 - quota % 5 where id = 2")
		scan(t, next, &again, "select txid_current()")
		commit(t, next)
		c, err := f.source.Follow(t.Context(), f.served.Position())
		if err != nil {
			t.Fatal(err)
		}
		if c.Rows != 1 || !c.Restarted {
			t.Fatalf("transaction %d, after the crash %d: %d rows were followed, want 1; restarted: %v", number, again, c.Rows, c.Restarted)
		}
		f.want(1)
		f.want(0)
		if again <= number {
			return
		}
	}
	t.Skip("the server did not forget a transaction in five crashes")
}

func scan(t *testing.T, tx *sql.Tx, to *int64, query string) {
	t.Helper()
	if err := tx.QueryRow(query).Scan(to); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", query, err))
	}
}
