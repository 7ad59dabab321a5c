package manage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// names are those of a page of domains, with its total.
func names(p manage.Page[manage.Domain]) string {
	var out []string
	for _, d := range p.Items {
		out = append(out, d.Name)
	}
	return fmt.Sprintf("%d %s", p.Total, strings.Join(out, " "))
}

func TestDomainLists(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.csv("domain;aa_c.test;50;0;true\ndomain;abc.test;60;0;true\n")
		w.do("rita", func(t *manage.Tx) error {
			_, err := t.CreateDomain(manage.DomainInput{Name: some("rita.test")})
			return err
		})
		for _, c := range []struct {
			login string
			q     manage.Query
			want  string
		}{
			{"", manage.Query{}, "7 aa_c.test abc.test empty.test one.test relay.test rita.test two.test"},
			{"root", manage.Query{Limit: 2, Offset: 1}, "7 abc.test empty.test"},
			{"root", manage.Query{Limit: 2, Desc: true}, "7 two.test rita.test"},
			{"root", manage.Query{Search: "RELAY"}, "1 relay.test"},
			{"root", manage.Query{Search: "_"}, "1 aa_c.test"},
			{"root", manage.Query{Search: "%"}, "0 "},
			{"root", manage.Query{Search: "e.t"}, "1 one.test"},
			{"root", manage.Query{Type: "relaydomain"}, "1 relay.test"},
			{"root", manage.Query{Domain: "ONE.test"}, "1 one.test"},
			{"root", manage.Query{Active: some(false)}, "1 empty.test"},
			{"root", manage.Query{Sort: "quota", Limit: 3, Desc: true}, "7 one.test abc.test aa_c.test"},
			{"root", manage.Query{Sort: "enabled", Limit: 2}, "7 empty.test one.test"},
			{"root", manage.Query{Sort: "created", Limit: 1, Search: "ita"}, "1 rita.test"},
			{"root", manage.Query{Sort: "1; DROP TABLE admin_domain", Limit: 1}, "7 aa_c.test"},
			{"rita", manage.Query{}, "1 rita.test"},
			{"adm@one.test", manage.Query{}, "1 one.test"},
			{"adm@one.test", manage.Query{Search: "two"}, "0 "},
			{"ann@one.test", manage.Query{}, "0 "},
		} {
			got := names(see(w, c.login, func(t *manage.Tx) (manage.Page[manage.Domain], error) { return t.Domains(c.q) }))
			if got != c.want {
				t.Errorf("%s %+v: %q, want %q", c.login, c.q, got, c.want)
			}
		}
		relays := see(w, "root", func(t *manage.Tx) (manage.Page[manage.Domain], error) { return t.RelayDomains(manage.Query{}) })
		if got := names(relays); got != "1 relay.test" {
			t.Errorf("relay domains: %q", got)
		}
	})
}

func TestDomainRead(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.exec("UPDATE admin_quota SET bytes = 700 WHERE username = 'ann@one.test'")
		w.exec("UPDATE admin_quota SET bytes = 77 WHERE username = 'cem@two.test'")
		one := see(w, "adm@one.test", func(t *manage.Tx) (*manage.Domain, error) { return t.DomainByName("One.TEST") })
		want := &manage.Domain{
			ID: one.ID, Name: "one.test", Type: "domain", Enabled: true, Quota: 1000, DefaultMailboxQuota: 100, DKIMSelector: "modoboa",
			EnableDNSChecks: true, DNSStatus: "disabled", Created: one.Created, Modified: one.Modified, Mailboxes: 3, Aliases: 1, DomainAliases: 1, Allocated: 250, Used: 700,
		}
		if diff := cmp.Diff(want, one); diff != "" || one.Created.IsZero() || one.Modified.IsZero() {
			t.Errorf("one.test (-want +got):\n%s", diff)
		}
		// Many mailboxes are counted in another way, to the same end.
		w.csv(manyAccounts("two.test", 2000))
		for _, d := range see(w, "root", func(t *manage.Tx) (manage.Page[manage.Domain], error) { return t.Domains(manage.Query{}) }).Items {
			want := map[string][2]int64{"one.test": {3, 700}, "two.test": {2001, 77}, "relay.test": {1, 0}}[d.Name]
			if got := [2]int64{d.Mailboxes, d.Used}; got != want {
				t.Errorf("mailboxes and bytes of %s: %d, want %d", d.Name, got, want)
			}
		}
		relay := see(w, "root", func(t *manage.Tx) (*manage.Domain, error) { return t.RelayDomain(w.domain("relay.test")) })
		transport := &manage.Transport{ID: relay.Transport.ID, Pattern: "relay.test", Service: "relay", NextHop: "[192.0.2.10]:25", Host: "192.0.2.10", Port: 25, Verify: true}
		if diff := cmp.Diff(transport, relay.Transport); diff != "" {
			t.Errorf("transport (-want +got):\n%s", diff)
		}
		w.exec("UPDATE admin_domain SET transport_id = NULL") // as Modoboa's import does
		w.exec(`UPDATE transport_transport SET _settings = '{"relay_target_host": "h.test", "relay_target_port": "2525", "relay_verify_recipients": false}'`)
		relay = see(w, "root", func(t *manage.Tx) (*manage.Domain, error) { return t.RelayDomain(relay.ID) })
		if relay.Transport == nil || relay.Transport.Port != 2525 || relay.Transport.Host != "h.test" || relay.Transport.Verify {
			t.Errorf("transport found by its pattern: %+v", relay.Transport)
		}
		for _, c := range []struct {
			login string
			read  func(t *manage.Tx) error
			want  string
		}{
			{"rita", func(t *manage.Tx) error { _, err := t.DomainByName("one.test"); return err }, "404 There is no such domain."},
			{"ann@one.test", func(t *manage.Tx) error { _, err := t.Domain(one.ID); return err }, "404 There is no such domain."},
			{"root", func(t *manage.Tx) error { _, err := t.DomainByName("no.test"); return err }, "404 There is no such domain."},
			{"root", func(t *manage.Tx) error { _, err := t.RelayDomain(one.ID); return err }, "404 There is no such relay domain."},
		} {
			if got := w.blame(w.m.Read(t.Context(), w.as(c.login), c.read)); got != c.want {
				t.Errorf("%s: %q, want %q", c.login, got, c.want)
			}
		}
	})
}

// manyAccounts are lines of accounts that need no quota.
func manyAccounts(domain string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "account;u%d@%[2]s;{PLAIN}x;;;true;SimpleUsers;u%[1]d@%[2]s;0\n", i, domain)
	}
	return b.String()
}

// input is a domain's of a name and quotas.
func input(name string, quota, each int64) manage.DomainInput {
	return manage.DomainInput{Name: some(name), Quota: some(quota), DefaultMailboxQuota: some(each)}
}

func relayInput(name, host string, port int) manage.DomainInput {
	return manage.DomainInput{Name: some(name), Type: some("relaydomain"), Transport: some(manage.TransportInput{Host: host, Port: port})}
}

// TestCreateDomainErrors has the answers that the real Modoboa gave, where there
// are some.
func TestCreateDomainErrors(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.limit("rita", "domains", -1)
		w.limit("rita", "quota", 2000)
		w.exec("INSERT INTO transport_transport (pattern, service) VALUES ('stray.test', 'smtp')")
		long := strings.Repeat("a.", 130) + "test"
		for _, c := range []struct {
			login string
			in    manage.DomainInput
			want  string
		}{
			{"ann@one.test", input("u.test", 0, 0), "403 You do not have permission to perform this action."},
			{"adm@one.test", input("u.test", 0, 0), "403 You do not have permission to perform this action."},
			{"rita", input("r1.test", 0, 0), "400 quota: You can't define an unlimited quota."},
			{"rita", input("r1.test", 10, 0), "400 default_mailbox_quota: You can't define an unlimited quota."},
			{"rita", input("r1.test", 5000, 10), "403 Quota: limit reached"},
			{"rita", input("r1.test", 500, 600), "400 default_mailbox_quota: Cannot be greater than domain quota"},
			{"root", input(" one.test ", 0, 0), "400 name: domain with this name already exists."},
			{"root", input("ONE.test", 0, 0), "400 name: domain with this name already exists."},
			{"root", input("alias.test", 0, 0), "400 name: domain alias with this name already exists"},
			{"root", input("bad name", 0, 0), "400 name: Enter a valid domain name"},
			{"root", input("", 0, 0), "400 name: This field may not be blank."},
			{"root", input(long, 0, 0), "400 name: Enter a valid domain name"},
			{"root", manage.DomainInput{}, "400 name: This field is required."},
			{"root", manage.DomainInput{Name: some("weird.test"), Type: some("strange")}, `400 type: "strange" is not a valid choice.`},
			{"root", input("x", -1, 1<<40), "400 default_mailbox_quota: Ensure this value is less than or equal to 2147483647.; quota: Ensure this value is greater than or equal to 0."},
			{
				"root",
				manage.DomainInput{Name: some("x"), DKIMSelector: some("a\nb"), DKIMLength: some(new(int64(1000))), MessageLimit: some(new(int64(-1)))},
				`400 dkim_key_length: "1000" is not a valid choice.; dkim_key_selector: Enter a valid DKIM selector; message_limit: Ensure this value is greater than or equal to 0.`,
			},
			{"root", manage.DomainInput{Name: some("x"), Type: some("relaydomain")}, "400 transport: This field is required"},
			{"root", manage.DomainInput{Name: some("x"), Transport: some(manage.TransportInput{Host: "h"})}, "400 transport: This field is valid when type is relaydomain"},
			{"root", relayInput("x", "", 0), "400 transport.relay_target_host: This field is required"},
			{"root", relayInput("x", "[::1]", 70000), "400 transport.relay_target_host: Invalid value; transport.relay_target_port: Invalid value"},
			{"root", relayInput("stray.test", "h.test", 25), "409 There is a transport for stray.test already, which no domain has made: it is to be deleted first."},
		} {
			err := w.try(c.login, func(t *manage.Tx) error { _, err := t.CreateDomain(c.in); return err })
			if got := w.blame(err); got != c.want {
				t.Errorf("%s %+v: %q, want %q", c.login, c.in, got, c.want)
			}
		}
		w.limit("rita", "domains", 0)
		err := w.try("rita", func(t *manage.Tx) error { _, err := t.CreateDomain(input("r1.test", 10, 1)); return err })
		if got := w.blame(err); got != "403 Domains: limit reached" {
			t.Errorf("no domain left: %q", got)
		}
		w.parameters(map[string]map[string]any{"limits": {"enable_admin_limits": false}})
		w.do("rita", func(t *manage.Tx) error { _, err := t.CreateDomain(input("r1.test", 0, 0)); return err })
		w.sound()
	})
}

func TestCreateDomain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.parameters(map[string]map[string]any{"admin": {"default_domain_message_limit": 77}, "limits": {"deflt_domain_mailboxes_limit": 5}})
		w.limit("rita", "domains", 2)
		w.exec("INSERT INTO relaydomains_recipientaccess (pattern, action) VALUES ('r.test', 'reject_unverified_recipient'), ('s.test', 'reject_unverified_recipient')")
		var plain, full, relay, other *manage.Domain
		w.do("rita", func(t *manage.Tx) (err error) {
			plain, err = t.CreateDomain(manage.DomainInput{Name: some("Plain.Test")})
			return err
		})
		w.do("root", func(t *manage.Tx) (err error) {
			full, err = t.CreateDomain(manage.DomainInput{
				Name: some("bücher.test"), Type: some("domain"), Enabled: some(false), Quota: some[int64](9), DefaultMailboxQuota: some[int64](3),
				EnableDKIM: some(true), DKIMSelector: some("k1"), DKIMLength: some(new(int64(4096))), MessageLimit: some[*int64](nil), EnableDNSChecks: some(false),
			})
			return err
		})
		w.do("", func(t *manage.Tx) (err error) {
			in := relayInput("r.test", "MX.Far.test", 0)
			in.Transport.Value.Verify = true
			if relay, err = t.CreateRelayDomain(in); err != nil {
				return err
			}
			other, err = t.CreateDomain(relayInput("s.test", "2001:db8::1", 2525))
			return err
		})
		got := []manage.Domain{*plain, *full, *relay, *other}
		for i := range got {
			got[i].ID, got[i].Created, got[i].Modified = 0, full.Created, full.Created
			if got[i].Transport != nil {
				got[i].Transport.ID = 0
			}
		}
		want := []manage.Domain{
			{Name: "plain.test", Type: "domain", Enabled: true, DKIMSelector: "modoboa", EnableDNSChecks: true, MessageLimit: new(int64(77))},
			{Name: "bücher.test", Type: "domain", Quota: 9, DefaultMailboxQuota: 3, EnableDKIM: true, DKIMSelector: "k1", DKIMLength: new(int64(4096))},
			{
				Name: "r.test", Type: "relaydomain", Enabled: true, DKIMSelector: "modoboa", EnableDNSChecks: true, MessageLimit: new(int64(77)),
				Transport: &manage.Transport{Pattern: "r.test", Service: "relay", NextHop: "[mx.far.test]:25", Host: "mx.far.test", Port: 25, Verify: true},
			},
			{
				Name: "s.test", Type: "relaydomain", Enabled: true, DKIMSelector: "modoboa", EnableDNSChecks: true, MessageLimit: new(int64(77)),
				Transport: &manage.Transport{Pattern: "s.test", Service: "relay", NextHop: "[2001:db8::1]:2525", Host: "2001:db8::1", Port: 2525},
			},
		}
		for i := range want {
			want[i].Created, want[i].Modified, want[i].DNSStatus = full.Created, full.Created, "disabled" // .test is reserved
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("domains (-want +got):\n%s", diff)
		}
		if got := w.rows("SELECT pattern FROM relaydomains_recipientaccess"); !slices.Equal(got, []string{"r.test", "relay.test"}) {
			t.Errorf("recipient access: %q", got)
		}
		access := w.rows(`SELECT u.username, oa.is_owner FROM core_objectaccess oa JOIN core_user u ON u.id = oa.user_id
			JOIN django_content_type ct ON ct.id = oa.content_type_id WHERE ct.model = 'domain' AND oa.object_id = ?`, plain.ID)
		if diff := cmp.Diff([]string{"rita 1", "root 0"}, access); diff != "" {
			t.Errorf("access (-want +got):\n%s", diff)
		}
		limits := see(w, "rita", func(t *manage.Tx) ([]manage.Limit, error) { return t.DomainLimits(plain.ID) })
		if diff := cmp.Diff([]manage.Limit{{Name: "domain_aliases"}, {Name: "mailboxes", Max: 5}, {Name: "mailbox_aliases"}, {Name: "domain_admins", Used: 1}}, limits); diff != "" {
			t.Errorf("limits (-want +got):\n%s", diff)
		}
		if got := w.rows("SELECT message FROM core_log WHERE message LIKE '%plain%'"); !slices.Equal(got, []string{"Domain plain.test added by user rita"}) {
			t.Errorf("log: %q", got)
		}
		w.sound()
	})
}
