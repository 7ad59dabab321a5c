package modoboa_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func testKey() store.SigningKey {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).UnixMicro()
	return store.SigningKey{Domain: "one.test", Selector: "v202611r", Algorithm: "rsa", Bits: 2048, Path: "/keys/x.pem", PublicKey: "MIIB", Stage: "new", Created: at, Changed: at}
}

func makeKeyTable(t *testing.T, d *db.DB) {
	t.Helper()
	if err := modoboa.MakeKeyTable(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func addKey(t *testing.T, d *db.DB, k store.SigningKey) {
	t.Helper()
	if err := (modoboa.Keys{DB: d}).Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
}

func signingKeys(s *store.Snapshot) []store.SigningKey { return slices.Collect(s.AllSigningKeys()) }

// TestKeyTableWithoutCapture: the table works in a database without triggers.
func TestKeyTableWithoutCapture(t *testing.T) {
	fresh(t, func(t *testing.T, d *db.DB) {
		if keys := signingKeys(load(t, d)); keys != nil {
			t.Errorf("keys without a table: %v", keys)
		}
		makeKeyTable(t, d)
		makeKeyTable(t, d)
		inspect(t, d, "absent")
		want := testKey()
		addKey(t, d, want)
		want.ID = 1
		if diff := cmp.Diff([]store.SigningKey{want}, signingKeys(load(t, d))); diff != "" {
			t.Error(diff)
		}
		if err := (modoboa.Keys{DB: d}).Add(t.Context(), want); err == nil {
			t.Error("two keys with one selector")
		}
	})
}

// TestKeyTableBesideOlderTriggers: those that an older vmapd installed, which
// had no such table, go on working, and the table's come to them.
func TestKeyTableBesideOlderTriggers(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		dbtest.Exec(t, d, "drop table vmapd_dkim_key")
		epoch := inspect(t, d, "installed").Epoch
		f := newFollower(t, d)
		dbtest.Exec(t, d, "update admin_domain set quota = 77 where id = 3")
		f.want(1)
		if d.Dialect == db.MySQL {
			time.Sleep(1100 * time.Millisecond) // create_time counts seconds
		}
		makeKeyTable(t, d)
		if now := inspect(t, d, "installed").Epoch; now != epoch {
			t.Errorf("the table began the log anew: epoch %q, was %q", now, epoch)
		}
		if d.Dialect == db.PostgreSQL {
			f = newFollower(t, d) // looks at the catalogue every few seconds alone
		} else {
			dbtest.Exec(t, d, "update admin_domain set quota = 78 where id = 3")
			f.lost("tables have changed")
			f.load()
		}
		f.want(0)
		addKey(t, d, testKey())
		f.want(1)
		key := signingKeys(f.served)[0]
		later := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		for from, want := range map[string]bool{"retiring": false, "new": true} {
			if ok, err := (modoboa.Keys{DB: d}).SetStage(t.Context(), key.ID, from, "published", later); err != nil || ok != want {
				t.Errorf("from %s: %v, %v", from, ok, err)
			}
		}
		f.want(1)
		key.Stage, key.Changed = "published", later.UnixMicro()
		if diff := cmp.Diff([]store.SigningKey{key}, signingKeys(f.served)); diff != "" {
			t.Error(diff)
		}
		dbtest.Exec(t, d, "delete from vmapd_dkim_key")
		f.want(1)
		f.want(0)
	})
}

// TestRemoveKeepsKeys: rows that name private keys are not deleted with the
// triggers, and triggers come back to them.
func TestRemoveKeepsKeys(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		addKey(t, d, testKey())
		for range 2 {
			if kept, err := modoboa.RemoveCapture(t.Context(), d); err != nil || kept != 1 {
				t.Errorf("kept %d, %v; want 1", kept, err)
			}
			inspect(t, d, "absent")
		}
		if keys := signingKeys(load(t, d)); len(keys) != 1 {
			t.Errorf("keys: %v", keys)
		}
		install(t, d)
		inspect(t, d, "installed")
		f := newFollower(t, d)
		dbtest.Exec(t, d, "update vmapd_dkim_key set state = 'gone'")
		f.want(1)
		dbtest.Exec(t, d, "delete from vmapd_dkim_key")
		if kept, err := modoboa.RemoveCapture(t.Context(), d); err != nil || kept != 0 {
			t.Errorf("kept %d, %v; want 0", kept, err)
		}
		if tables, _ := d.Tables(t.Context(), d); slices.Contains(tables, "vmapd_dkim_key") {
			t.Error("the empty table was left")
		}
	})
}

// TestKeyTableOfOwnDatabase: tables that an older vmapd made get it too, either
// way.
func TestKeyTableOfOwnDatabase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		for name, upgrade := range map[string]func(){
			"Migrate":      func() { run(t, d, "SELECT 1"); _ = modoboa.Migrate(t.Context(), d) },
			"MakeKeyTable": func() { makeKeyTable(t, d) },
		} {
			dbtest.Downgrade(t, d, 1)
			inspect(t, d, "installed")
			upgrade()
			inspect(t, d, "installed")
			f := newFollower(t, d)
			addKey(t, d, testKey())
			if f.want(1); len(signingKeys(f.served)) != 1 {
				t.Errorf("%s: the key is not there", name)
			}
			if v := column(t, d, "select max(version) from vmapd_schema"); v[0] != "5" {
				t.Errorf("%s: version %s", name, v[0])
			}
		}
		if kept, err := modoboa.RemoveCapture(t.Context(), d); err != nil || kept != 0 {
			t.Errorf("kept %d, %v", kept, err)
		}
		if len(signingKeys(load(t, d))) != 1 {
			t.Error("a table of our own was removed")
		}
	})
}

// TestKeyTableThatMayNotBeRead is one that came after the rights were given:
// all else is served. Who may read the domains may read it, if we made it.
func TestKeyTableThatMayNotBeRead(t *testing.T) {
	srv := dbtest.Postgres(t)
	url := srv.NewDatabase(t)
	admin := dbtest.Open(t, url, db.Options{})
	makeTables(t, admin, newest())
	fill(t, admin, newest())
	user := srv.NewUser(t, url, "keyreader", "pw")
	dbtest.Exec(t, admin, "revoke pg_read_all_data from keyreader")
	for _, table := range mailTables() {
		dbtest.Exec(t, admin, "grant select on "+table[0]+" to keyreader")
	}
	install(t, admin)
	dbtest.Exec(t, admin, "grant select on vmapd_change, vmapd_capture to keyreader")
	addKey(t, admin, testKey())
	d := dbtest.Open(t, user, db.Options{Password: "pw"})
	if keys := signingKeys(load(t, d)); len(keys) != 1 {
		t.Errorf("who may read the domains reads the keys %v", keys)
	}
	dbtest.Exec(t, admin, "revoke select on vmapd_dkim_key from keyreader")
	f := newFollower(t, d)
	if s := f.served; len(signingKeys(s)) != 0 || s.Counts().Domains != 3 {
		t.Errorf("without the right on keys: %+v", s.Counts())
	}
	dbtest.Exec(t, admin, "update vmapd_dkim_key set state = 'gone'", "update admin_domain set quota = 9 where id = 3")
	f.follow()
	if dom, _ := f.served.Domain("odd.test"); dom.Quota != 9 {
		t.Errorf("a change was not followed: %+v", dom)
	}
}

// TestRecordKey: a key is recorded only where the row is as it was read.
func TestRecordKey(t *testing.T) {
	fresh(t, func(t *testing.T, d *db.DB) {
		keys := modoboa.Keys{DB: d}
		fill(t, d, newest())
		s := load(t, d)
		is := store.DKIM{Enabled: true, Selector: "S2", Path: "/keys/relay.pem", PublicKey: "MIIC"}
		for _, other := range []store.DKIM{{}, {Enabled: true, Selector: "x"}, {Enabled: true, Selector: "S2", Bits: 1024}, {Enabled: true, Selector: "S2", Path: "/y"}} {
			if ok, err := keys.Record(t.Context(), 2, other, is); err != nil || ok {
				t.Errorf("over %+v: %v, %v", other, ok, err)
			}
		}
		for _, want := range []bool{true, false} {
			if ok, err := keys.Record(t.Context(), 2, s.DKIM(2), is); err != nil || ok != want {
				t.Errorf("recorded %v, %v; want %v", ok, err, want)
			}
		}
		if diff := cmp.Diff(is, load(t, d).DKIM(2)); diff != "" {
			t.Error(diff)
		}
		addTestDomain(t, d, 4, "off.test")
		is.Selector = "own"
		if ok, err := keys.Record(t.Context(), 4, store.DKIM{}, is); err != nil || !ok {
			t.Errorf("of a domain that was off: %v, %v", ok, err)
		}
		if diff := cmp.Diff(is, load(t, d).DKIM(4)); diff != "" {
			t.Error(diff)
		}
	})
}
