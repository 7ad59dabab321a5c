package modoboa_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestStandby follows on a server whose snapshots do not know which
// transactions are open, and sees it become the primary.
func TestStandby(t *testing.T) {
	primary := dbtest.NewPostgres(t)
	url := primary.NewDatabase(t)
	d := dbtest.Open(t, url, db.Options{})
	makeTables(t, d, newest())
	fill(t, d, newest())
	install(t, d)
	dbtest.Exec(t, d, "create table marker (n integer)", "insert into marker values (0)")
	replica := dbtest.NewStandby(t, primary)
	r := dbtest.Open(t, dbtest.URLOn(url, primary, replica), db.Options{ReadOnly: true})
	n := 0
	caughtUp := func() { // what is committed now comes after all that was before
		t.Helper()
		n++
		flushed := begin(t, d, "set local synchronous_commit = on", fmt.Sprintf("insert into marker values (%d)", n))
		commit(t, flushed)
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if got := column(t, r, "select max(n) from marker"); got[0] == fmt.Sprint(n) {
				return
			}
			if time.Now().After(end) {
				t.Fatal("the standby does not catch up")
			}
		}
	}
	caughtUp()
	f := newFollower(t, r)
	f.want(0)
	early := begin(t, d, "update admin_domain set quota = 1 where id = 1")
	late := begin(t, d, "update admin_domain set quota = 2 where id = 2")
	caughtUp()
	f.want(0)
	commit(t, late)
	caughtUp()
	f.want(1)
	f.want(0) // what was read is not read again, although its transaction is not older than the open one
	other := newFollower(t, r)
	other.want(0)
	commit(t, early)
	caughtUp()
	f.want(1)
	other.want(1)
	f.want(0)
	if err := f.source.Watch(t.Context(), func() {}); !errors.Is(err, store.ErrCannotWatch) {
		t.Errorf("Watch on a standby: %v", err)
	}
	replica.Exec(t, "select pg_promote()")
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := f.source.Follow(t.Context(), f.served.Position())
		if errors.Is(err, store.ErrLost) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the standby became the primary, and Follow says %v", err)
		}
	}
	f.load()
	dbtest.Exec(t, dbtest.Open(t, dbtest.URLOn(url, primary, replica), db.Options{}), "update admin_domain set quota = 3 where id = 3")
	f.want(1)
}
