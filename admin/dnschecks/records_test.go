package dnschecks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// key is an Ed25519 key; its private half is nobody's.
var key = Key{Selector: "s1", Algorithm: "ed25519", Public: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}

func TestDKIMCheck(t *testing.T) {
	for _, w := range []struct {
		name string
		keys []Key
		text string
		want string
	}{
		{"unsigned", nil, "", "off unsigned"},
		{"published", []Key{key}, "v=DKIM1; k=ed25519; p=" + key.Public, "ok"},
		{"missing", []Key{key}, "", "critical nxdomain"},
		{"testing", []Key{key}, "v=DKIM1; t=y; k=ed25519; p=" + key.Public, "warning testing"},
		{"revoked", []Key{key}, "v=DKIM1; k=ed25519; p=", "critical revoked"},
		{"unreadable", []Key{{Selector: "s1", Algorithm: "rsa", Public: "x"}}, "", "warning key"},
		{"one of two", []Key{key, {Selector: "s2", Algorithm: "ed25519", Public: key.Public}}, "v=DKIM1; k=ed25519; p=" + key.Public, "critical nxdomain"},
	} {
		t.Run(w.name, func(t *testing.T) {
			world := newWorld(t)
			if w.text != "" {
				world.zone.TXT("s1._domainkey.example.org", w.text)
			}
			report := world.checker.Check(t.Context(), Domain{Name: "example.org", Keys: w.keys}, only(DKIM), true)
			sound(t, report)
			res := report.Result(DKIM)
			if got := said(res); got != w.want {
				t.Errorf("got %s, want %s\n%+v", got, w.want, res.Findings)
			}
			if w.name == "missing" && (res.Record == nil || res.Record.Value != "v=DKIM1; k=ed25519; p="+key.Public) {
				t.Errorf("to publish: %+v", res.Record)
			}
		})
	}
}

func TestDMARCCheck(t *testing.T) {
	for _, w := range []struct {
		name   string
		domain string
		lines  []string
		want   string
		part   string
	}{
		{"none", "example.org", nil, "critical missing", "no DMARC record"},
		{"another text", "example.org", []string{"_dmarc.example.org|hello"}, "critical missing", ""},
		{"good", "example.org", []string{"_dmarc.example.org|v=DMARC1; p=reject; rua=mailto:x@sub.example.org"}, "ok", ""},
		{"two", "example.org", []string{"_dmarc.example.org|v=DMARC1; p=reject", "_dmarc.example.org|v=DMARC1; p=none"}, "critical multiple", "2 DMARC records"},
		{"syntax", "example.org", []string{"_dmarc.example.org|v=DMARC1; p=block"}, "critical syntax", "none of none"},
		{"no p", "example.org", []string{"_dmarc.example.org|v=DMARC1; rua=mailto:x@example.org"}, "critical syntax", "no tag p="},
		{"pct=0", "example.org", []string{"_dmarc.example.org|v=DMARC1; p=reject; pct=0"}, "warning pct", ""},
		{"of the organization", "sub.example.org", []string{"_dmarc.example.org|v=DMARC1; p=reject; sp=quarantine"}, "ok inherited", "quarantine comes from _dmarc.example.org"},
		{"of the organization, p", "sub.example.org", []string{"_dmarc.example.org|v=DMARC1; p=reject"}, "ok inherited", "reject comes"},
		{"not of the public suffix", "example.co.uk", []string{"_dmarc.co.uk|v=DMARC1; p=reject"}, "critical missing", ""},
		{"reports elsewhere", "example.org", []string{"_dmarc.example.org|v=DMARC1; p=none; rua=mailto:x@reports.net", "example.org._report._dmarc.reports.net|v=DMARC1"}, "ok", ""},
		{"reports refused", "example.org", []string{"_dmarc.example.org|v=DMARC1; p=none; rua=mailto:x@reports.net,mailto:y@example.org; ruf=mailto:z@more.net"}, "warning report_refused report_refused", "publish \"v=DMARC1\" at example.org._report._dmarc.reports.net"},
		{"reports of a subdomain", "sub.example.org", []string{"_dmarc.example.org|v=DMARC1; p=none; rua=mailto:x@reports.net", "example.org._report._dmarc.reports.net|v=DMARC1;"}, "ok inherited", ""},
	} {
		t.Run(w.name, func(t *testing.T) {
			s := only(DMARC)
			s.DMARCCritical = true
			report := newWorld(t, w.lines...).checker.Check(t.Context(), Domain{Name: w.domain}, s, true)
			sound(t, report)
			res := report.Result(DMARC)
			if got := said(res); got != w.want || !strings.Contains(fmt.Sprint(res.Findings), w.part) {
				t.Errorf("got %s, want %s with %q\n%+v", got, w.want, w.part, res.Findings)
			}
		})
	}
	w := newWorld(t)
	if res, _ := w.check(t, only(DMARC)); said(res) != "warning missing" || res.Record.Name != "_dmarc.example.org" {
		t.Errorf("not critical: %s", said(res))
	}
	w.zone.Refuse("_dmarc.example.org", dns.RcodeServerFailure)
	if res, _ := w.check(t, only(DMARC)); said(res) != "unknown no_answer" {
		t.Errorf("no answer: %s", said(res))
	}
}

func TestClientNames(t *testing.T) {
	for _, w := range []struct {
		name        string
		lines       []string
		config, dis string
	}{
		{"none", nil, "warning missing", "warning missing"},
		{"addresses", []string{"autoconfig.example.org. 60 IN A 192.0.2.1", "autodiscover.example.org. 60 IN AAAA 2001:db8::1"}, "ok", "ok"},
		{"CNAMEs", []string{"autoconfig.example.org. 60 IN CNAME mail.host.org.", "autodiscover.example.org. 60 IN CNAME mail.host.org.", here}, "ok", "ok"},
		{"CNAMEs to nothing", []string{"autoconfig.example.org. 60 IN CNAME gone.host.org.", "autodiscover.example.org. 60 IN CNAME gone.host.org."}, "warning dangling", "warning dangling"},
		{"a service", []string{"_autodiscover._tcp.example.org. 60 IN SRV 0 0 443 mail.host.org."}, "warning missing", "ok"},
		{"no service", []string{"_autodiscover._tcp.example.org. 60 IN SRV 0 0 0 ."}, "warning missing", "warning missing"},
	} {
		res, report := newWorld(t, w.lines...).check(t, only(Autoconfig, Autodiscover))
		sound(t, report)
		if got := said(report.Result(Autoconfig)); got != w.config {
			t.Errorf("%s: autoconfig: %s, want %s", w.name, got, w.config)
		}
		if got := said(res); got != w.dis {
			t.Errorf("%s: autodiscover: %s, want %s", w.name, got, w.dis)
		}
		if res.Is("missing") && res.Record.Zone != "autodiscover.example.org. IN CNAME mail.host.org." {
			t.Errorf("%s: to publish: %+v", w.name, res.Record)
		}
	}
	w := newWorld(t)
	for _, name := range []string{"autoconfig.example.org", "_autodiscover._tcp.example.org"} {
		w.zone.Refuse(name, dns.RcodeServerFailure)
	}
	if res, report := w.check(t, only(Autoconfig, Autodiscover)); said(res) != "unknown no_answer" || report.Result(Autoconfig).State != Unknown {
		t.Errorf("no answer: %+v", report.Results)
	}
}

func TestTLSRPTCheck(t *testing.T) {
	for text, want := range map[string]string{
		"": "off missing", "v=TLSRPTv1; rua=mailto:x@example.org": "ok", "v=TLSRPTv1; rua=x@example.org": "warning syntax", "v=TLSRPTv1; rua=mailto:x@example.org|v=TLSRPTv1; rua=mailto:y@example.org": "warning multiple",
	} {
		w := newWorld(t)
		for one := range strings.SplitSeq(text, "|") {
			if one != "" {
				w.zone.TXT("_smtp._tls.example.org", one)
			}
		}
		res, report := w.check(t, only(TLSRPT))
		sound(t, report)
		if got := said(res); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
