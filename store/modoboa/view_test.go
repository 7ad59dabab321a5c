package modoboa_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestLoadIsConsistent changes two tables together, many times, while others
// load: no load may see the one without the other.
func TestLoadIsConsistent(t *testing.T) {
	fresh(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		pair := func(n int) error {
			tx, err := d.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			for _, q := range []string{
				`insert into relaydomains_recipientaccess (id, pattern, action) values (?, ?, 'x')`, // read last
				`insert into transport_transport (id, pattern, service, next_hop, _settings) values (?, ?, 'x', '', '{}')`,
				`insert into admin_quota (bytes, username, messages) values (?, ?, 0)`,
				`insert into admin_senderaddress (id, address, mailbox_id) values (?, ?, 1)`,
			} {
				if _, err := tx.ExecContext(ctx, d.Rebind(q), n, fmt.Sprintf("p%d@x.test", n)); err != nil {
					return err
				}
			}
			return tx.Commit()
		}
		if err := pair(1); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for n := 2; ctx.Err() == nil; n++ {
				if err := pair(n); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
		seen := map[int]bool{}
		// A busy machine may let no write happen for a while.
		for n := 0; n < 30 || len(seen) < 2 && n < 3000; n++ {
			c := load(t, d).Counts()
			if c.Transports != c.RecipientAccess || c.Transports == 0 {
				t.Fatalf("%d transports and %d recipient accesses in one view", c.Transports, c.RecipientAccess)
			}
			seen[c.Transports] = true
		}
		if len(seen) < 2 {
			t.Error("nothing was written during the loads: this tested nothing")
		}
	})
}

// TestCancelEndsALoad: a load that is called off says so at once, also while
// it waits for a table that somebody else has locked.
func TestCancelEndsALoad(t *testing.T) {
	fresh(t, func(t *testing.T, d *db.DB) {
		before, cancel := context.WithCancel(t.Context())
		cancel()
		if err := (&modoboa.Source{DB: d}).Load(before, store.NewBuilder()); !errors.Is(err, context.Canceled) {
			t.Errorf("Load with a context that is over: %v", err)
		}
		lock := map[db.Dialect][]string{
			db.PostgreSQL: {"begin", "lock table admin_quota in access exclusive mode"},
			db.MySQL:      {"lock tables admin_quota write"},
		}[d.Dialect]
		if lock == nil {
			return // SQLite's readers wait for nobody
		}
		locker, err := d.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer locker.Raw(func(any) error { return driver.ErrBadConn }) // closes it, lock and all
		for _, q := range lock {
			if _, err := locker.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		calledOff(t, d)
	})
}

// TestCancelBetweenRows calls a load off that reads a table without end.
func TestCancelBetweenRows(t *testing.T) {
	fresh(t, func(t *testing.T, d *db.DB) {
		endless := "with recursive n(i) as (select 1 union all select i + 1 from n) select 'u' || i as username, 0 as bytes, 0 as messages from n"
		if d.Dialect == db.MySQL {
			endless = "select concat('u', seq) as username, 0 as bytes, 0 as messages from seq_1_to_4000000000"
		}
		dbtest.Exec(t, d, "drop table admin_quota", "create view admin_quota as "+endless)
		calledOff(t, d)
		if err := d.Connect(t.Context()); err != nil {
			t.Errorf("after that: %v", err)
		}
	})
}

// calledOff calls a load off that cannot get beyond admin_quota, later and later
// until it has come as far as that.
func calledOff(t *testing.T, d *db.DB) {
	t.Helper()
	for patience := 200 * time.Millisecond; ; patience *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := (&modoboa.Source{DB: d}).Load(ctx, store.NewBuilder())
		cancel()
		switch {
		case !errors.Is(err, context.DeadlineExceeded):
			t.Fatalf("Load called off after %v: %v", patience, err)
		case strings.Contains(err.Error(), "load admin_quota"):
			return
		case patience > 20*time.Second:
			t.Fatalf("Load called off after %v had not come to admin_quota: %v", patience, err)
		}
	}
}
