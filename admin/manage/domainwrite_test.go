package manage_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// update is a change of a domain as a test has it.
func (w *world) update(login, name string, in manage.DomainInput) error {
	w.t.Helper()
	id := w.domain(name)
	return w.try(login, func(t *manage.Tx) error { _, err := t.UpdateDomain(id, in); return err })
}

func TestUpdateDomainErrors(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.limit("rita", "quota", 2000)
		w.do("rita", func(t *manage.Tx) error { _, err := t.CreateDomain(input("r1.test", 1500, 10)); return err })
		for _, c := range []struct {
			login, domain string
			in            manage.DomainInput
			want          string
		}{
			{"ann@one.test", "one.test", input("x.test", 0, 0), "404 There is no such domain."},
			{"rita", "one.test", input("x.test", 0, 0), "404 There is no such domain."},
			{"adm@one.test", "one.test", input("x.test", 0, 0), "403 You do not have permission to perform this action."},
			{"root", "one.test", manage.DomainInput{Name: some("Two.test")}, "400 name: domain with this name already exists."},
			{"root", "two.test", manage.DomainInput{Name: some("alias.test")}, "400 name: domain alias with this name already exists"},
			{"root", "two.test", manage.DomainInput{Name: some(""), Type: some("")}, `400 name: This field may not be blank.; type: "" is not a valid choice.`},
			{"root", "one.test", manage.DomainInput{Quota: some[int64](99)}, "400 default_mailbox_quota: Cannot be greater than domain quota"},
			{"root", "one.test", manage.DomainInput{Quota: some[int64](249)}, "400 quota: Cannot be lower than what the mailboxes have together, 250 MB"},
			{"root", "one.test", manage.DomainInput{DefaultMailboxQuota: some[int64](500)}, "400 default_mailbox_quota: The mailboxes would have 1050 MB together, more than the domain quota"},
			{"root", "one.test", manage.DomainInput{Type: some("relaydomain")}, "400 transport: This field is required"},
			{"root", "relay.test", manage.DomainInput{Transport: some(manage.TransportInput{})}, "400 transport.relay_target_host: This field is required"},
			{"rita", "r1.test", manage.DomainInput{Quota: some[int64](0)}, "400 quota: You can't define an unlimited quota."},
			{"rita", "r1.test", manage.DomainInput{Quota: some[int64](2001)}, "403 Quota: limit reached"},
			{"rita", "r1.test", manage.DomainInput{Quota: some[int64](2000)}, ""},
			{"rita", "r1.test", manage.DomainInput{Enabled: some(false)}, ""},
			{"root", "r1.test", manage.DomainInput{Quota: some[int64](0), DefaultMailboxQuota: some[int64](0)}, ""},
			{"rita", "r1.test", manage.DomainInput{Enabled: some(true)}, ""},
		} {
			if got := w.blame(w.update(c.login, c.domain, c.in)); got != c.want {
				t.Errorf("%s %s %+v: %q, want %q", c.login, c.domain, c.in, got, c.want)
			}
		}
		w.sound()
	})
}

func TestUpdateDomainQuota(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		quotas := func() []string {
			return w.rows("SELECT address, quota FROM admin_mailbox WHERE domain_id = ?", w.domain("one.test"))
		}
		w.exec("UPDATE admin_mailbox SET quota = 70 WHERE address = 'ann'") // as with an explicit quota beside the domain's
		for _, c := range []struct {
			in   manage.DomainInput
			want []string
		}{
			{manage.DomainInput{DefaultMailboxQuota: some[int64](200), Quota: some[int64](450)}, []string{"adm 200", "ann 200", "bob 50"}},
			{manage.DomainInput{Quota: some[int64](0), DefaultMailboxQuota: some[int64](0)}, []string{"adm 0", "ann 0", "bob 50"}},
			{manage.DomainInput{DefaultMailboxQuota: some[int64](7)}, []string{"adm 7", "ann 7", "bob 50"}},
		} {
			if err := w.update("root", "one.test", c.in); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, quotas()); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", c.in, diff)
			}
		}
		// A domain that has given away too much is no reason to refuse the rest.
		w.exec("UPDATE admin_domain SET quota = 20 WHERE name = 'one.test'")
		for want, in := range map[string]manage.DomainInput{
			"": {Enabled: some(false)},
			"400 default_mailbox_quota: The mailboxes would have 66 MB together, more than the domain quota": {DefaultMailboxQuota: some[int64](8)},
			"400 quota: Cannot be lower than what the mailboxes have together, 64 MB":                        {Quota: some[int64](63)},
		} {
			if got := w.blame(w.update("root", "one.test", in)); got != want {
				t.Errorf("%+v: %q, want %q", in, got, want)
			}
		}
	})
}

func TestUpdateDomainKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.exec("UPDATE admin_domain SET enable_dkim = true, dkim_public_key = 'KEY', dkim_private_key_path = '/k.pem'")
		key := func() string {
			return w.rows("SELECT dkim_key_selector, dkim_public_key, dkim_private_key_path FROM admin_domain WHERE name = 'one.test'")[0]
		}
		for _, c := range []struct {
			in   manage.DomainInput
			want string
		}{
			{manage.DomainInput{Enabled: some(true), DKIMLength: some[*int64](nil)}, "modoboa KEY /k.pem"},
			{manage.DomainInput{DKIMSelector: some("s2")}, "s2 KEY /k.pem"},
			{manage.DomainInput{EnableDKIM: some(false)}, "s2 KEY "},
			{manage.DomainInput{DKIMLength: some(new(int64(1024)))}, "s2  "},
		} {
			if err := w.update("root", "one.test", c.in); err != nil {
				t.Fatal(err)
			}
			if got := key(); got != c.want {
				t.Errorf("%+v: %q, want %q", c.in, got, c.want)
			}
		}
	})
}

func TestDomainTypes(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		state := func(name string) []string {
			return append(w.rows("SELECT d.type, t.next_hop FROM admin_domain d LEFT JOIN transport_transport t ON t.id = d.transport_id WHERE d.name = ?", name),
				w.rows("SELECT action FROM relaydomains_recipientaccess WHERE pattern = ?", name)...)
		}
		for _, c := range []struct {
			domain string
			in     manage.DomainInput
			want   []string
		}{
			{"relay.test", manage.DomainInput{Enabled: some(true)}, []string{"relaydomain [192.0.2.10]:25", "reject_unverified_recipient"}},
			{"relay.test", manage.DomainInput{Type: some("domain")}, []string{"domain -"}},
			{"relay.test", relayInput("relay.test", "h.test", 26), []string{"relaydomain [h.test]:26"}},
			{"relay.test", manage.DomainInput{Transport: some(manage.TransportInput{Host: "h.test", Verify: true})}, []string{"relaydomain [h.test]:25", "reject_unverified_recipient"}},
			{"relay.test", manage.DomainInput{Transport: some(manage.TransportInput{Host: "h2.test"})}, []string{"relaydomain [h2.test]:25"}},
			{"one.test", relayInput("one.test", "h.test", 0), []string{"relaydomain [h.test]:25"}},
		} {
			if err := w.update("root", c.domain, c.in); err != nil {
				t.Fatalf("%+v: %v", c.in, err)
			}
			if diff := cmp.Diff(c.want, state(c.domain)); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", c.in, diff)
			}
			w.sound()
		}
		got := w.blame(w.try("root", func(t *manage.Tx) error {
			_, err := t.UpdateRelayDomain(w.domain("two.test"), manage.DomainInput{})
			return err
		}))
		if got != "404 There is no such relay domain." {
			t.Errorf("a domain as relay domain: %q", got)
		}
		w.do("root", func(t *manage.Tx) error {
			_, err := t.UpdateRelayDomain(w.domain("relay.test"), manage.DomainInput{Type: some("domain")})
			return err
		})
		w.sound()
	})
}

func TestPutDomain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		put := func(login, name string, relay bool, in manage.DomainInput) (d *manage.Domain, created bool, err error) {
			err = w.try(login, func(t *manage.Tx) (err error) {
				if relay {
					d, created, err = t.PutRelayDomain(name, in)
				} else {
					d, created, err = t.PutDomain(name, in)
				}
				return err
			})
			return d, created, err
		}
		for _, c := range []struct {
			login, name string
			relay       bool
			in          manage.DomainInput
			want        string // type, enabled, quota, selector, or the error
			created     bool
		}{
			{"root", "New.test", false, manage.DomainInput{Quota: some[int64](10), Enabled: some(false), DKIMSelector: some("x")}, "domain 0 10 x", true},
			{"root", "new.test", false, manage.DomainInput{Name: some("NEW.test"), Quota: some[int64](20)}, "domain 1 20 modoboa", false},
			{"root", "new.test", false, manage.DomainInput{}, "domain 1 0 modoboa", false},
			{"root", "new.test", false, manage.DomainInput{Name: some("other.test")}, "400 name: This is not the name that is asked for, new.test.", false},
			{"root", "new.test", true, manage.DomainInput{}, "400 transport: This field is required", false},
			{"root", "new.test", true, manage.DomainInput{Transport: some(manage.TransportInput{Host: "h.test"})}, "relaydomain 1 0 modoboa", false},
			{"root", "new2.test", true, manage.DomainInput{Transport: some(manage.TransportInput{Host: "h.test"})}, "relaydomain 1 0 modoboa", true},
			{"root", "new.test", false, manage.DomainInput{}, "domain 1 0 modoboa", false},
			{"rita", "new.test", false, manage.DomainInput{}, "400 name: domain with this name already exists.", false},
			{"adm@one.test", "one.test", false, manage.DomainInput{}, "403 You do not have permission to perform this action.", false},
		} {
			_, created, err := put(c.login, c.name, c.relay, c.in)
			got := w.blame(err)
			if err == nil {
				got = w.rows("SELECT type, enabled, quota, dkim_key_selector FROM admin_domain WHERE lower(name) = ?", w.fold(c.name))[0]
			}
			if got != c.want || err == nil && created != c.created {
				t.Errorf("%s %s %+v: %q, created %v; want %q, %v", c.login, c.name, c.in, got, created, c.want, c.created)
			}
			w.sound()
		}
	})
}

func TestRenameDomain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.csv("domain;one.test.org;0;0;true\naccount;zoe@one.test.org;{PLAIN}x;Z;Z;true;SimpleUsers;zoe@one.test.org;0\nalias;out@one.test.org;true;ann+x@one.test;any@alias.test\n")
		w.exec("INSERT INTO admin_senderaddress (address, mailbox_id) SELECT '@one.test', id FROM admin_mailbox WHERE address = 'cem'")
		w.exec("INSERT INTO admin_senderaddress (address, mailbox_id) SELECT 'x@new.test', id FROM admin_mailbox WHERE address = 'cem'")
		w.exec("INSERT INTO admin_senderaddress (address, mailbox_id) SELECT 'x@one.test', id FROM admin_mailbox WHERE address = 'cem'")
		w.exec("INSERT INTO admin_quota (username, bytes, messages) VALUES ('ann@new.test', 99, 9)") // left by another program
		w.exec("INSERT INTO admin_alias (address, internal) VALUES ('@new.test', true)")
		w.exec("UPDATE admin_quota SET bytes = 42 WHERE username = 'ann@one.test'")
		w.exec("INSERT INTO vmapd_dkim_key (domain, selector, private_key_path, public_key) VALUES ('one.test', 'a', '/a', 'A'), ('one.test.org', 'a', '/b', 'B')")
		if err := w.update("root", "one.test", manage.DomainInput{Name: some("New.test")}); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string][]string{
			"SELECT name FROM admin_domain":                       {"empty.test", "new.test", "one.test.org", "relay.test", "two.test"},
			"SELECT username, email FROM core_user WHERE id > 2":  {"adm@new.test adm@new.test", "ann@new.test ann@new.test", "bob@new.test bob@new.test", "box@relay.test box@relay.test", "cem@two.test cem@two.test", "zoe@one.test.org zoe@one.test.org"},
			"SELECT username, bytes FROM admin_quota":             {"adm@new.test 0", "ann@new.test 42", "bob@new.test 0", "box@relay.test 0", "cem@two.test 0", "zoe@one.test.org 0"},
			"SELECT address FROM admin_senderaddress":             {"@new.test", "x@new.test"},
			"SELECT domain, private_key_path FROM vmapd_dkim_key": {"new.test /a", "one.test.org /b"},
			"SELECT a.address, r.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id": {
				"@alias.test @new.test", "@two.test ann@new.test", "adm@new.test adm@new.test", "ann@new.test ann@new.test", "bob@new.test bob@new.test",
				"box@relay.test box@relay.test", "cem@two.test cem@two.test", "info@new.test ann@new.test", "info@new.test bob+info@new.test", "info@new.test x@far.test",
				"out@one.test.org ann+x@new.test", "out@one.test.org any@alias.test", "sales@two.test cem@two.test", "sales@two.test info@new.test", "zoe@one.test.org zoe@one.test.org",
			},
			"SELECT message FROM core_log WHERE message LIKE '%new%'": {"Domain new.test modified by user root", "Domain one.test renamed to new.test by user root"},
		} {
			if diff := cmp.Diff(want, w.rows(query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		w.sound()
	})
}

func TestRenameDomainConflicts(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.csv("account;ann@new.test;{PLAIN}x;;;true;DomainAdmins;;0;two.test\n")
		long := "a23456789012345678901234567890123456789012345678901234567890.b23456789012345678901234567890123456789012345678901234567890.c23456789012345678901234567890123456789012345678901234567890.d2345678901234567890123456789012345678901234567890.test"
		w.csv("account;xxxxxxxxxxxxxxxxxxxxxxxx@two.test;{PLAIN}x;;;true;SimpleUsers;xxxxxxxxxxxxxxxxxxxxxxxx@two.test;0\n")
		for _, c := range []struct{ domain, name, want string }{
			{"one.test", "new.test", "409 There is an account ann@new.test already."},
			{"two.test", long, "400 name: Addresses in this domain would be longer than the database can hold."},
			{"two.test", "new.test", ""},
		} {
			if got := w.blame(w.update("root", c.domain, manage.DomainInput{Name: some(c.name)})); got != c.want {
				t.Errorf("%s to %s: %q, want %q", c.domain, c.name, got, c.want)
			}
		}
		w.sound()
	})
}

// TestRenameRelayDomain also gives names another spelling.
func TestRenameRelayDomain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.exec("INSERT INTO transport_transport (pattern, service) VALUES ('box@relay.test', 'smtp'), ('.relay.test', 'smtp')")
		w.exec("INSERT INTO relaydomains_recipientaccess (pattern, action) VALUES ('relayx.test', 'stray')")
		if err := w.update("root", "relay.test", manage.DomainInput{Name: some("relayx.test")}); err != nil {
			t.Fatal(err)
		}
		if got := w.rows("SELECT pattern FROM transport_transport"); !slices.Equal(got, []string{".relay.test", "box@relayx.test", "relayx.test"}) {
			t.Errorf("transports %q", got)
		}
		if got := w.rows("SELECT pattern, action FROM relaydomains_recipientaccess"); !slices.Equal(got, []string{"relayx.test reject_unverified_recipient"}) {
			t.Errorf("recipient access %q", got)
		}
		w.sound()
		w.exec("UPDATE admin_domain SET name = 'Two.TEST' WHERE name = 'two.test'")
		w.exec("UPDATE admin_quota SET username = 'cem@Two.TEST', bytes = 5 WHERE username = 'cem@two.test'")
		w.exec("UPDATE admin_alias SET address = 'cem@Two.TEST' WHERE address = 'cem@two.test'")
		w.do("root", func(t *manage.Tx) error {
			d, err := t.DomainByName("two.test")
			if err == nil {
				_, err = t.UpdateDomain(d.ID, manage.DomainInput{Name: some("two.test")})
			}
			return err
		})
		if got := w.rows("SELECT username, bytes FROM admin_quota WHERE bytes > 0"); !slices.Equal(got, []string{"cem@two.test 5"}) {
			t.Errorf("usage %q", got)
		}
		w.sound()
	})
}
