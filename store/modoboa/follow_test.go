package modoboa_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// follower is a snapshot that is kept up to date by following.
type follower struct {
	t      testing.TB
	d      *db.DB
	source *modoboa.Source
	served *store.Snapshot
}

func newFollower(t testing.TB, d *db.DB) *follower {
	t.Helper()
	f := &follower{t: t, d: d, source: &modoboa.Source{DB: d, Writer: d}}
	t.Cleanup(func() { _ = f.source.Close() })
	f.load()
	return f
}

func (f *follower) load() {
	f.t.Helper()
	f.served = f.read()
	if f.served.Position() == "" {
		f.t.Fatal("a load with capture installed has no position")
	}
}

func (f *follower) read() *store.Snapshot {
	f.t.Helper()
	b := store.NewBuilder()
	if err := f.source.Load(context.Background(), b); err != nil {
		f.t.Fatal(err)
	}
	return b.Build(time.Now())
}

// step follows once and returns the number of rows.
func (f *follower) step() int {
	f.t.Helper()
	c, err := f.source.Follow(context.Background(), f.served.Position())
	if err != nil {
		f.t.Fatal(err)
	}
	if (c.Apply == nil) != (c.Rows == 0) {
		f.t.Fatalf("%d rows, Apply is nil: %v", c.Rows, c.Apply == nil)
	}
	for range 2 { // Apply can be called again
		b := f.served.Edit()
		if c.Apply != nil {
			c.Apply(b)
		}
		b.SetPosition(c.To)
		if s := b.Build(time.Now()); c.Apply == nil || s.Position() == c.To {
			defer func() { f.served = s }()
		}
	}
	return c.Rows
}

// follow follows once; then what is served must be what the database says.
func (f *follower) follow() int {
	f.t.Helper()
	n := f.step()
	f.same()
	return n
}

func (f *follower) same() {
	f.t.Helper()
	if d := store.Compare(f.served, f.read(), func() {}); d.Rows > 0 {
		f.t.Fatalf("after following, %d rows differ from the database: %q", d.Rows, d.First)
	}
}

// want follows once and must be told of n rows.
func (f *follower) want(n int) {
	f.t.Helper()
	if got := f.follow(); got != n {
		f.t.Fatalf("followed %d rows, want %d", got, n)
	}
}

// lost follows and must be told that this does not work any more, and why.
func (f *follower) lost(why string) {
	f.t.Helper()
	c, err := f.source.Follow(context.Background(), f.served.Position())
	if !errors.Is(err, store.ErrLost) || !strings.Contains(err.Error(), why) {
		f.t.Fatalf("Follow: %+v, %v; want ErrLost because %q", c, err, why)
	}
}

func TestFollow(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		f := newFollower(t, d)
		f.want(0)
		f.want(0)
		dbtest.Exec(t, d, "update admin_alias set enabled = (1 = 0) where id = 33")
		f.want(1)
		f.want(0)
		dbtest.Exec(t, d, "delete from modoboa_admin_aliasrecipient where id = 43", "delete from admin_quota where username = 'gone@one.test'")
		f.want(2)
		addTestDomain(t, d, 101, "new.test")
		dbtest.Exec(t, d, "update admin_domain set name = 'newer.test' where id = 101", "update admin_domain set id = 102 where id = 101")
		f.want(2)
		dbtest.Exec(t, d, "update core_user set email = 'x'") // every row
		f.want(3)
		dbtest.Exec(t, d, "update core_user set email = 'y' where id = 0") // none
		f.want(0)
		dbtest.Exec(t, d, "delete from admin_mailboxoperation")
		f.want(2)
		writeAll(t, d)
		f.follow()
	})
}

// begin begins a transaction that the test ends.
func begin(t testing.TB, d *db.DB, queries ...string) *sql.Tx {
	t.Helper()
	tx, err := d.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	in(t, tx, queries...)
	return tx
}

func in(t testing.TB, tx *sql.Tx, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := tx.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func commit(t testing.TB, tx *sql.Tx) {
	t.Helper()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestSmallerIDCommitsLater: ids in the log are given out before commit.
func TestSmallerIDCommitsLater(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		if d.Dialect == db.SQLite {
			return // has one writer at a time
		}
		f := newFollower(t, d)
		early := begin(t, d, "update admin_domain set quota = 1 where id = 1")
		late := begin(t, d, "update admin_domain set quota = 2 where id = 2")
		f.want(0)
		commit(t, late)
		f.want(1)
		f.want(0)
		other := newFollower(t, d) // loads while the early one is open
		commit(t, early)
		f.want(1)
		other.want(1)
		f.want(0)

		gone := begin(t, d, "update admin_domain set quota = 3 where id = 1")
		dbtest.Exec(t, d, "update admin_domain set quota = 4 where id = 2")
		f.want(1)
		if err := gone.Rollback(); err != nil {
			t.Fatal(err)
		}
		f.want(0)
	})
}

// TestGapsAreSettled: one that was rolled back is given up, one that is open is
// kept, however old it is.
func TestGapsAreSettled(t *testing.T) {
	d := dbtest.Open(t, dbtest.MariaDB(t).NewDatabase(t), db.Options{})
	makeTables(t, d, newest())
	fill(t, d, newest())
	install(t, d)
	f := newFollower(t, d)
	dead := begin(t, d, "update admin_domain set quota = 1 where id = 1")
	open := begin(t, d, "update admin_domain set quota = 2 where id = 2")
	dbtest.Exec(t, d, "update admin_domain set quota = 3 where id = 3")
	f.want(1)
	if err := dead.Rollback(); err != nil {
		t.Fatal(err)
	}
	if at := f.served.Position(); !strings.Contains(string(at), `"g":[[1,2,`) {
		t.Fatalf("the position %s has no gap 1-2", at)
	}
	time.Sleep(6 * time.Second)
	least := time.Hour
	for range 5 { // other work of this machine may hold one up, but not all
		begun := time.Now()
		f.want(0)
		least = min(least, time.Since(begun))
	}
	if least > 900*time.Millisecond { // a lock is waited for a second, at least
		t.Errorf("a gap that is open held up Follow for %v", least)
	}
	commit(t, open)
	f.want(1)
	if at := f.served.Position(); strings.Contains(string(at), `"g":[[1`) && !strings.Contains(string(at), `"g":[[1,1,`) {
		t.Errorf("gaps of the position %s", at)
	}
	f.want(0)
	if at := f.served.Position(); strings.Contains(string(at), `"g"`) {
		t.Errorf("the position %s still has a gap that was rolled back", at)
	}
}

// TestSavepoints: what was rolled back to a savepoint was not done.
func TestSavepoints(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		f := newFollower(t, d)
		tx := begin(t, d, "update admin_domain set quota = 1 where id = 1",
			"savepoint a", "update admin_domain set quota = 1 where id = 2", "savepoint b",
			"update admin_domain set quota = 1 where id = 3", "rollback to savepoint b", "release savepoint a")
		if d.Dialect == db.PostgreSQL { // SQLite's writer would not let the others read half
			f.want(0)
		}
		commit(t, tx)
		f.want(2)
		f.want(0)
	})
}

// TestTruncate: PostgreSQL's trigger says so; MariaDB has none, and rows that
// are gone without a word betray it.
func TestTruncate(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		for _, table := range []string{"admin_quota", "transport_transport"} {
			f := newFollower(t, d)
			if d.Dialect == db.SQLite {
				dbtest.Exec(t, d, "delete from "+table)
				f.want(2)
				continue
			}
			dbtest.Exec(t, d, "truncate table "+table)
			f.lost("")
			f.load()
			f.want(0)
		}
		f := newFollower(t, d)
		if d.Dialect == db.MySQL {
			insert(t, d, newest(), "admin_quota", "username, bytes, messages", "m@one.test", 1, 1)
			f.want(1)
			dbtest.Exec(t, d, "truncate table admin_quota")
			insert(t, d, newest(), "admin_quota", "username, bytes, messages", "n@one.test", 1, 1)
			f.lost("without a trace")
			f.load()
			// The first of several goes the ordinary way.
			insert(t, d, newest(), "admin_quota", "username, bytes, messages", "a@one.test", 1, 1)
			f.want(1)
			dbtest.Exec(t, d, "delete from admin_quota where username = 'a@one.test'")
			f.want(1)
			dbtest.Exec(t, d, "update admin_domain set id = 100 where id = 1")
			f.want(2)
		}
	})
}

func TestLost(t *testing.T) {
	events := []struct {
		name, why string
		do        func(t *testing.T, d *db.DB)
	}{
		{"log emptied", "", func(t *testing.T, d *db.DB) { dbtest.Exec(t, d, "delete from vmapd_change") }},
		{"log emptied and written", "emptied", func(t *testing.T, d *db.DB) {
			dbtest.Exec(t, d, "delete from vmapd_change", "update admin_domain set quota = 7 where id = 3")
		}},
		{"log dropped", "tables have changed", func(t *testing.T, d *db.DB) { dbtest.Exec(t, d, "drop table vmapd_change") }},
		{"removed", "", func(t *testing.T, d *db.DB) {
			if _, err := modoboa.RemoveCapture(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}},
		{"installed again", "", func(t *testing.T, d *db.DB) {
			if _, err := modoboa.RemoveCapture(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			install(t, d)
		}},
		{"pruned by others", "pruned", func(t *testing.T, d *db.DB) {
			dbtest.Exec(t, d, "update vmapd_capture set pruned = 1000000")
		}},
	}
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		for _, e := range events {
			t.Run(e.name, func(t *testing.T) {
				install(t, d)
				dbtest.Exec(t, d, "update vmapd_capture set pruned = 0", "update admin_domain set quota = quota + 1 where id = 3")
				f := newFollower(t, d)
				f.want(0)
				e.do(t, d)
				f.lost(e.why)
			})
		}
	})
}

// TestTooManyChanges: reading everything is cheaper then.
func TestTooManyChanges(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		f := newFollower(t, d)
		tx := begin(t, d)
		for from := 1000; from < 1000+20500; from += 500 {
			var b strings.Builder
			b.WriteString("insert into relaydomains_recipientaccess (id, pattern, action) values ")
			for i := range 500 {
				if i > 0 {
					b.WriteString(", ")
				}
				fmt.Fprintf(&b, "(%d, 'p%d', 'x')", from+i, from+i)
			}
			in(t, tx, b.String())
		}
		commit(t, tx)
		f.lost("more than 20000 rows")
		f.load()
		dbtest.Exec(t, d, "update relaydomains_recipientaccess set action = 'y' where id between 2000 and 6999")
		f.want(5000)
		if d.Dialect == db.PostgreSQL {
			dbtest.Exec(t, d, "update relaydomains_recipientaccess set action = 'z'")
			f.lost("all of relaydomains_recipientaccess")
			if n := column(t, d, "select count(*) from vmapd_change where row_id is null"); n[0] != "1" {
				t.Errorf("%s entries for a whole table, want 1", n[0])
			}
		}
	})
}

// TestAddedColumn: Modoboa upgrades its tables under a running follower.
func TestAddedColumn(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		if d.Dialect == db.MySQL {
			time.Sleep(1100 * time.Millisecond) // create_time counts seconds
		}
		f := newFollower(t, d)
		dbtest.Exec(t, d, "alter table admin_domain add column extra integer")
		dbtest.Exec(t, d, "update admin_domain set extra = 5 where id = 1")
		f.lost("tables have changed")
		f.load()
		addTestDomain(t, d, 501, "after.test")
		f.want(1)
		dbtest.Exec(t, d, "alter table admin_domain drop column extra", "update admin_domain set quota = 5 where id = 1")
		if c, err := f.source.Follow(t.Context(), f.served.Position()); err == nil && c.Rows != 1 {
			t.Errorf("after dropping a column: %d rows", c.Rows)
		} else if err != nil {
			f.lost("")
		}
		f.load()
		addTestDomain(t, d, 502, "later.test")
		f.want(1)
		dbtest.Exec(t, d, "alter table core_user drop column master_user", "update core_user set email = 'q' where id = 11")
		f.lost("")
	})
}

// TestDown: a database that does not answer is no reason to read it all.
func TestDown(t *testing.T) {
	for _, s := range []*dbtest.Server{dbtest.NewPostgres(t), dbtest.NewMariaDB(t)} {
		d := dbtest.Open(t, s.NewDatabase(t), db.Options{IOTimeout: 2 * time.Second, ConnectTimeout: 2 * time.Second})
		makeTables(t, d, newest())
		fill(t, d, newest())
		install(t, d)
		f := newFollower(t, d)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		var down *db.ConnectError
		if _, err := f.source.Follow(t.Context(), f.served.Position()); !errors.As(err, &down) || errors.Is(err, store.ErrLost) {
			t.Errorf("%s, server stopped: %v, want a ConnectError", d.Dialect, err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		dbtest.Exec(t, d, "update admin_domain set quota = 9 where id = 3")
		f.want(1)
	}
}
