package dnschecks

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestSPFCheck(t *testing.T) {
	chain := func(n int) []string { // n includes in a row
		lines := []string{"example.org|v=spf1 include:i1.net -all"}
		for i := 1; i < n; i++ {
			lines = append(lines, fmt.Sprintf("i%d.net|v=spf1 include:i%d.net -all", i, i+1))
		}
		return append(lines, fmt.Sprintf("i%d.net|v=spf1 ip4:192.0.2.0/24 -all", n))
	}
	for _, w := range []struct {
		name    string
		lines   []string
		want    string
		lookups int
		part    string // of a finding
	}{
		{"none", nil, "critical missing", 0, "no SPF record"},
		{"other texts", []string{"example.org|v=spf10", "example.org|hello"}, "critical missing", 0, ""},
		{"two", []string{"example.org|v=spf1 -all", "example.org|v=spf1 mx -all"}, "critical multiple", 0, "2 SPF records"},
		{"syntax", []string{"example.org|v=spf1 ip4:192.0.2.300 -all"}, "critical syntax", 0, "192.0.2.300"},
		{"good", []string{"example.org|v=spf1 ip4:192.0.2.0/24 -all"}, "ok", 0, ""},
		{"by mx", []string{"example.org|v=spf1 mx ~all"}, "ok", 1, ""},
		{"by a", []string{"example.org|v=spf1 a:mail.host.org -all"}, "ok", 1, ""},
		{"by a, wider", []string{"example.org|v=spf1 a:near.host.org/24 -all", "near.host.org. 60 IN A 192.0.2.200"}, "ok", 1, ""},
		{"by exists", []string{"example.org|v=spf1 exists:%{ir}._spf.%{d} -all", "10.2.0.192._spf.example.org. 60 IN A 127.0.0.1"}, "ok", 1, ""},
		{"by redirect", []string{"example.org|v=spf1 redirect=_spf.net", "_spf.net|v=spf1 ip4:192.0.2.10 -all"}, "ok", 1, ""},
		{"by ptr", []string{"example.org|v=spf1 ptr:host.org -all", "10.2.0.192.in-addr.arpa. 60 IN PTR mail.host.org."}, "warning ptr", 1, ""},
		{"the MX may not send", []string{"example.org|v=spf1 ip4:198.51.100.1 -all"}, "warning mx_fails", 0, "192.0.2.10 gets the answer fail"},
		{"everyone", []string{"example.org|v=spf1 +all"}, "warning all_pass", 0, "+all"},
		{"neutral", []string{"example.org|v=spf1 mx ?all"}, "warning all_neutral", 1, ""},
		{"no all", []string{"example.org|v=spf1 mx"}, "warning no_all", 1, ""},
		{"after all", []string{"example.org|v=spf1 mx -all ip4:192.0.2.1"}, "warning after_all", 1, "ip4:192.0.2.1"},
		{"redirect and all", []string{"example.org|v=spf1 mx -all redirect=x.net"}, "warning redirect_all", 1, ""},
		{"equals", []string{"example.org|v=spf1 ip4=192.0.2.10 -all"}, "critical equals mx_fails", 0, "colon"},
		{"ten", chain(10), "ok", 10, ""},
		{"eleven", chain(11), "critical lookups", 11, "needs 11 look-ups"},
		{"includes itself", []string{"example.org|v=spf1 include:a.net -all", "a.net|v=spf1 include:example.org -all"}, "critical include", 2, "includes itself: example.org -> a.net -> example.org"},
		{"includes nothing", []string{"example.org|v=spf1 include:a.net -all"}, "critical include", 1, "a.net has 0 SPF records"},
		{"includes a fault", []string{"example.org|v=spf1 include:a.net -all", "a.net|v=spf1 foo"}, "critical include", 1, "the record of a.net"},
		{"voids", []string{"example.org|v=spf1 ip4:192.0.2.10 a:x.net a:y.net mx:z.net -all"}, "warning void_lookups", 3, "3 look-ups find nothing"},
		{"two voids", []string{"example.org|v=spf1 ip4:192.0.2.10 a:x.net mx:z.net -all"}, "ok", 2, ""},
		{"an include of a macro", []string{"example.org|v=spf1 ip4:192.0.2.10 include:%{i}.x.net -all"}, "ok", 1, ""},
	} {
		t.Run(w.name, func(t *testing.T) {
			res, report := newWorld(t, append(w.lines, "example.org. 600 IN MX 10 mail.host.org.", here)...).check(t, only(SPF))
			sound(t, report)
			if got := said(res); got != w.want || res.Lookups != w.lookups {
				t.Errorf("got %s with %d look-ups, want %s with %d\n%+v", got, res.Lookups, w.want, w.lookups, res.Findings)
			}
			if w.part != "" && !strings.Contains(fmt.Sprint(res.Findings), w.part) {
				t.Errorf("nothing says %q: %+v", w.part, res.Findings)
			}
			if res.Is("missing") && (res.Record == nil || res.Record.Zone != `example.org. IN TXT "v=spf1 mx -all"`) {
				t.Errorf("to publish: %+v", res.Record)
			}
		})
	}
}

// TestSPFEndless: records that lead on and on are followed for a while.
func TestSPFEndless(t *testing.T) {
	w := newWorld(t)
	for i := range 100 {
		w.publish(t, fmt.Sprintf("i%d.net|v=spf1 include:i%d.net include:i%d.net -all", i, i+1, i+2))
	}
	w.publish(t, "example.org|v=spf1 include:i0.net -all")
	if res, _ := w.check(t, only(SPF)); !res.Is("lookups") || w.zone.Asked.Load() > 200 {
		t.Errorf("%s after %d questions", said(res), w.zone.Asked.Load())
	}
}

// TestSPFSenders: the addresses from which mail leaves must pass.
func TestSPFSenders(t *testing.T) {
	for all, want := range map[string]string{"-all": "critical sender_fails", "~all": "critical sender_fails", "?all": "warning all_neutral sender_fails", "ip6:2001:db8::/32 -all": "ok"} {
		s := only(SPF)
		s.Senders = []netip.Addr{netip.MustParseAddr("2001:db8::25"), netip.MustParseAddr("192.0.2.1")}
		res, _ := newWorld(t, "example.org|v=spf1 ip4:192.0.2.1 "+all).check(t, s)
		if got := said(res); got != want {
			t.Errorf("%s: %s, want %s", all, got, want)
		}
		if res.Is("sender_fails") && !strings.Contains(fmt.Sprint(res.Findings), "add ip6:2001:db8::25") {
			t.Errorf("%+v", res.Findings)
		}
	}
}

// TestSPFUnknown: what is included cannot be asked for.
func TestSPFUnknown(t *testing.T) {
	w := newWorld(t, "example.org|v=spf1 include:a.net mx -all", "example.org. 60 IN MX 10 mail.host.org.", here)
	w.zone.Refuse("a.net", dns.RcodeServerFailure)
	if res, _ := w.check(t, only(SPF)); res.State != Unknown || res.Error == "" {
		t.Errorf("an include: %s", said(res))
	}
	w.zone.Refuse("example.org", dns.RcodeServerFailure)
	if res, _ := w.check(t, only(SPF)); said(res) != "unknown no_answer" {
		t.Errorf("the record: %s", said(res))
	}
}
