package modoboa_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// fill stores the rows that TestLoad expects to find.
func fill(t *testing.T, d *db.DB, g generation) {
	t.Helper()
	domain := "id, name, type, enabled, quota, default_mailbox_quota"
	insert(t, d, g, "admin_domain", domain, 1, "One.Test", "domain", true, 0, 1024)
	insert(t, d, g, "admin_domain", domain, 2, "relay.test", "relaydomain", true, 2147483647, 0)
	insert(t, d, g, "admin_domain", domain, 3, "odd.test", "something", false, 5, 6)
	insert(t, d, g, "admin_domainalias", "id, name, enabled, target_id", 9, "alias.test", true, 1)
	user := "id, username, email, password, is_active, is_local, is_superuser, master_user"
	insert(t, d, g, "core_user", user, 11, "Ann@one.test", "Ann@one.test", "{SHA512-CRYPT}$6$x$y", true, true, false, false)
	insert(t, d, g, "core_user", user, 12, "root", "", "", false, false, true, true)
	insert(t, d, g, "core_user", user, 13, "bo@relay.test", "bo@relay.test", "{PLAIN}é", true, true, false, false)
	mailbox, values := "id, address, quota, domain_id, user_id", []any{}
	if strings.Contains(g.extra["admin_mailbox"], "is_send_only") {
		mailbox, values = mailbox+", is_send_only", append(values, true)
	}
	insert(t, d, g, "admin_mailbox", mailbox, append([]any{21, "ann", 1024, 1, 11}, values...)...)
	if len(values) > 0 {
		values[0] = false
	}
	insert(t, d, g, "admin_mailbox", mailbox, append([]any{22, "Bö", 0, 2, 13}, values...)...)
	insert(t, d, g, "admin_quota", "username, bytes, messages", "ann@one.test", int64(1)<<40, -3)
	insert(t, d, g, "admin_quota", "username, bytes, messages", "gone@one.test", 1, 1)
	alias := "id, address, domain_id, enabled, internal, expire_at"
	insert(t, d, g, "admin_alias", alias, 31, "ann@one.test", 1, true, true, nil)
	insert(t, d, g, "admin_alias", alias, 32, "@alias.test", nil, true, true, nil)
	insert(t, d, g, "admin_alias", alias, 33, "Info@one.test", 1, true, false, d.Time(time.Date(2099, 7, 1, 12, 0, 0, 123456000, time.FixedZone("", 3600))))
	insert(t, d, g, "admin_alias", alias, 34, "old@one.test", 1, false, false, d.Time(time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)))
	recipient := "id, address, alias_id, r_mailbox_id, r_alias_id"
	insert(t, d, g, "modoboa_admin_aliasrecipient", recipient, 41, "ann@one.test", 31, 21, nil)
	insert(t, d, g, "modoboa_admin_aliasrecipient", recipient, 42, "@one.test", 32, nil, nil)
	insert(t, d, g, "modoboa_admin_aliasrecipient", recipient, 43, "Who@Remote.Example", 33, nil, nil)
	insert(t, d, g, "modoboa_admin_aliasrecipient", recipient, 44, "old@one.test", 33, nil, 34)
	insert(t, d, g, "admin_senderaddress", "id, address, mailbox_id", 51, "Boss@Remote.Example", 21)
	insert(t, d, g, "admin_mailboxoperation", "id, type, argument, mailbox_id", 61, "rename", "/x", 22)
	insert(t, d, g, "admin_mailboxoperation", "id, type, argument, mailbox_id", 62, "delete", "/y", nil)
	insert(t, d, g, "transport_transport", "id, pattern, service, next_hop", 71, "relay.test", "relay", "[192.0.2.1]:25")
	insert(t, d, g, "transport_transport", "id, pattern, service, next_hop", 72, "*", "smtp", "")
	insert(t, d, g, "relaydomains_recipientaccess", "id, pattern, action", 81, "relay.test", "reject_unverified_recipient")
	if g.plugin {
		insert(t, d, g, "postfix_autoreply_transport", "id, domain, method", 91, "autoreply.one.test", "autoreply:")
	}
}

// snapshotFacts is what TestLoad compares: rows as Go values.
func snapshotFacts(s *store.Snapshot) map[string]any {
	facts := map[string]any{"counts": s.Counts(), "schema": s.Schema()}
	problems, _ := s.Problems()
	facts["problems"] = fmt.Sprint(problems)
	for _, name := range []string{"one.test", "relay.test", "odd.test"} {
		facts["domain "+name], _ = s.Domain(name)
	}
	facts["domain alias"], _ = s.DomainAlias("alias.test")
	for _, login := range []string{"ann@one.test", "root", "bo@relay.test"} {
		facts["account "+login], _ = s.Account(login)
	}
	for _, address := range []string{"ann@one.test", "bö@relay.test"} {
		facts["mailbox "+address], _ = s.Mailbox(address)
	}
	for _, address := range []string{"ann@one.test", "@alias.test", "info@one.test", "old@one.test"} {
		for a := range s.Aliases(address).All() {
			facts["alias "+address] = a
			var recipients []store.Recipient
			for r := range s.Recipients(a.ID).All() {
				recipients = append(recipients, r)
			}
			facts["recipients of "+address] = recipients
		}
	}
	for a := range s.SenderAddresses("boss@remote.example").All() {
		facts["sender"] = a
	}
	facts["transport"], _ = s.Transport("relay.test")
	facts["any transport"], _ = s.Transport("*")
	facts["access"], _ = s.RecipientAccess("relay.test")
	facts["autoreply"], _ = s.AutoreplyTransport("autoreply.one.test")
	return facts
}

func wantFacts(g generation) map[string]any {
	plugin := 0
	autoreply := store.AutoreplyTransport{}
	if g.plugin {
		plugin, autoreply = 1, store.AutoreplyTransport{ID: 91, Domain: "autoreply.one.test", Method: "autoreply:"}
	}
	return map[string]any{
		"schema": g.name, "problems": "[]",
		"counts": store.Counts{Domains: 3, DomainAliases: 1, Accounts: 3, Mailboxes: 2, Aliases: 4, Recipients: 4, SenderAddresses: 1, Transports: 2,
			RecipientAccess: 1, MailboxOperations: 2, AutoreplyTransports: plugin},
		"domain one.test":            store.Domain{ID: 1, Name: "one.test", Type: store.LocalDomain, Enabled: true, DefaultMailboxQuota: 1024},
		"domain relay.test":          store.Domain{ID: 2, Name: "relay.test", Type: store.RelayDomain, Enabled: true, Quota: 2147483647},
		"domain odd.test":            store.Domain{ID: 3, Name: "odd.test", Type: store.OtherDomain, Quota: 5, DefaultMailboxQuota: 6},
		"domain alias":               store.DomainAlias{ID: 9, Name: "alias.test", TargetID: 1, Enabled: true},
		"account ann@one.test":       store.Account{ID: 11, Username: "ann@one.test", Email: "ann@one.test", Password: "{SHA512-CRYPT}$6$x$y", Active: true, Local: true},
		"account root":               store.Account{ID: 12, Username: "root", Superuser: true, Master: true},
		"account bo@relay.test":      store.Account{ID: 13, Username: "bo@relay.test", Email: "bo@relay.test", Password: "{PLAIN}é", Active: true, Local: true},
		"mailbox ann@one.test":       store.Mailbox{ID: 21, Local: "ann", DomainID: 1, AccountID: 11, Quota: 1024, SendOnly: strings.Contains(g.extra["admin_mailbox"], "is_send_only"), Address: "ann@one.test", Bytes: 1 << 40, Messages: -3},
		"mailbox bö@relay.test":      store.Mailbox{ID: 22, Local: "bö", DomainID: 2, AccountID: 13, Address: "bö@relay.test", Moving: true},
		"alias ann@one.test":         store.Alias{ID: 31, Address: "ann@one.test", DomainID: 1, Enabled: true, Internal: true},
		"alias @alias.test":          store.Alias{ID: 32, Address: "@alias.test", Enabled: true, Internal: true},
		"alias info@one.test":        store.Alias{ID: 33, Address: "info@one.test", DomainID: 1, Enabled: true, ExpireAt: time.Date(2099, 7, 1, 11, 0, 0, 123456000, time.UTC).UnixMicro()},
		"alias old@one.test":         store.Alias{ID: 34, Address: "old@one.test", DomainID: 1, ExpireAt: time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()},
		"recipients of ann@one.test": []store.Recipient{{ID: 41, Address: "ann@one.test", AliasID: 31, MailboxID: 21}},
		"recipients of @alias.test":  []store.Recipient{{ID: 42, Address: "@one.test", AliasID: 32}},
		"recipients of info@one.test": []store.Recipient{{ID: 43, Address: "Who@Remote.Example", AliasID: 33},
			{ID: 44, Address: "old@one.test", AliasID: 33, TargetID: 34}},
		"recipients of old@one.test": []store.Recipient(nil),
		"sender":                     store.SenderAddress{ID: 51, Address: "boss@remote.example", MailboxID: 21},
		"transport":                  store.Transport{ID: 71, Pattern: "relay.test", Service: "relay", NextHop: "[192.0.2.1]:25"},
		"any transport":              store.Transport{ID: 72, Pattern: "*", Service: "smtp"},
		"access":                     store.RecipientAccess{ID: 81, Pattern: "relay.test", Action: "reject_unverified_recipient"},
		"autoreply":                  autoreply,
	}
}

// load reads d into a snapshot.
func load(t *testing.T, d *db.DB) *store.Snapshot {
	t.Helper()
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: d}).Load(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return b.Build(time.Now())
}

// TestLoad is the conformance suite: the same rows give the same facts on
// every engine and in every generation of the tables.
func TestLoad(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		for _, g := range generations() {
			t.Run(g.release, func(t *testing.T) {
				d := dbtest.Open(t, url, db.Options{})
				emptied(t, d)
				makeTables(t, d, g)
				fill(t, d, g)
				reader := dbtest.Open(t, url, db.Options{ReadOnly: true})
				if diff := cmp.Diff(wantFacts(g), snapshotFacts(load(t, reader))); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	})
}

// emptied drops all tables.
func emptied(t *testing.T, d *db.DB) {
	t.Helper()
	tables, err := d.Tables(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tables {
		dbtest.Exec(t, d, "drop table "+d.Quote(name))
	}
}

// fresh returns a database with the newest tables, on each engine.
func fresh(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		makeTables(t, d, newest())
		f(t, d)
	})
}

func addTestDomain(t *testing.T, d *db.DB, id int, name string) {
	t.Helper()
	insert(t, d, newest(), "admin_domain", "id, name, type, enabled, quota, default_mailbox_quota", id, name, "domain", true, 0, 0)
}

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
		for range 30 {
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
	if got, _ := s.Domain("quota.test"); !got.Enabled || got.Quota != 0 || got.DefaultMailboxQuota != 0 {
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
		"bad_value admin_domain -5 id", "bad_value admin_domain 6 quota", "bad_value admin_domain 6 default_mailbox_quota", "bad_value admin_domain 7 enabled",
		"bad_value admin_domain 4294967296 id", "bad_value admin_domainalias 1 target_id", `bad_value admin_quota "x\n@good.test" bytes`,
		"bad_value admin_alias 90 expire_at", "bad_value admin_alias 91 expire_at",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems -want +got:\n%s", diff)
	}
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
		during, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- (&modoboa.Source{DB: d}).Load(during, store.NewBuilder()) }()
		time.AfterFunc(200*time.Millisecond, cancel)
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "load admin_quota") {
				t.Errorf("Load called off while it waited: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("Load goes on although its context is over")
		}
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
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err := (&modoboa.Source{DB: d}).Load(ctx, store.NewBuilder())
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "load admin_quota") {
			t.Errorf("Load of an endless table: %v", err)
		}
		if err := d.Connect(t.Context()); err != nil {
			t.Errorf("after that: %v", err)
		}
	})
}
