package manage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// remove deletes a domain as a test has it.
func (w *world) remove(login, name string) error {
	w.t.Helper()
	id := w.domain(name)
	return w.try(login, func(t *manage.Tx) error { return t.DeleteDomain(id, false) })
}

func TestDeleteDomain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		for _, c := range []struct{ login, domain, want string }{
			{"ann@one.test", "one.test", "404 There is no such domain."},
			{"rita", "one.test", "404 There is no such domain."},
			{"adm@one.test", "one.test", "403 You do not have permission to perform this action."},
		} {
			if got := w.blame(w.remove(c.login, c.domain)); got != c.want {
				t.Errorf("%s deletes %s: %q, want %q", c.login, c.domain, got, c.want)
			}
		}
		w.csv("alias;only@two.test;true;ann@one.test\nalias;via@two.test;true;only@two.test\nalias;kept@two.test;true;only@two.test;far@far.test\n")
		w.csv("domain;one.test.org;0;0;true\naccount;zoe@one.test.org;{PLAIN}x;Z;Z;true;SimpleUsers;zoe@one.test.org;0\n")
		box := "SELECT id FROM admin_mailbox WHERE address = 'ann'"
		one := w.domain("one.test")
		w.exec("INSERT INTO admin_senderaddress (address, mailbox_id) " + strings.Replace(box, "id", "'x@far.test', id", 1))
		w.exec("INSERT INTO admin_mailboxoperation (type, argument, mailbox_id) " + strings.Replace(box, "id", "'rename', '/old', id", 1))
		w.exec("INSERT INTO postfix_autoreply_armessage (subject, content, mbox_id) " + strings.Replace(box, "id", "'s', 'c', id", 1))
		w.exec("INSERT INTO admin_alarm (title, internal_name, mailbox_id) " + strings.Replace(box, "id", "'box', 'a', id", 1))
		w.exec("INSERT INTO admin_alarm (title, internal_name, domain_id) VALUES ('domain', 'a', ?)", one)
		w.exec("INSERT INTO vmapd_dkim_key (domain, selector, private_key_path, public_key) VALUES ('one.test', 'a', '/a', 'A'), ('alias.test', 'a', '/b', 'B'), ('two.test', 'a', '/c', 'C')")
		w.exec("INSERT INTO transport_transport (pattern, service) VALUES ('one.test', 'smtp')")
		if err := w.remove("root", "one.test"); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string][]string{
			"SELECT name FROM admin_domain":                      {"empty.test", "one.test.org", "relay.test", "two.test"},
			"SELECT name FROM admin_domainalias":                 {},
			"SELECT username FROM core_user":                     {"adm@one.test", "ann@one.test", "bob@one.test", "box@relay.test", "cem@two.test", "rita", "root", "zoe@one.test.org"},
			"SELECT username FROM admin_quota":                   {"box@relay.test", "cem@two.test", "zoe@one.test.org"},
			"SELECT address FROM admin_mailbox":                  {"box", "cem", "zoe"},
			"SELECT address FROM admin_senderaddress":            {},
			"SELECT argument FROM admin_mailboxoperation":        {},
			"SELECT subject FROM postfix_autoreply_armessage":    {},
			"SELECT title, mailbox_id FROM admin_alarm":          {"box -"},
			"SELECT domain FROM vmapd_dkim_key":                  {"two.test"},
			"SELECT pattern FROM transport_transport":            {"relay.test"},
			"SELECT count(*) FROM limits_domainobjectlimit":      {"16"},
			"SELECT address FROM admin_alias WHERE NOT internal": {"kept@two.test", "sales@two.test"},
			"SELECT r.address FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id WHERE NOT a.internal": {"cem@two.test", "far@far.test"},
			"SELECT message FROM core_log WHERE message LIKE '%one.test %'":                                                     {"Domain one.test deleted by user root"},
		} {
			if diff := cmp.Diff(want, w.rows(query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		w.sound()
		w.do("root", func(t *manage.Tx) error { return t.DeleteRelayDomain(w.domain("relay.test"), true) })
		if got := w.rows("SELECT pattern FROM relaydomains_recipientaccess UNION SELECT pattern FROM transport_transport"); len(got) > 0 {
			t.Errorf("left of relay.test: %q", got)
		}
		w.sound()
	})
}

// TestDeleteOwnDomain: an administrator would lock himself out.
func TestDeleteOwnDomain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.csv("account;sue@two.test;{PLAIN}x;;;true;SuperAdmins;sue@two.test;0\n")
		if got := w.blame(w.remove("sue@two.test", "two.test")); got != "403 You can't delete your own domain" {
			t.Errorf("own domain: %q", got)
		}
	})
}

// TestDeleteDomainWithAccounts has accounts go with their domain: users, and
// what they own, but not who administrates everything.
func TestDeleteDomainWithAccounts(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.parameters(map[string]map[string]any{"admin": {"auto_account_removal": true}})
		w.csv("account;sue@two.test;{PLAIN}x;;;true;SuperAdmins;sue@two.test;0\n")
		w.exec("INSERT INTO authtoken_token ("+w.d.Quote("key")+", user_id) VALUES ('t', ?)", w.account("cem@two.test"))
		w.exec("UPDATE core_objectaccess SET is_owner = false WHERE object_id = ? AND content_type_id = (SELECT id FROM django_content_type WHERE model = 'domain')", w.domain("one.test"))
		w.exec("INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner) SELECT ?, id, ?, true FROM django_content_type WHERE model = 'domain'",
			w.account("cem@two.test"), w.domain("one.test"))
		if err := w.remove("root", "two.test"); err != nil {
			t.Fatal(err)
		}
		want := []string{"adm@one.test", "ann@one.test", "bob@one.test", "box@relay.test", "rita", "root", "sue@two.test"}
		if got := w.rows("SELECT username FROM core_user"); !slices.Equal(got, want) {
			t.Errorf("accounts %q", got)
		}
		if got := w.rows("SELECT user_id FROM authtoken_token"); len(got) != 1 {
			t.Errorf("%d tokens", len(got))
		}
		w.sound()
		if err := w.remove("root", "one.test"); err != nil {
			t.Fatal(err)
		}
		if got := w.rows("SELECT username FROM core_user"); !slices.Equal(got, []string{"box@relay.test", "rita", "root", "sue@two.test"}) {
			t.Errorf("accounts with the second domain gone: %q", got)
		}
		w.sound()
	})
}

// TestMailboxOperations has Modoboa move and remove the files of mailboxes.
func TestMailboxOperations(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.m = manage.New(manage.Options{DB: w.d, Home: func(address string) string { return "/srv/" + address }})
		operations := func() []string {
			return w.rows("SELECT o.type, o.argument, m.address FROM admin_mailboxoperation o LEFT JOIN admin_mailbox m ON m.id = o.mailbox_id")
		}
		change := func(name, to string, keep bool) {
			t.Helper()
			if err := w.update("root", name, manage.DomainInput{Name: some(to)}); err != nil {
				t.Fatal(err)
			}
			id := w.domain("relay.test")
			w.do("root", func(t *manage.Tx) error { return t.DeleteDomain(id, keep) })
		}
		change("two.test", "new.test", false)
		if got := operations(); len(got) > 0 {
			t.Errorf("without handle_mailboxes: %q", got)
		}
		w.parameters(map[string]map[string]any{"admin": {"handle_mailboxes": true}})
		w.csv("relaydomain;relay.test;h.test;25;relay;true;false\n")
		w.exec("UPDATE admin_mailbox SET domain_id = ? WHERE address = 'bob'", w.domain("relay.test"))
		change("new.test", "two.test", true)
		if got := operations(); !slices.Equal(got, []string{"rename /srv/cem@new.test cem"}) {
			t.Errorf("renamed, and deleted without the files: %q", got)
		}
		id := w.domain("two.test")
		w.do("root", func(t *manage.Tx) error { return t.DeleteDomain(id, false) })
		if got := operations(); !slices.Equal(got, []string{"delete /srv/cem@two.test -"}) {
			t.Errorf("deleted: %q", got)
		}
	})
}

// TestDeleteDomainWithPlugins: tables that only this database has, among them
// one whose rows refer to each other, keep no domain from being deleted.
func TestDeleteDomainWithPlugins(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		for _, table := range []string{
			"plugin_box (id integer NOT NULL PRIMARY KEY, box_id integer NOT NULL REFERENCES admin_mailbox (id))",
			"plugin_note (id integer NOT NULL PRIMARY KEY, plugin_id integer NOT NULL REFERENCES plugin_box (id), up_id integer REFERENCES plugin_note (id))",
			"plugin_seen (id integer NOT NULL PRIMARY KEY, note_id integer NOT NULL REFERENCES plugin_note (id))",
			"plugin_maybe (id integer NOT NULL PRIMARY KEY, box_id integer REFERENCES admin_mailbox (id))",
		} {
			w.exec("CREATE TABLE " + table)
		}
		w.exec("INSERT INTO plugin_box (id, box_id) SELECT id, id FROM admin_mailbox")
		w.exec("INSERT INTO plugin_maybe (id, box_id) SELECT id, id FROM admin_mailbox WHERE address = 'ann'")
		ann := w.id("SELECT id FROM admin_mailbox WHERE address = 'ann'")
		w.exec("INSERT INTO plugin_note (id, plugin_id, up_id) VALUES (1, ?, NULL), (2, ?, 1)", ann, ann)
		w.exec("INSERT INTO plugin_seen (id, note_id) VALUES (1, 1), (2, 2)")
		if err := w.remove("root", "one.test"); err != nil {
			t.Fatal(err)
		}
		got := w.rows("SELECT 'box', count(*) FROM plugin_box UNION ALL SELECT 'note', count(*) FROM plugin_note UNION ALL SELECT 'seen', count(*) FROM plugin_seen UNION ALL SELECT 'maybe', count(box_id) FROM plugin_maybe")
		if diff := cmp.Diff([]string{"box 2", "maybe 0", "note 0", "seen 0"}, got); diff != "" {
			t.Errorf("left of the plugins (-want +got):\n%s", diff)
		}
		w.sound()
	})
}
