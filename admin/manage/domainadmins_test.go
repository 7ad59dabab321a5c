package manage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// accessOf is what an account has access to: "model name owner".
func (w *world) accessOf(login string) []string {
	w.t.Helper()
	var out []string
	for model, from := range map[string]string{
		"domain": "SELECT id, name FROM admin_domain", "domainalias": "SELECT id, name FROM admin_domainalias",
		"mailbox": "SELECT id, address name FROM admin_mailbox", "alias": "SELECT id, address name FROM admin_alias", "user": "SELECT id, username name FROM core_user",
	} {
		for _, row := range w.rows("SELECT k.name, oa.is_owner FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id JOIN ("+from+
			") k ON k.id = oa.object_id WHERE ct.model = ? AND oa.user_id = ?", model, w.account(login)) {
			out = append(out, model+" "+row)
		}
	}
	return sorted(out)
}

func TestDomainAdmins(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.csv("account;bea;{PLAIN}x;Bea;B;true;DomainAdmins;;0\naccount;sue;{PLAIN}x;;;true;SuperAdmins;;0\n" +
			"account;rob@one.test;{PLAIN}x;;;true;Resellers;rob@one.test;0\naccount;sam@one.test;{PLAIN}x;;;true;SuperAdmins;sam@one.test;0\n")
		one, bea := w.domain("one.test"), w.account("bea")
		before := w.accessOf("bea")
		for _, c := range []struct {
			login, account string
			want           string
		}{
			{"rita", "bea", "404 There is no such domain."},
			{"adm@one.test", "adm@one.test", "403 You do not have permission to perform this action."},
			{"root", "ann@one.test", "400 account: This account is not an administrator of domains."},
			{"root", "sue", "400 account: This account is not an administrator of domains."},
			{"root", "bea", ""},
			{"root", "bea", ""},
		} {
			err := w.try(c.login, func(t *manage.Tx) error { return t.AddDomainAdmin(one, w.account(c.account)) })
			if got := w.blame(err); got != c.want {
				t.Errorf("%s adds %s: %q, want %q", c.login, c.account, got, c.want)
			}
		}
		if got := w.blame(w.try("root", func(t *manage.Tx) error { return t.AddDomainAdmin(one, 999) })); got != `400 account: Invalid pk "999" - object does not exist.` {
			t.Errorf("no account: %q", got)
		}
		want := sorted(append([]string{
			"domain one.test 0", "mailbox ann 0", "mailbox bob 0", "mailbox adm 0", "user ann@one.test 0", "user bob@one.test 0",
			"user adm@one.test 0", "alias info@one.test 0",
		}, before...))
		if diff := cmp.Diff(want, w.accessOf("bea")); diff != "" {
			t.Errorf("access of bea (-want +got):\n%s", diff)
		}
		admins := see(w, "adm@one.test", func(t *manage.Tx) ([]manage.Account, error) { return t.DomainAdmins(one) })
		listed := []manage.Account{
			{ID: w.account("adm@one.test"), Username: "adm@one.test", FirstName: "Adm", LastName: "A", Email: "adm@one.test", Active: true, Role: manage.DomainAdmins},
			{ID: bea, Username: "bea", FirstName: "Bea", LastName: "B", Active: true, Role: manage.DomainAdmins},
		}
		if diff := cmp.Diff(listed, admins); diff != "" {
			t.Errorf("administrators (-want +got):\n%s", diff)
		}
		w.sound()
		// What she has made meanwhile is the domain's owner's.
		for _, table := range []string{"mailbox", "user"} {
			w.exec(`UPDATE core_objectaccess SET is_owner = false WHERE content_type_id = (SELECT id FROM django_content_type WHERE model = ?) AND object_id = ?`, table,
				w.id("SELECT "+map[string]string{"mailbox": "id", "user": "user_id"}[table]+" FROM admin_mailbox WHERE address = 'bob'"))
			w.exec(`UPDATE core_objectaccess SET is_owner = true WHERE user_id = ? AND content_type_id = (SELECT id FROM django_content_type WHERE model = ?) AND object_id = ?`, bea, table,
				w.id("SELECT "+map[string]string{"mailbox": "id", "user": "user_id"}[table]+" FROM admin_mailbox WHERE address = 'bob'"))
		}
		w.sound()
		w.do("root", func(t *manage.Tx) error { return t.RemoveDomainAdmin(one, bea) })
		if diff := cmp.Diff(before, w.accessOf("bea")); diff != "" {
			t.Errorf("access of bea afterwards (-want +got):\n%s", diff)
		}
		w.sound()
		if got := w.blame(w.try("root", func(t *manage.Tx) error { return t.RemoveDomainAdmin(one, bea) })); got != "400 account: This account does not administrate the domain." {
			t.Errorf("removed twice: %q", got)
		}
		if got := w.rows("SELECT message FROM core_log WHERE message LIKE 'bea %'"); strings.Join(got, "; ") !=
			"bea made an administrator of domain one.test by user root; bea removed from the administrators of domain one.test by user root" {
			t.Errorf("log %q", got)
		}
	})
}

// TestDomainAdminsOfReseller: he manages whom he sees, and stays the owner.
func TestDomainAdminsOfReseller(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.do("rita", func(t *manage.Tx) error { _, err := t.CreateDomain(input("rita.test", 0, 0)); return err })
		id := w.domain("rita.test")
		for login, want := range map[string]string{"adm@one.test": "400 account: Permission denied.", "rita": ""} {
			if got := w.blame(w.try("rita", func(t *manage.Tx) error { return t.AddDomainAdmin(id, w.account(login)) })); got != want {
				t.Errorf("rita adds %s: %q, want %q", login, got, want)
			}
		}
		if got := w.blame(w.try("root", func(t *manage.Tx) error { return t.RemoveDomainAdmin(id, w.account("rita")) })); got != "409 rita owns the domain, and cannot be removed from its administrators." {
			t.Errorf("the owner: %q", got)
		}
		w.parameters(map[string]map[string]any{"limits": {"enable_domain_limits": true}})
		add := func() string {
			return w.blame(w.try("root", func(t *manage.Tx) error { return t.AddDomainAdmin(id, w.account("adm@one.test")) }))
		}
		if got := add(); got != "403 Domain admins: limit reached" {
			t.Errorf("no administrator left: %q", got)
		}
		w.do("rita", func(t *manage.Tx) error { return t.SetDomainLimits(id, map[string]int64{"domain_admins": 2}) })
		if got := add(); got != "" {
			t.Errorf("one left: %q", got)
		}
		w.sound()
	})
}

func TestDomainLimits(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		one := w.domain("one.test")
		set := func(login string, to map[string]int64) string {
			return w.blame(w.try(login, func(t *manage.Tx) error { return t.SetDomainLimits(one, to) }))
		}
		for _, c := range []struct {
			login string
			to    map[string]int64
			want  string
		}{
			{"rita", map[string]int64{"mailboxes": 3}, "404 There is no such domain."},
			{"adm@one.test", map[string]int64{"mailboxes": 3}, "403 You do not have permission to perform this action."},
			{
				"root",
				map[string]int64{"mailboxes": -2, "domain_aliases": 1 << 40, "quota": 1},
				"400 domain_aliases: Ensure this value is less than or equal to 2147483647.; mailboxes: Ensure this value is greater than or equal to -1.; quota: There is no such limit of a domain.",
			},
			{"root", map[string]int64{"mailboxes": 3, "domain_admins": -1}, ""},
		} {
			if got := set(c.login, c.to); got != c.want {
				t.Errorf("%s %v: %q, want %q", c.login, c.to, got, c.want)
			}
		}
		got := see(w, "adm@one.test", func(t *manage.Tx) ([]manage.Limit, error) { return t.DomainLimits(one) })
		want := []manage.Limit{{Name: "domain_aliases", Used: 1}, {Name: "mailboxes", Max: 3, Used: 3}, {Name: "mailbox_aliases", Used: 1}, {Name: "domain_admins", Max: -1, Used: 1}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limits (-want +got):\n%s", diff)
		}
	})
}
