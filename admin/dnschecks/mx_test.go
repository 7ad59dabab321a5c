package dnschecks

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/internal/resolve/dnstest"
)

const here = "mail.host.org. 300 IN A 192.0.2.10"

func TestMX(t *testing.T) {
	own := prefixes("192.0.2.0/24", "2001:db8::/32")
	for _, w := range []struct {
		name  string
		lines []string
		own   bool
		want  string // state and codes
		hosts string
	}{
		{"one", []string{"example.org. 600 IN MX 10 mail.host.org.", here}, true, "ok", "10 mail.host.org 192.0.2.10 managed"},
		{
			"both families",
			[]string{"example.org. 600 IN MX 10 mail.host.org.", here, "mail.host.org. 300 IN AAAA 2001:db8::10"},
			true, "ok",
			"10 mail.host.org 192.0.2.10 managed; 10 mail.host.org 2001:db8::10 managed",
		},
		{
			"by preference",
			[]string{"example.org. 600 IN MX 20 b.host.org.", "example.org. 600 IN MX 10 a.host.org.", "a.host.org. 60 IN A 198.51.100.1", "b.host.org. 60 IN A 192.0.2.2"},
			true, "ok",
			"10 a.host.org 198.51.100.1; 20 b.host.org 192.0.2.2 managed",
		},
		{"elsewhere", []string{"example.org. 600 IN MX 10 mx.other.net.", "mx.other.net. 300 IN A 198.51.100.1"}, true, "critical invalid_mx", "10 mx.other.net 198.51.100.1"},
		{"anywhere", []string{"example.org. 600 IN MX 10 mx.other.net.", "mx.other.net. 300 IN A 198.51.100.1"}, false, "ok", "10 mx.other.net 198.51.100.1"},
		{"none", []string{"example.org. 600 IN TXT x"}, false, "critical no_mx", ""},
		{"none, with an address", []string{"example.org. 600 IN A 192.0.2.1"}, false, "critical no_mx", ""},
		{"no such domain", nil, false, "critical no_mx", ""},
		{"null", []string{"example.org. 600 IN MX 0 ."}, false, "critical no_mx", ""},
		{"null and another", []string{"example.org. 600 IN MX 0 .", "example.org. 600 IN MX 10 mail.host.org.", here}, false, "critical no_mx", ""},
		{"an address", []string{"example.org. 600 IN MX 10 192.0.2.10."}, false, "critical mx_address no_mx", ""},
		{"an address and a host", []string{"example.org. 600 IN MX 10 192.0.2.10.", "example.org. 600 IN MX 20 mail.host.org.", here}, true, "critical mx_address", "20 mail.host.org 192.0.2.10 managed"},
		{"a CNAME", []string{"example.org. 600 IN MX 10 alias.host.org.", "alias.host.org. 60 IN CNAME mail.host.org.", here}, true, "warning mx_cname", "10 alias.host.org 192.0.2.10 managed"},
		{"a CNAME to nothing", []string{"example.org. 600 IN MX 10 alias.host.org.", "alias.host.org. 60 IN CNAME gone.host.org."}, true, "critical no_mx mx_unresolvable", ""},
		{"a loop", []string{"example.org. 600 IN MX 10 x.host.org.", "x.host.org. 60 IN CNAME y.host.org.", "y.host.org. 60 IN CNAME x.host.org."}, true, "critical no_mx mx_unresolvable mx_cname", ""},
		{"one of two has no address", []string{"example.org. 600 IN MX 10 gone.host.org.", "example.org. 600 IN MX 20 mail.host.org.", here}, true, "warning mx_unresolvable", "20 mail.host.org 192.0.2.10 managed"},
		{"a private address", []string{"example.org. 600 IN MX 10 in.host.org.", "in.host.org. 60 IN A 10.0.0.1"}, false, "warning mx_private", "10 in.host.org 10.0.0.1"},
		{"a name that cannot be", []string{`example.org. 600 IN MX 10 a\032b.host.org.`}, false, "critical no_mx mx_unresolvable", ""},
	} {
		t.Run(w.name, func(t *testing.T) {
			s := only(MX)
			if w.own {
				s.Own = own
			}
			res, report := newWorld(t, w.lines...).check(t, s)
			sound(t, report)
			got := said(res)
			if w.name == "a CNAME to nothing" {
				got = strings.TrimSuffix(got, " mx_cname")
			}
			if got != w.want {
				t.Errorf("got %s, want %s\n%+v", got, w.want, res.Findings)
			}
			if h := showHosts(report); h != w.hosts {
				t.Errorf("hosts %q, want %q", h, w.hosts)
			}
			if res.Is(CodeNoMX) && w.name != "no such domain" && (res.Record == nil || res.Record.Line != "example.org MX 10 mail.host.org.") && !strings.Contains(w.want, "null") && w.name != "null and another" {
				t.Errorf("to publish: %+v", res.Record)
			}
		})
	}
}

func showHosts(r *Report) string {
	var all []string
	for _, h := range r.Hosts {
		s := fmt.Sprintf("%d %s %s", h.Preference, h.Name, h.Address)
		if h.Managed {
			s += " managed"
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

// TestMXUnknown: what cannot be asked is neither right nor wrong.
func TestMXUnknown(t *testing.T) {
	for name, rcode := range map[string]int{"servfail": dns.RcodeServerFailure, "refused": dns.RcodeRefused} {
		w := newWorld(t, "example.org. 600 IN MX 10 mail.host.org.", "example.org. 600 IN MX 20 mx.other.net.", here, "mx.other.net. 60 IN A 198.51.100.1")
		s := only(MX)
		s.Own = prefixes("198.51.100.0/24")
		w.zone.Refuse("example.org", rcode)
		if res, report := w.check(t, s); said(res) != "unknown no_answer" || diff(report.Vague, "*") != "" {
			t.Errorf("%s: %s %v", name, said(res), report.Vague)
		}
		w.zone.Remove("example.org")
		w.publish(t, "example.org. 600 IN MX 10 mail.host.org.", "example.org. 600 IN MX 20 mx.other.net.")
		w.zone.Refuse("mx.other.net", rcode)
		if res, report := w.check(t, s); res.State != Unknown || res.Is(CodeInvalidMX) || diff(report.Vague, "mx.other.net") != "" || len(report.Hosts) != 1 {
			t.Errorf("%s: one host: %s %v", name, said(res), report.Vague)
		}
	}
}

func diff(got []string, want ...string) string { return cmp.Diff(want, got) }

// TestSilence: a report comes whatever becomes of DNS, and says so.
func TestSilence(t *testing.T) {
	c := New(Options{DNS: impatient(t, dnstest.Serve(t, dnstest.Silent()))})
	s := only(Kinds()...)
	s.Zones = []string{"list.other.net"}
	report := c.Check(t.Context(), Domain{ID: 1, Name: "example.org", Keys: []Key{key}}, s, false)
	sound(t, report)
	for _, r := range report.Results {
		if r.State != Unknown {
			t.Errorf("%s: %s", r.Kind, said(&r))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report := c.Check(ctx, Domain{Name: "example.org"}, s, true); report.State != Unknown {
		t.Errorf("ended: %s", report.State)
	}
}

// TestSkipped: names that DNS does not hold are not asked for.
func TestSkipped(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[string]string{"example.test": "Names below test are reserved", "sub.example.test": "reserved", "x.localhost": "reserved", "test": "reserved", "a b.org": "DNS cannot hold", "exa_mple..org": "DNS cannot hold"} {
		report := w.checker.Check(t.Context(), Domain{Name: name}, only(MX), true)
		if !strings.Contains(report.Skipped, want) || report.State != Off || len(report.Results) != 0 {
			t.Errorf("%s: %+v", name, report)
		}
	}
	if n := w.zone.Asked.Load(); n != 0 {
		t.Errorf("%d questions", n)
	}
	if resolve.Reserved("test.org") || !resolve.Reserved("EXAMPLE.") {
		t.Error("what is reserved")
	}
	report := w.checker.Check(t.Context(), Domain{Name: "Exämple.org"}, only(MX), true)
	if r := report.Result(MX); r == nil || r.Name != "xn--exmple-cua.org" {
		t.Errorf("an IDN: %+v", report)
	}
}

// TestOtherServer: custom_dns_server is who is asked.
func TestOtherServer(t *testing.T) {
	w := newWorld(t)
	other := dnstest.NewZone(t, "example.org. 600 IN MX 10 mail.host.org.", here)
	s := only(MX)
	s.Server = dnstest.Serve(t, other)
	if res, _ := w.check(t, s); said(res) != "ok" {
		t.Errorf("the other server: %s", said(res))
	}
	s.Server = ""
	if res, _ := w.check(t, s); said(res) != "critical no_mx" {
		t.Errorf("without it: %s", said(res))
	}
	s.Server = "nobody"
	if report := w.checker.Check(t.Context(), Domain{Name: "example.org"}, s, true); !strings.Contains(report.Skipped, "custom_dns_server") {
		t.Errorf("a bad server: %+v", report)
	}
}

func TestParseNetworks(t *testing.T) {
	got, wrong := ParseNetworks("192.0.2.1 198.51.100.7/24\r\n2001:db8::1/32;x\n,10.0.0.0/33")
	if cmp.Diff([]string{"192.0.2.1/32", "198.51.100.0/24", "2001:db8::/32"}, texts(got)) != "" || cmp.Diff([]string{"x", "10.0.0.0/33"}, wrong) != "" {
		t.Error(got, wrong)
	}
}

func texts[T fmt.Stringer](all []T) []string {
	var out []string
	for _, v := range all {
		out = append(out, v.String())
	}
	return out
}

func TestShort(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("x", 50), strings.Repeat("x", 51), strings.Repeat("word ", 20)} {
		if got := short(s); len(got) > 50 || len(s) <= 50 && got != s {
			t.Errorf("%q: %q", s, got)
		}
	}
}
