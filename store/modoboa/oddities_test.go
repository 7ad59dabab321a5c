package modoboa_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestFoldingAndCollisions: names that differ only in case get as far as the
// Builder where the engine can store them.
func TestFoldingAndCollisions(t *testing.T) {
	fresh(t, func(t *testing.T, d *db.DB) {
		addTestDomain(t, d, 1, "Mixed.TEST")
		addTestDomain(t, d, 2, "STRASSE.test")
		twice := d.Dialect != db.MySQL // whose collation refuses it
		if twice {
			addTestDomain(t, d, 3, "mixed.test")
		}
		s := load(t, d)
		if got, ok := s.Domain("strasse.test"); !ok || got.ID != 2 {
			t.Errorf("strasse.test = %+v, %v", got, ok)
		}
		got, _ := s.Domain("mixed.test")
		problems, _ := s.Problems()
		if twice && (got.ID != 3 || len(problems) != 1 || problems[0].Kind != store.Collision || problems[0].RowID != "1") {
			t.Errorf("mixed.test = %+v with problems %v, want row 3 and a collision of row 1", got, problems)
		}
		if !twice && (got.ID != 1 || len(problems) != 0) {
			t.Errorf("mixed.test = %+v with problems %v, want row 1 and none", got, problems)
		}
	})
}

// TestBadBytes: NUL, line feed and other control bytes reach the Builder as
// they are, which reports and leaves them out.
func TestBadBytes(t *testing.T) {
	fresh(t, func(t *testing.T, d *db.DB) {
		addTestDomain(t, d, 1, "good.test")
		alias := "id, address, domain_id, enabled, internal"
		insert(t, d, newest(), "admin_alias", alias, 1, "ok@good.test", 1, true, false)
		bad := []string{"line\nfeed@good.test", "bell\a@good.test", "return\r@good.test", "del\x7f@good.test"}
		if d.Dialect != db.PostgreSQL {
			bad = append(bad, "nul\x00@good.test", "\x00")
		}
		for i, s := range bad {
			insert(t, d, newest(), "admin_alias", alias, 10+i, s, 1, true, false)
			insert(t, d, newest(), "modoboa_admin_aliasrecipient", "id, address, alias_id", 10+i, s, 1)
		}
		insert(t, d, newest(), "modoboa_admin_aliasrecipient", "id, address, alias_id", 2, "to@good.test", 1)
		s := load(t, d)
		if c := s.Counts(); c.Aliases != 1 || c.Recipients != 1 {
			t.Errorf("%d aliases and %d recipients are served, want 1 and 1", c.Aliases, c.Recipients)
		}
		problems, n := s.Problems()
		if n != 2*len(bad) {
			t.Errorf("%d problems for %d bad rows: %v", n, 2*len(bad), problems)
		}
		for _, p := range problems {
			if p.Kind != store.BadValue || p.Column != "address" || len(p.RowID) != 2 || strings.ContainsAny(p.String(), "\n\r\a\x7f\x00") {
				t.Errorf("%q does not name the row, or repeats the bad bytes", p.String())
			}
		}
	})
}

// TestSQLiteStoresAnything: what is no number, no date, no text is reported and
// skipped, the rest is loaded.
func TestSQLiteStoresAnything(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t), db.Options{})
	g := newest()
	makeTables(t, d, g)
	addTestDomain(t, d, 1, "good.test")
	domain := "id, name, type, enabled, quota, default_mailbox_quota"
	insert(t, d, g, "admin_domain", domain, int64(1)<<32, "huge.test", "domain", true, 0, 0)
	insert(t, d, g, "admin_domain", domain, -5, "negative.test", "domain", true, 0, 0)
	insert(t, d, g, "admin_domain", domain, 6, "quota.test", "domain", "1", -1, int64(1)<<40)
	dbtest.Exec(t, d, "update admin_domain set message_limit = -7 where id = 6")
	insert(t, d, g, "admin_domain", domain, 7, "flag.test", "domain", "maybe", 0, 0)
	insert(t, d, g, "admin_domain", domain, 8, []byte("blob.test"), "domain", "true", 0, 0)
	insert(t, d, g, "admin_domainalias", "id, name, target_id, enabled", 1, "ref.test", "x", true)
	alias := "id, address, domain_id, enabled, internal, expire_at"
	for i, at := range []any{"2099-01-01", "2099-01-01T00:00:00Z", "2099-01-01 02:00:00+02:00", "2099-01-01 00:00:00.000000 +0000 UTC", "2099-01-01 00:00:00"} {
		insert(t, d, g, "admin_alias", alias, 1+i, fmt.Sprintf("a%d@good.test", i), 1, true, false, at)
	}
	insert(t, d, g, "admin_alias", alias, 90, "never@good.test", 1, true, false, "soon")
	insert(t, d, g, "admin_alias", alias, 91, "number@good.test", 1, true, false, 12)
	insert(t, d, g, "admin_quota", "username, bytes, messages", "x\n@good.test", 1.5, 0)
	s := load(t, d)
	for i := range 5 {
		for a := range s.Aliases(fmt.Sprintf("a%d@good.test", i)).All() {
			if want := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(); a.ExpireAt != want {
				t.Errorf("alias %d expires at %d, want %d", a.ID, a.ExpireAt, want)
			}
		}
	}
	if c := s.Counts(); c.Domains != 3 || c.Aliases != 5 || c.DomainAliases != 0 {
		t.Errorf("%d domains, %d aliases, %d domain aliases; want 3, 5, 0", c.Domains, c.Aliases, c.DomainAliases)
	}
	if got, _ := s.Domain("quota.test"); !got.Enabled || got.Quota != 0 || got.DefaultMailboxQuota != 0 || got.MessageLimit != 0 {
		t.Errorf("quota.test = %+v, want it served without limits", got)
	}
	if got, ok := s.Domain("blob.test"); !ok || !got.Enabled {
		t.Errorf("blob.test = %+v, %v; want it served", got, ok)
	}
	var got []string
	problems, _ := s.Problems()
	for _, p := range problems {
		got = append(got, string(p.Kind)+" "+p.Table+" "+p.RowID+" "+p.Column)
	}
	want := []string{
		"bad_value admin_domain -5 id", "bad_value admin_domain 6 quota", "bad_value admin_domain 6 default_mailbox_quota", "bad_value admin_domain 6 message_limit", "bad_value admin_domain 7 enabled",
		"bad_value admin_domain 4294967296 id", "bad_value admin_domainalias 1 target_id", `bad_value admin_quota "x\n@good.test" bytes`,
		"bad_value admin_alias 90 expire_at", "bad_value admin_alias 91 expire_at",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems -want +got:\n%s", diff)
	}
}
