package alarm

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// eachEngine runs f on a filled database of each engine.
func eachEngine(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) { f(t, fill(t, url)) })
}

func wantRows(t *testing.T, d *db.DB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string(nil), want...), rowsOf(t, d)); diff != "" {
		t.Errorf("admin_alarm (-want +got):\n%s", diff)
	}
}

// TestOnce opens and closes alarms about everything there is, twice.
func TestOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *db.DB) {
		n := start(t, t.TempDir(), just(d))
		defer n.stop()
		for range 2 {
			n.Open(MailboxFull, "ann@one.test", "full", "97 %")
			n.Open(DKIMKeyNotInDNS, "one.test", "no key", "")
			n.Open(RedisError, "", "no Redis", "")
			n.Open(OperationFailed, "gone@one.test", "gone@one.test could not be removed", "")
			n.Open(OperationFailed, "lost@one.test", "lost@one.test could not be removed", "")
			n.Open(DomainHasNoMX, "nowhere.test", "no such domain", "")
			n.Open(DatabaseDown, "", "down", "")
			n.must()
		}
		open := []string{
			"dkim_key_not_in_dns one.test - 1", "mailbox_full one.test ann 1", "mailbox_operation_failed one.test - 1",
			"mailbox_operation_failed one.test - 1", "redis_connection_error - - 1",
		}
		got := rowsOf(t, d)
		slices.Sort(got)
		if diff := cmp.Diff(open, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if c := n.Counts(); c[DatabaseDown] != 1 || c[OperationFailed] != 2 || n.Count() != 7 {
			t.Errorf("counts %v, %d", c, n.Count())
		}
		var local []string
		for _, a := range n.Local() {
			local = append(local, a.Kind)
		}
		slices.Sort(local)
		if diff := cmp.Diff([]string{DatabaseDown, DomainHasNoMX}, local); diff != "" {
			t.Errorf("alarms that are not in the database: %s", diff)
		}
		for range 2 {
			for _, k := range []key{
				{MailboxFull, "ann@one.test"},
				{DKIMKeyNotInDNS, "one.test"},
				{RedisError, ""},
				{OperationFailed, "gone@one.test"},
				{OperationFailed, "lost@one.test"},
				{DomainHasNoMX, "nowhere.test"},
				{DatabaseDown, ""},
				{SendingLimit, "one.test"},
			} {
				n.Close(k.kind, k.subject)
			}
			n.must()
		}
		for _, row := range rowsOf(t, d) {
			if !strings.HasSuffix(row, " 2") {
				t.Errorf("still open: %s", row)
			}
		}
		n.Open(MailboxFull, "ann@one.test", "full", "")
		n.must()
		if got := rowsOf(t, d); len(got) != 6 || got[5] != "mailbox_full one.test ann 1" {
			t.Errorf("opened again: %v", got)
		}
		if len(n.errs) > 0 {
			t.Errorf("reported %q", n.errs)
		}
	})
}

// TestTitles wants alarms about hosts to name them.
func TestTitles(t *testing.T) {
	d := fill(t, dbtest.SQLite(t))
	n := start(t, t.TempDir(), just(d))
	defer n.stop()
	n.Open(RedisError, "", "Redis does not answer", "")
	n.must()
	var title string
	if err := d.QueryRow("SELECT title FROM admin_alarm").Scan(&title); err != nil || title != "mail.test: Redis does not answer" {
		t.Errorf("%q, %v", title, err)
	}
}

// TestTwoHosts wants one row and one who tells.
func TestTwoHosts(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *db.DB) {
		a, b := start(t, t.TempDir(), just(d)), start(t, t.TempDir(), just(d))
		defer a.stop()
		defer b.stop()
		for _, n := range []*node{a, b} {
			n.Open(MailboxFull, "ann@one.test", "full", "")
			n.must()
		}
		wantRows(t, d, "mailbox_full one.test ann 1")
		if a.Count() != 1 || b.Count() != 1 {
			t.Errorf("counts %d, %d", a.Count(), b.Count())
		}
		b.Close(MailboxFull, "ann@one.test")
		b.must()
		a.must()
		wantRows(t, d, "mailbox_full one.test ann 2")
		a.Open(MailboxFull, "ann@one.test", "full", "") // its watcher has not closed it
		a.must()
		wantRows(t, d, "mailbox_full one.test ann 2")
		a.must()
		if diff := cmp.Diff([]string{"opened mailbox_full ann@one.test", "closed mailbox_full ann@one.test"}, a.hook.told()); diff != "" {
			t.Errorf("a told (-want +got):\n%s", diff)
		}
		if told := b.hook.told(); len(told) > 0 {
			t.Errorf("b told %q", told)
		}
		a.Close(MailboxFull, "ann@one.test")
		a.Open(MailboxFull, "ann@one.test", "full", "")
		a.must()
		wantRows(t, d, "mailbox_full one.test ann 2", "mailbox_full one.test ann 1")
	})
}

// TestTwoHostsAtOnce has two hosts write the same alarms at the same time.
func TestTwoHostsAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := fill(t, url)
		subjects := []string{"ann@one.test", "bob@one.test", "cem@two.test", "one.test", "two.test"}
		errs := make(chan error)
		for range 2 {
			n := start(t, t.TempDir(), just(dbtest.Open(t, url, db.Options{})))
			defer n.stop()
			go func() {
				var err error
				for round := range 6 {
					for _, s := range subjects {
						n.Open(SendingLimit, s, "limit", "")
					}
					err = errors.Join(err, again(n))
					if round < 5 {
						for _, s := range subjects {
							n.Close(SendingLimit, s)
						}
						err = errors.Join(err, again(n))
					}
				}
				errs <- err
			}()
		}
		if err := errors.Join(<-errs, <-errs); err != nil {
			t.Error(err)
		}
		open := map[string]int{}
		for _, r := range rowsOf(t, d) {
			if strings.HasSuffix(r, " 1") {
				open[r]++
			}
		}
		for row, n := range open {
			if n != 1 {
				t.Errorf("%d open rows: %s", n, row)
			}
		}
	})
}

// again is step as the loop does it: what lost a race is repeated.
func again(n *node) (err error) {
	for range 20 {
		if err = n.step(); err == nil || !n.o.Database().LostRace(err) {
			return err
		}
	}
	return err
}

// TestClosedByHand closes the row as Modoboa's page does, and deletes it.
func TestClosedByHand(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *db.DB) {
		n := start(t, t.TempDir(), just(d))
		defer n.stop()
		n.Open(MailboxFull, "ann@one.test", "full", "")
		n.Open(MailboxFull, "bob@one.test", "full", "")
		n.must()
		at := n.now().Add(time.Second)
		if _, err := d.Exec(d.Rebind("UPDATE admin_alarm SET status = 2, closed = ? WHERE mailbox_id = (SELECT id FROM admin_mailbox WHERE address = 'ann')"), d.Time(at)); err != nil {
			t.Fatal(err)
		}
		dbtest.Exec(t, d, "DELETE FROM admin_alarm WHERE mailbox_id = (SELECT id FROM admin_mailbox WHERE address = 'bob')")
		n.must()
		n.must()
		if n.Count() != 0 || len(n.Subjects(MailboxFull)) != 2 {
			t.Errorf("%d open, held %v", n.Count(), n.Subjects(MailboxFull))
		}
		n.Open(MailboxFull, "ann@one.test", "full", "")
		n.must()
		wantRows(t, d, "mailbox_full one.test ann 2")
		if told := n.hook.told(); len(told) != 4 {
			t.Errorf("told %q", told)
		}
		n.Close(MailboxFull, "ann@one.test")
		n.Close(MailboxFull, "bob@one.test")
		n.must()
		if len(n.records) > 0 {
			t.Errorf("%d records are left", len(n.records))
		}
	})
}

// TestModoboa writes into databases that Modoboa made, and keeps alarms where
// there is no table for them.
func TestModoboa(t *testing.T) {
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) {
		d := dbtest.Open(t, url, db.Options{})
		var domain, local string
		if err := d.QueryRow("SELECT d.name, m.address FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id ORDER BY m.id LIMIT 1").Scan(&domain, &local); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		n := start(t, dir, just(d))
		n.Open(MailboxFull, local+"@"+domain, "full", "")
		n.Open(DKIMKeyNotInDNS, domain, "no key", "")
		n.Open(RedisError, "", "no Redis", "")
		n.Open(SendingLimit, "mixedcase.test", "limit", "") // MixedCase.TEST there
		n.must()
		if release == "1.10.0" {
			if len(n.Local()) != 4 {
				t.Errorf("alarms here: %+v", n.Local())
			}
			n.stop()
			n = start(t, dir, just(d))
			if !n.Holds(RedisError, "") || len(n.Local()) != 4 {
				t.Errorf("after a restart: %+v", n.Local())
			}
			n.Close(RedisError, "")
			n.must()
			if n.Count() != 3 {
				t.Errorf("%d are open", n.Count())
			}
		} else if got := rowsOf(t, d); len(got) != 4 || len(n.Local()) > 0 {
			t.Errorf("rows %q, here %+v", got, n.Local())
		}
		n.stop()
		if len(n.errs) > 0 {
			t.Errorf("reported %q", n.errs)
		}
	})
}

// TestOldTable is a release whose alarms must have a domain.
func TestOldTable(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := fill(t, url)
		dbtest.Exec(t, d, "DROP TABLE admin_alarm")
		dbtest.Exec(t, d, "CREATE TABLE admin_alarm (id "+serial(d)+", created "+stamp(d)+" NOT NULL, closed "+stamp(d)+" NULL, status integer NOT NULL, title varchar(200) NOT NULL, internal_name varchar(120) NOT NULL, domain_id integer NOT NULL, mailbox_id integer NULL)")
		n := start(t, t.TempDir(), just(d))
		defer n.stop()
		n.Open(RedisError, "", "no Redis", "")
		n.Open(MailboxFull, "ann@one.test", "full", "")
		n.Open(MailboxFull, "bob@one.test", "full", "")
		n.must()
		if got := rowsOf(t, d); len(got) != 2 || len(n.Local()) != 1 {
			t.Errorf("rows %q, here %+v", got, n.Local())
		}
		if len(n.errs) != 1 || !strings.Contains(n.errs[0], "stays with this host") {
			t.Errorf("reported %q", n.errs)
		}
	})
}

func serial(d *db.DB) string {
	return map[db.Dialect]string{db.SQLite: "integer PRIMARY KEY", db.PostgreSQL: "serial PRIMARY KEY", db.MySQL: "integer AUTO_INCREMENT PRIMARY KEY"}[d.Dialect]
}

func stamp(d *db.DB) string {
	return map[db.Dialect]string{db.SQLite: "datetime", db.PostgreSQL: "timestamp with time zone", db.MySQL: "datetime(6)"}[d.Dialect]
}
