package doctor

import (
	"maps"
	"slices"
	"testing"

	"github.com/vmapd/vmapd/store"
)

// wired is a Postfix that does all as it should.
func wired() *Postfix {
	set := map[string]string{
		"virtual_mailbox_domains": "socketmap:unix:private/vmapd:domains", "virtual_alias_domains": "socketmap:unix:/queue/private/vmapd:sql-domain-aliases",
		"virtual_alias_maps": "hash:/etc/aliases, proxy:socketmap:unix:private/vmapd:aliases", "virtual_mailbox_maps": "socketmap:unix:private/vmapd:mailboxes",
		"relay_domains": "tcp:127.0.0.1:2500", "transport_maps": "socketmap:unix:private/vmapd:transport",
		"smtpd_recipient_restrictions": "check_recipient_access socketmap:unix:private/vmapd:maintain, permit_mynetworks, reject_unauth_destination",
		"smtpd_milters":                "inet:localhost:11332, unix:/queue/private/milter", "non_smtpd_milters": "unix:private/milter", "recipient_delimiter": "+",
	}
	p := &Postfix{
		Set: set, Values: maps.Clone(set), Overrides: map[string]string{"submission/inet/smtpd_sender_login_maps": "socketmap:unix:private/vmapd:sender-login"},
		Services: map[string]string{"smtp/inet/chroot": "n", "smtp/inet/command": "smtpd", "pickup/unix/chroot": "y", "pickup/unix/command": "pickup", "cleanup/unix/chroot": "-", "cleanup/unix/command": "cleanup"},
		Access:   []PostfixMap{{"smtpd_recipient_restrictions", "maintain", "socketmap:unix:private/vmapd:maintain"}},
		Milters:  []string{"unix:private/milter"}, Delimiter: "+", Transport: "lmtp:unix:private/dovecot-lmtp", SASL: "/queue/private/auth",
	}
	for param, table := range map[string]string{
		"virtual_mailbox_domains": "domains", "virtual_alias_domains": "domain-aliases", "virtual_alias_maps": "aliases", "virtual_mailbox_maps": "mailboxes",
		"transport_maps": "transport", "smtpd_sender_login_maps": "sender-login",
	} {
		p.Maps = append(p.Maps, PostfixMap{param, table, "socketmap:unix:private/vmapd:" + table})
	}
	p.Maps = append(p.Maps, PostfixMap{"relay_domains", "relay-domains", "tcp:127.0.0.1:2500"})
	maps.Copy(p.Values, map[string]string{
		"queue_directory": "/queue", "mail_owner": "root", "compatibility_level": "3.6", "mydestination": "mx.host.test, localhost", "virtual_transport": "lmtp:unix:private/dovecot-lmtp",
		"proxy_read_maps": "proxy:socketmap:unix:private/vmapd:aliases", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth", "smtpd_sasl_auth_enable": "yes",
	})
	return p
}

func TestPostfixChecks(t *testing.T) {
	both := func(name, value string) func(*Postfix) {
		return func(p *Postfix) { p.Set[name], p.Values[name] = value, value }
	}
	for _, tc := range []struct {
		name  string
		spoil func(*Postfix)
		want  []string
	}{
		{"well", func(*Postfix) {}, nil},
		{"none", func(p *Postfix) { *p = Postfix{Missing: "postconf is not installed"} }, []string{"postfix-installed info: Postfix"}},
		{"SQL in a service", func(p *Postfix) {
			p.Overrides["submission/inet/smtpd_sender_login_maps"] = "proxy:pgsql:/etc/postfix/sql-sender-login-map.cf"
			p.Set["smtpd_sender_login_maps"] = "pgsql:/x/sql-sender-login-map.cf"
		}, []string{"postfix-sql warning: smtpd_sender_login_maps", "postfix-sql warning: submission/inet/smtpd_sender_login_maps"}},
		{"SQL of somebody's own", both("smtpd_client_restrictions", "check_client_access pgsql:/etc/postfix/bad-clients.cf"), []string{"postfix-sql info: smtpd_client_restrictions"}},
		{"SQL by parameter", both("virtual_alias_maps", "pgsql:/etc/postfix/my-own.cf"), []string{"postfix-sql warning: virtual_alias_maps"}},
		{"probes in place of mailboxes", func(p *Postfix) {
			both("virtual_mailbox_maps", "")(p)
			both("smtpd_recipient_restrictions", p.Set["smtpd_recipient_restrictions"]+", reject_unverified_recipient")(p)
		}, nil},
		{"another socket", both("transport_maps", "socketmap:unix:private/other:transport"), []string{"postfix-map warning: transport_maps"}},
		{"split transports", both("transport_maps", "socketmap:unix:private/vmapd:sql-transport socketmap:unix:private/vmapd:spliteddomains-transport"), nil},
		{"chroot by name", func(p *Postfix) { p.Services["smtp/inet/chroot"] = "y" }, []string{"postfix-chroot error: smtpd_milters", "postfix-chroot error: virtual_alias_domains"}},
		{"chroot by an old default", func(p *Postfix) { p.Values["compatibility_level"] = "0" }, []string{"postfix-chroot error: smtpd_milters", "postfix-chroot error: virtual_alias_domains"}},
		{"proxy refuses", func(p *Postfix) { p.Values["proxy_read_maps"] = "" }, []string{"postfix-proxy error: virtual_alias_maps"}},
		{"delimiter", both("recipient_delimiter", ""), []string{"postfix-delimiter error: recipient_delimiter"}},
		{"transport", func(p *Postfix) { p.Values["virtual_transport"] = "virtual" }, []string{"postfix-transport warning: virtual_transport"}},
		{"milters", func(p *Postfix) { p.Values["smtpd_milters"], p.Values["non_smtpd_milters"] = "", "" }, []string{"postfix-milter warning: smtpd_milters", "postfix-milter info: non_smtpd_milters"}},
		{"milter of a service", func(p *Postfix) {
			p.Values["smtpd_milters"], p.Overrides["submission/inet/smtpd_milters"] = "", "unix:private/milter"
		}, nil},
		{"policy not asked", func(p *Postfix) {
			p.Policies, p.PolicyEntry, p.Limits, p.CountsAtEnd = []string{"unix:private/policy"}, "check_policy_service { unix:private/policy, default_action=DUNNO }", true, true
		}, []string{"postfix-policy warning: smtpd_recipient_restrictions"}},
		{"another policy asked", func(p *Postfix) {
			p.Policies, p.Limits, p.CountsAtEnd = []string{"unix:private/policy"}, true, true
			p.Values["smtpd_recipient_restrictions"] += ", check_policy_service inet:localhost:9999"
		}, []string{"postfix-policy info: smtpd_recipient_restrictions"}},
		{"policy without limits", func(p *Postfix) { p.Policies, p.CountsAtEnd = []string{"unix:private/policy"}, true }, []string{"postfix-policy info: smtpd_recipient_restrictions"}},
		{"policy at RCPT alone", func(p *Postfix) {
			p.Policies, p.Limits, p.CountsAtEnd = []string{"unix:private/policy"}, true, true
			p.Values["smtpd_recipient_restrictions"] += ", check_policy_service { unix:/queue/private/policy, timeout=30s }"
		}, []string{"postfix-policy-end warning: smtpd_end_of_data_restrictions"}},
		{"policy at RCPT alone, which counts there", func(p *Postfix) {
			p.Policies, p.Limits = []string{"unix:private/policy"}, true
			p.Overrides["submission/inet/smtpd_recipient_restrictions"] = "check_policy_service unix:private/policy, permit_sasl_authenticated, reject"
		}, nil},
		{"policy at both", func(p *Postfix) {
			p.Policies, p.Limits, p.CountsAtEnd = []string{"unix:private/policy"}, true, true
			p.Values["smtpd_recipient_restrictions"] += ", check_policy_service unix:private/policy"
			p.Values["smtpd_end_of_data_restrictions"] = "check_policy_service { unix:private/policy, default_action=DUNNO }"
		}, nil},
		{"limits and no policy socket", func(p *Postfix) { p.Limits = true }, []string{"postfix-policy warning: smtpd_recipient_restrictions"}},
		{"SASL", func(p *Postfix) { p.Values["smtpd_sasl_path"] = "private/dovecot-auth" }, []string{"postfix-sasl info: smtpd_sasl_path"}},
		{"no SASL", func(p *Postfix) {
			p.Values["smtpd_sasl_path"], p.Values["smtpd_sasl_auth_enable"] = "smtpd", "no"
		}, nil},
		{"SASL of a service", func(p *Postfix) {
			p.Values["smtpd_sasl_path"], p.Values["smtpd_sasl_auth_enable"], p.Overrides["submission/inet/smtpd_sasl_auth_enable"] = "smtpd", "no", "yes"
		}, []string{"postfix-sasl info: smtpd_sasl_path"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := wired()
			tc.spoil(p)
			want := tc.want
			if p.Missing == "" && p.Set["virtual_alias_maps"] == wired().Set["virtual_alias_maps"] && p.Values["proxy_read_maps"] != "" {
				want = append(want, "postfix-proxy info: virtual_alias_maps") // of wired
			}
			list := visit(t, &Host{Postfix: p}, "postfix")
			got := map[string]bool{}
			for _, b := range brief(list) {
				got[b] = true
			}
			for _, w := range want {
				if !got[w] {
					t.Errorf("%s is not found", w)
				}
				delete(got, w)
			}
			if len(got) > 0 {
				t.Errorf("found besides: %v\n%+v", got, list)
			}
		})
	}
}

// TestPostfixAndData: what is in the database decides what is wrong.
func TestPostfixAndData(t *testing.T) {
	w := newWorld()
	w.domain("both.test")
	w.domain("off.test", off)
	w.domainAlias("alias.test", "both.test")
	p := wired()
	p.Values["mydestination"], p.Values["smtpd_milters"] = "Both.TEST off.test alias.test localhost", ""
	s := w.build()
	finds(t, examine(t, Input{Snapshot: s, Host: &Host{Postfix: p}, Only: []string{"postfix-mydestination", "postfix-milter"}}),
		"postfix-mydestination error: Both.TEST", "postfix-mydestination error: alias.test", "postfix-milter info: smtpd_milters")
	e := s.Edit()
	e.AddDomain(store.Domain{ID: 1, Name: "both.test", Type: store.LocalDomain, Enabled: true, DKIM: store.DKIM{Enabled: true, Selector: "s"}})
	finds(t, examine(t, Input{Snapshot: e.Build(now()), Host: &Host{Postfix: p}, Only: []string{"postfix-milter"}}), "postfix-milter warning: smtpd_milters")
}

func TestPostfixClients(t *testing.T) {
	p := wired()
	for _, tc := range []struct {
		protocol, file string
		want           int
	}{
		{"socketmap", "/any", 1}, {"milter", "/any", 1}, {"auth", "/queue/private/auth", 1}, {"auth", "/run/vmapd/auth", 0}, {"dict", "/any", 0},
	} {
		if got := p.ClientsOf(tc.protocol, tc.file); len(got) != tc.want {
			t.Errorf("%s %s: %v, want %d", tc.protocol, tc.file, got, tc.want)
		}
	}
	var none *Postfix
	if len(none.ClientsOf("socketmap", "/any")) != 0 {
		t.Error("no Postfix connects")
	}
}

func TestListOf(t *testing.T) {
	got := listOf("check_policy_service { unix:private/policy, timeout=30s }, permit_mynetworks,reject ,")
	want := []string{"check_policy_service { unix:private/policy, timeout=30s }", "permit_mynetworks", "reject"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
