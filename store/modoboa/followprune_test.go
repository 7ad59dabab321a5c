package modoboa_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestPrune: two followers on one log, one of which is away for a while.
func TestPrune(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		entries := func() int64 { return inspect(t, d, "installed").Entries }
		change := func(n int) {
			dbtest.Exec(t, d, fmt.Sprintf("update admin_domain set quota = %d where id = 2", n))
		}
		prune := func(f *follower) {
			t.Helper()
			time.Sleep(5 * time.Millisecond)
			if err := f.source.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		busy, away := newFollower(t, d), newFollower(t, d)
		busy.source.Retention = time.Hour
		for n := range 3 {
			change(n)
			busy.want(1)
		}
		prune(busy)
		if n := entries(); n != 3 {
			t.Errorf("%d entries after pruning too early, want 3", n)
		}
		away.want(1)
		busy.source.Retention = time.Millisecond
		busy.want(0)
		prune(busy)
		if n := entries(); n != 1 {
			t.Errorf("%d entries after pruning, want the newest", n)
		}
		away.want(0) // has read what is gone
		for n := range 3 {
			change(20 + n)
			busy.want(1)
		}
		prune(busy)
		prune(away) // its ten minutes are not over
		away.lost("pruned")
		busy.want(0)
		if n := entries(); n != 1 {
			t.Errorf("%d entries left, want the newest", n)
		}
		away.load()
		change(30)
		busy.want(1)
		away.want(1)
		if c := inspect(t, d, "installed"); c.Pruned == 0 {
			t.Errorf("%+v: no mark", c)
		}
		// Another log is another's business.
		if _, err := modoboa.RemoveCapture(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		install(t, d)
		change(40)
		prune(busy)
		if n := entries(); n != 1 {
			t.Errorf("%d entries in another log, want 1", n)
		}
	})
}

// TestRights: a role that may only read follows; pruning needs more, which
// Grant gives.
func TestRights(t *testing.T) {
	captured(t, func(t *testing.T, url string, d *db.DB) {
		if d.Dialect == db.SQLite {
			return
		}
		user := dbtest.Open(t, serverOf(t, d).NewUser(t, url, "follows", "secret"), db.Options{Password: "secret"})
		f := newFollower(t, user)
		f.source.Retention = time.Millisecond
		dbtest.Exec(t, d, "update admin_domain set quota = 1 where id = 1", "update admin_domain set quota = 1 where id = 2")
		f.want(2)
		time.Sleep(5 * time.Millisecond)
		var refused *modoboa.CaptureError
		if err := f.source.Prune(t.Context()); !errors.As(err, &refused) || refused.Remedy() == "" {
			t.Errorf("Prune without rights: %v, want a CaptureError with a remedy", err)
		}
		if d.Dialect == db.MySQL { // a locking read needs no right to write
			gone := begin(t, d, "update admin_domain set quota = 5 where id = 1")
			dbtest.Exec(t, d, "update admin_domain set quota = 6 where id = 2")
			f.want(1)
			if err := gone.Rollback(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(6 * time.Second)
			f.want(0)
		}
		if err := modoboa.InstallCapture(t.Context(), d, modoboa.CaptureOptions{Grant: "follows"}); err != nil {
			t.Fatal(err)
		}
		if err := f.source.Prune(t.Context()); err != nil {
			t.Errorf("Prune with rights: %v", err)
		}
		if c := inspect(t, d, "installed"); c.Entries > 2 || c.Pruned == 0 {
			t.Errorf("%+v: not pruned", c)
		}
		if d.Dialect == db.PostgreSQL {
			dbtest.Exec(t, d, "drop owned by follows")
		}
	})
}

func TestReplacedFile(t *testing.T) {
	url := dbtest.SQLite(t)
	d := dbtest.Open(t, url, db.Options{})
	makeTables(t, d, newest())
	fill(t, d, newest())
	install(t, d)
	copyTo := d.File() + ".copy"
	dbtest.Exec(t, d, "vacuum into '"+copyTo+"'")
	reader := dbtest.Open(t, url, db.Options{ReadOnly: true})
	f := newFollower(t, reader)
	f.want(0)
	f.want(0)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(reader.File() + suffix)
	}
	if err := os.Rename(copyTo, reader.File()); err != nil {
		t.Fatal(err)
	}
	f.lost("replaced")
	f.load()
	f.want(0)
}

// TestWatch: a change wakes who listens, and a lost connection is told.
func TestWatch(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		s := &modoboa.Source{DB: d}
		if d.Dialect != db.PostgreSQL {
			if err := s.Watch(t.Context(), nil); !errors.Is(err, store.ErrCannotWatch) {
				t.Errorf("%v, want ErrCannotWatch", err)
			}
			return
		}
		woken := make(chan struct{}, 100)
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		watch := func() { ended <- s.Watch(ctx, func() { woken <- struct{}{} }) }
		wait := func(what string) {
			t.Helper()
			select {
			case <-woken:
			case err := <-ended:
				t.Fatalf("%s: Watch ended: %v", what, err)
			case <-time.After(time.Minute):
				t.Fatalf("%s: not woken", what)
			}
		}
		go watch()
		wait("at the beginning")
		begun := time.Now()
		dbtest.Exec(t, d, "update admin_domain set quota = 3 where id = 1")
		wait("after a change")
		t.Logf("woken after %v", time.Since(begun))
		dbtest.Exec(t, d, "update admin_domain set quota = 3 where id = 0", "update vmapd_capture set pruned = pruned")
		time.Sleep(6 * time.Second) // longer than the silence that it endures without a question
		if len(woken) > 0 {
			t.Error("woken for nothing")
		}
		dbtest.Exec(t, d, "update admin_domain set quota = 4 where id = 1")
		wait("after a long silence")
		dbtest.Exec(t, d, "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database() and (query like 'unlisten%' or query = '-- ping')")
		select {
		case err := <-ended:
			if err == nil || errors.Is(err, store.ErrCannotWatch) {
				t.Errorf("a lost connection: %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("Watch does not notice that its connection is lost")
		}
		go watch()
		wait("again")
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("called off: %v", err)
		}
	})
}

// TestServerHangs: neither a listener nor a follower waits for ever.
func TestServerHangs(t *testing.T) {
	s := dbtest.NewPostgres(t)
	d := dbtest.Open(t, s.NewDatabase(t), db.Options{IOTimeout: 2 * time.Second, ConnectTimeout: 2 * time.Second})
	makeTables(t, d, newest())
	fill(t, d, newest())
	install(t, d)
	f := newFollower(t, d)
	started, ended := make(chan struct{}, 10), make(chan error, 1)
	go func() { ended <- f.source.Watch(t.Context(), func() { started <- struct{}{} }) }()
	<-started
	time.Sleep(3 * time.Second) // longer than IOTimeout: silence is no failure
	select {
	case err := <-ended:
		t.Fatalf("Watch ended in silence: %v", err)
	default:
	}
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	defer s.Resume()
	begun := time.Now()
	if _, err := f.source.Follow(t.Context(), f.served.Position()); err == nil || errors.Is(err, store.ErrLost) {
		t.Errorf("Follow of a server that hangs: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("Watch ended without an error")
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("noticed after %v", took)
	}
}

// TestFollowsWhateverIsCommitted runs random transactions on two connections,
// commits and rolls back, in any order, and follows now and then: what is
// served must then be what the database says. The database is the oracle.
func TestFollowsWhateverIsCommitted(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		dbtest.Exec(t, d, "update admin_domain set quota = 0")
		var next atomic.Int64
		next.Store(5000)
		f := newFollower(t, d)
		property.Check(t, func(rt *rapid.T) { randomTransactions(t, rt, d, f, &next) })
	})
}

func randomTransactions(t *testing.T, rt *rapid.T, d *db.DB, f *follower, next *atomic.Int64) {
	var open [2]*sql.Tx
	defer func() {
		for _, tx := range open {
			if tx != nil {
				_ = tx.Rollback()
			}
		}
	}()
	writers := len(open)
	if d.Dialect == db.SQLite {
		writers = 1
	}
	for range rapid.IntRange(1, 25).Draw(rt, "steps") {
		n := rapid.IntRange(0, writers-1).Draw(rt, "writer")
		switch rapid.SampledFrom([]string{"write", "write", "write", "commit", "roll back", "follow"}).Draw(rt, "what") {
		case "follow":
			f.follow()
		case "commit":
			if open[n] != nil {
				commit(t, open[n])
				open[n] = nil
			}
		case "roll back":
			if open[n] != nil {
				_ = open[n].Rollback()
				open[n] = nil
			}
		default:
			if open[n] == nil {
				open[n] = begin(t, d)
			}
			in(t, open[n], randomStatement(rt, n, next.Add(1)))
		}
	}
	for n, tx := range open {
		if tx != nil {
			commit(t, tx)
			open[n] = nil
		}
	}
	f.follow()
}

// randomStatement writes rows that only the writer n writes: with two in one
// goroutine, one must not wait for the other.
func randomStatement(rt *rapid.T, n int, fresh int64) string {
	row := []int{1 + n, 11 + n, 21 + n, 33 + n, 71 + n}
	switch rapid.IntRange(0, 6).Draw(rt, "statement") {
	case 0:
		return fmt.Sprintf("update admin_domain set quota = %d where id = %d", fresh, row[0])
	case 1:
		return fmt.Sprintf("update admin_mailbox set quota = %d where id = %d", fresh, row[2])
	case 2:
		return fmt.Sprintf("insert into relaydomains_recipientaccess (id, pattern, action) values (%d, 'p%d', 'x')", fresh, fresh)
	case 3:
		return fmt.Sprintf("insert into admin_quota (username, bytes, messages) values ('u%d@one.test', %d, 1)", fresh, fresh)
	case 4:
		return fmt.Sprintf("update transport_transport set next_hop = 'h%d' where id = %d", fresh, row[4])
	case 5:
		return fmt.Sprintf("update core_user set password = 'p%d' where id = %d", fresh, row[1])
	default:
		return fmt.Sprintf("update admin_alias set address = 'a%d@one.test' where id = %d", fresh, row[3])
	}
}
