package manage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// limits gives the limits of an account, as the command line sees them.
func (o *office) limits(who string) map[string]int64 {
	o.t.Helper()
	got := map[string]int64{}
	id := o.account(who)
	o.must("", func(t *manage.Tx) error {
		list, err := t.Limits(id)
		for _, l := range list {
			got[l.Name] = l.Max
		}
		return err
	})
	return got
}

func TestLimits(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.create("dot@one.test", person("x@one.test"))
		want := []manage.Limit{{"domains", 10, 1}, {"domain_aliases", 10, 0}, {"mailboxes", 10, 0}, {"mailbox_aliases", 10, 0}, {"domain_admins", 10, 0}, {"quota", 2000, 500}}
		o.must("ron", func(tx *manage.Tx) error {
			got, err := tx.OwnLimits()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("limits of ron (-want +got):\n%s", diff)
			}
			return err
		})
		o.must("dot@one.test", func(tx *manage.Tx) error {
			got, err := tx.OwnLimits()
			if err == nil && got[2] != (manage.Limit{Name: "mailboxes", Max: 10, Used: 1}) {
				t.Errorf("limits of dot: %v", got)
			}
			return err
		})
		for _, c := range []struct{ login, who, want string }{
			{"chief", "chief", ""},
			{"ron", "ron", "404 There is no such account."},
			{"dot@one.test", "amy@one.test", ""},
			{"amy@one.test", "ben@one.test", "404 There is no such account."},
		} {
			if told := o.act(c.login, func(tx *manage.Tx) error { _, err := tx.Limits(o.account(c.who)); return err }); told != c.want {
				t.Errorf("%s reads the limits of %s: %q, want %q", c.login, c.who, told, c.want)
			}
		}
	})
}

// TestPool has a reseller give of his own.
func TestPool(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		if told := o.create("ron", with(person("deb"), manage.DomainAdmins, "his.test")); told != "" {
			t.Fatal(told)
		}
		o.create("chief", person("u@his.test"))
		for _, c := range []struct {
			login, who string
			to         map[string]int64
			want       string
			deb, ron   int64 // mailboxes
		}{
			{"dot@one.test", "amy@one.test", map[string]int64{"mailboxes": 1}, "403 You do not have permission to perform this action.", 0, 10},
			{"ron", "ron", map[string]int64{"mailboxes": 99}, "404 There is no such account.", 0, 10},
			{"ron", "deb", map[string]int64{"mailboxes": -2, "quota": -1, "wishes": 3}, "400 mailboxes: Ensure this value is greater than or equal to -1.; quota: Ensure this value is greater than or equal to 0.; wishes: There is no such limit.", 0, 10},
			{"ron", "deb", map[string]int64{"mailboxes": -1}, "400 You're not allowed to define unlimited values", 0, 10},
			{"ron", "deb", map[string]int64{"mailboxes": 11}, "424 Not enough resources", 0, 10},
			{"ron", "deb", map[string]int64{"mailboxes": 4, "quota": 0}, "", 4, 6},
			{"ron", "deb", map[string]int64{"mailboxes": 1}, "", 1, 9},
			{"ron", "deb", map[string]int64{"mailboxes": 10}, "", 10, 0},
			{"ron", "deb", map[string]int64{"mailboxes": 3}, "", 3, 7},
			{"ron", "deb", map[string]int64{"quota": 1501}, "424 Not enough resources", 3, 7},
			{"chief", "deb", map[string]int64{"mailboxes": -1}, "", -1, 7},
			{"ron", "deb", map[string]int64{"mailboxes": 2}, "", 2, 5},
		} {
			if told := o.act(c.login, func(tx *manage.Tx) error { return tx.SetLimits(o.account(c.who), c.to) }); told != c.want {
				t.Errorf("%s gives %s %v: %q, want %q", c.login, c.who, c.to, told, c.want)
			}
			if deb, ron := o.limits("deb")["mailboxes"], o.limits("ron")["mailboxes"]; deb != c.deb || ron != c.ron {
				t.Fatalf("%s gives %s %v: deb has %d, ron %d, want %d and %d", c.login, c.who, c.to, deb, ron, c.deb, c.ron)
			}
		}
		// It comes back with the role, or with the account.
		if told := o.change("ron", "deb", boxed(renamed("deb@his.test"), manage.MailboxInput{})); told != "" {
			t.Fatal(told)
		}
		if told := o.change("ron", "deb@his.test", given(manage.SimpleUsers)); told != "" {
			t.Fatal(told)
		}
		if deb, ron := o.limits("deb@his.test")["mailboxes"], o.limits("ron")["mailboxes"]; deb != 0 || ron != 7 {
			t.Errorf("after the role: deb has %d, ron %d", deb, ron)
		}
		o.exec("UPDATE limits_userobjectlimit SET max_value = -1 WHERE user_id = ? AND name = 'mailboxes'", o.account("ron"))
		o.change("ron", "deb@his.test", given(manage.DomainAdmins))
		deb := o.account("deb@his.test")
		o.must("ron", func(tx *manage.Tx) error { return tx.SetLimits(deb, map[string]int64{"mailboxes": -1, "domains": 3}) })
		if deb, ron := o.limits("deb@his.test"), o.limits("ron"); deb["mailboxes"] != -1 || ron["mailboxes"] != -1 || ron["domains"] != 7 {
			t.Errorf("of what has no limit: deb %v, ron %v", deb, ron)
		}
		o.must("ron", func(tx *manage.Tx) error { return tx.DeleteAccount(deb, true) })
		if ron := o.limits("ron"); ron["mailboxes"] != -1 || ron["domains"] != 10 {
			t.Errorf("after the deletion: ron %v", ron)
		}
		o.sound()
	})
}
