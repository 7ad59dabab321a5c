package jobs_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

const disabled = "SELECT username FROM core_user WHERE NOT is_active"

func TestCleanInactive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		n := filled(t, url)
		n.lastLogin(map[string]int{"root": 900, "rita": 31, "ann@one.test": 40, "bob@one.test": 29, "cem@two.test": 9000})
		n.unchanged("a dry run", func() {
			if r := n.order("clean-inactive-accounts", jobs.Order{DryRun: true}); len(r.Lines) != 3 {
				t.Errorf("dry run: %+v", r)
			}
		})
		n.order("clean-inactive-accounts", jobs.Order{})
		if diff := cmp.Diff([]string{"ann@one.test", "cem@two.test", "rita"}, n.column(disabled)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"ann@one.test", "cem@two.test", "only@one.test"}, n.column("SELECT address FROM admin_alias WHERE NOT enabled")); diff != "" {
			t.Errorf("disabled aliases: %s", diff)
		}
		if c := n.count("core_log WHERE message = 'Account ann@one.test modified by management command'"); c != "1" {
			t.Errorf("%s lines in the log", c)
		}
		n.exec("DELETE FROM vmapd_job")
		if r := n.order("clean-inactive-accounts", jobs.Order{}); len(r.Lines) != 0 {
			t.Errorf("a second run: %+v", r)
		}
		n.exec("DELETE FROM vmapd_job")
	})
}

func TestDeleteInactive(t *testing.T) {
	for _, keep := range []bool{false, true} {
		dbtest.Each(t, func(t *testing.T, url string) {
			n := filled(t, url)
			n.parameters(`{"core": {"inactive_account_threshold": 10}, "admin": {"handle_mailboxes": true}}`)
			n.lastLogin(map[string]int{"root": 900, "ann@one.test": 11, "bob@one.test": 9})
			o := jobs.Order{Choices: []string{jobs.Delete}}
			operations := []string{"/srv/ann@one.test"}
			if keep {
				o.Choices, operations = append(o.Choices, jobs.KeepDir), []string{}
			}
			n.unchanged("a dry run", func() { n.order("clean-inactive-accounts", jobs.Order{DryRun: true, Choices: o.Choices}) })
			for range 2 {
				n.order("clean-inactive-accounts", o)
				if diff := cmp.Diff([]string{"bob@one.test", "cem@two.test", "dan@two.test", "rita", "root"}, n.column("SELECT username FROM core_user")); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(operations, n.column("SELECT argument FROM admin_mailboxoperation")); diff != "" {
					t.Errorf("mailbox operations: %s", diff)
				}
				if c := n.count("admin_alias WHERE address = 'only@one.test'"); c != "0" {
					t.Error("an alias that leads nowhere was left")
				}
			}
		})
	}
}

// TestInactiveStay is when nothing is to be done.
func TestInactiveStay(t *testing.T) {
	n := filled(t, dbtest.SQLite(t))
	n.lastLogin(map[string]int{"ann@one.test": 400, "bob@one.test": 400})
	for _, c := range []struct{ parameters, result string }{
		{`{"core": {"enable_inactive_accounts": false}}`, "inactive accounts stay: core.enable_inactive_accounts is false"},
		{`{"core": {"inactive_account_threshold": 0}}`, "inactive accounts stay: core.inactive_account_threshold is 0"},
		{`{"core": {"inactive_account_threshold": -3}}`, "inactive accounts stay: core.inactive_account_threshold is -3"},
		{`{"core": {"inactive_account_threshold": 401}}`, "disabled 0 accounts without a login since " + time.Now().UTC().AddDate(0, 0, -401).Format(time.DateOnly)},
	} {
		n.parameters(c.parameters)
		if r := n.order("clean-inactive-accounts", jobs.Order{}); r.Result != c.result {
			t.Errorf("%s: %+v, want %q", c.parameters, r, c.result)
		}
	}
	n.parameters("{}")
	n.site.LastLogin = func(name string) (time.Time, bool) { return time.Now(), name == "ann@one.test" }
	n.order("clean-inactive-accounts", jobs.Order{})
	if diff := cmp.Diff([]string{"bob@one.test"}, n.column(disabled)); diff != "" {
		t.Errorf("who just logged in: %s", diff)
	}
}

func TestInactiveOfModoboas(t *testing.T) {
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) {
		n := newNode(t, url)
		n.exec("UPDATE core_user SET last_login = NULL")
		supers := n.column("SELECT username FROM core_user WHERE is_superuser")
		for _, name := range append(supers, "user1@example.test") {
			n.lastLogin(map[string]int{name: 90})
		}
		before := n.column(disabled)
		n.order("clean-inactive-accounts", jobs.Order{})
		if diff := cmp.Diff(append(before, "user1@example.test"), n.column(disabled)); diff != "" {
			t.Error(diff)
		}
		enabled := n.column("SELECT address FROM admin_alias WHERE address = 'user1@example.test' AND internal AND enabled")
		if release == "1.10.0" != (len(enabled) == 1) {
			t.Errorf("release %s: enabled aliases %v", release, enabled)
		}
	})
}
