package dnschecks

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestReversed(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.99": "99.2.0.192", "::ffff:192.0.2.99": "99.2.0.192",
		"2001:db8:1:2:3:4:567:89ab": "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2",
	} {
		if got := Reversed(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
	if got := nibbles(2); got != "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." {
		t.Errorf("::ffff:7f00:2 is %s", got)
	}
}

// list are the records of a list that works.
func list(name string, six bool) []string {
	lines := []string{"2.0.0.127." + name + ". 60 IN A 127.0.0.2"}
	if six {
		lines = append(lines, nibbles(2)+name+". 60 IN A 127.0.0.2")
	}
	return lines
}

func TestDNSBL(t *testing.T) {
	const four, six = "1.100.51.198", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.1.0.0.a.2"
	mx := []string{"example.org. 600 IN MX 10 mx.other.net.", "mx.other.net. 300 IN A 198.51.100.1", "mx.other.net. 300 IN AAAA 2a00:1470::1"}
	for _, w := range []struct {
		name   string
		lines  []string
		refuse map[string]int
		want   string
		each   string // answers for the two addresses
	}{
		{"clean", list("bl.net", true), nil, "ok", "ok ok"},
		{"listed", append(list("bl.net", true), four+".bl.net. 60 IN A 127.0.0.2", four+".bl.net|an open relay"), nil, "critical listed", "critical=127.0.0.2 ok"},
		{"listed by its nibbles", append(list("bl.net", true), six+".bl.net. 60 IN A 127.0.0.9"), nil, "critical listed", "ok critical=127.0.0.9"},
		{"beyond 15", append(list("bl.net", true), four+".bl.net. 60 IN A 127.0.0.77"), nil, "critical listed", "critical=127.0.0.77 ok"},
		{"no IPv6", list("bl.net", false), nil, "ok", "ok off"},
		{"dead", nil, nil, "unknown no_answer no_answer", "unknown unknown"},
		{"lists all", append(list("bl.net", true), "1.0.0.127.bl.net. 60 IN A 127.0.0.2", nibbles(1)+"bl.net. 60 IN A 127.0.0.2"), nil, "unknown no_answer no_answer", "unknown unknown"},
		{"another owner", append(list("bl.net", true), four+".bl.net. 60 IN A 203.0.113.5"), nil, "unknown no_answer", "unknown=203.0.113.5 ok"},
		{"hijacked", []string{"2.0.0.127.bl.net. 60 IN A 203.0.113.5", nibbles(2) + "bl.net. 60 IN A 203.0.113.5"}, nil, "unknown no_answer no_answer", "unknown unknown"},
		{"public resolver", []string{"2.0.0.127.bl.net. 60 IN A 127.255.255.254", nibbles(2) + "bl.net. 60 IN A 127.255.255.254"}, nil, "unknown no_answer no_answer", "unknown unknown"},
		{"too many", append(list("bl.net", true), four+".bl.net. 60 IN A 127.255.255.255"), nil, "unknown no_answer", "unknown=127.255.255.255 ok"},
		{"misspelled", append(list("bl.net", true), four+".bl.net. 60 IN A 127.255.255.252"), nil, "unknown no_answer", "unknown=127.255.255.252 ok"},
		{"other error", append(list("bl.net", true), four+".bl.net. 60 IN A 127.255.255.250"), nil, "unknown no_answer", "unknown=127.255.255.250 ok"},
		{"127.0.0.1", append(list("bl.net", true), four+".bl.net. 60 IN A 127.0.0.1"), nil, "unknown no_answer", "unknown=127.0.0.1 ok"},
		{"servfail", list("bl.net", true), map[string]int{four + ".bl.net": dns.RcodeServerFailure}, "unknown no_answer", "unknown ok"},
		{"refused", list("bl.net", true), map[string]int{"*.bl.net": dns.RcodeRefused}, "unknown no_answer no_answer", "unknown unknown"},
		{"listed in spite of an error", append(list("bl.net", true), six+".bl.net. 60 IN A 127.0.0.9"), map[string]int{four + ".bl.net": dns.RcodeServerFailure}, "critical listed no_answer", "unknown critical=127.0.0.9"},
	} {
		t.Run(w.name, func(t *testing.T) {
			world := newWorld(t, append(mx, w.lines...)...)
			for name, rcode := range w.refuse {
				world.zone.Refuse(name, rcode)
			}
			s := only(DNSBL)
			s.Zones = []string{"bl.net"}
			res, report := world.check(t, s)
			sound(t, report)
			if got := said(res); got != w.want {
				t.Errorf("got %s, want %s\n%+v", got, w.want, res.Findings)
			}
			var each []string
			for _, l := range report.Listings {
				text := string(l.State)
				if l.Answer != "" {
					text += "=" + l.Answer
				}
				if (l.State == Unknown) && l.Text == "" {
					t.Errorf("nothing says why %s is unknown", l.Address)
				}
				each = append(each, text)
			}
			if got := strings.Join(each, " "); got != w.each {
				t.Errorf("got %s, want %s", got, w.each)
			}
			if w.name == "listed" && report.Listings[0].Text != "an open relay" {
				t.Errorf("why: %q", report.Listings[0].Text)
			}
		})
	}
}

// TestDNSBLNothing: without a public address there is nothing to ask, and
// without an answer about MX nothing can be said.
func TestDNSBLNothing(t *testing.T) {
	s := only(DNSBL)
	s.Zones = []string{"bl.net"}
	w := newWorld(t, "example.org. 600 IN MX 10 in.host.org.", "in.host.org. 60 IN A 10.0.0.1")
	if res, report := w.check(t, s); said(res) != "off nothing_to_ask" || report.Result(MX).State != Off {
		t.Errorf("private: %s", said(res))
	}
	w.zone.Refuse("example.org", dns.RcodeServerFailure)
	if res, _ := w.check(t, s); res.State != Unknown {
		t.Errorf("MX is not known: %s", said(res))
	}
}

// TestDNSBLRemembers: many domains have the same address, and lists count
// questions.
func TestDNSBLRemembers(t *testing.T) {
	w := newWorld(t, list("bl.net", true)...)
	s := only(DNSBL)
	s.Zones = []string{"bl.net"}
	for i := range 20 {
		w.publish(t, fmt.Sprintf("d%d.org. 600 IN MX 10 mx.other.net.", i))
	}
	w.publish(t, "mx.other.net. 3600 IN A 198.51.100.1")
	var asked int64
	for i := range 20 {
		report := w.checker.Check(t.Context(), Domain{Name: fmt.Sprintf("d%d.org", i)}, s, false)
		if report.State != OK {
			t.Fatalf("%+v", report)
		}
		if i == 0 {
			asked = w.zone.Asked.Load()
		}
	}
	// Each further domain costs its MX, and the absence of AAAA, which is not
	// remembered without an SOA.
	if n := w.zone.Asked.Load() - asked; n > 2*19 {
		t.Errorf("%d questions about 19 further domains", n)
	}
	w.publish(t, "1.100.51.198.bl.net. 60 IN A 127.0.0.2")
	w.now = w.now.Add(listsFor + time.Second)
	if report := w.checker.Check(t.Context(), Domain{Name: "d1.org"}, s, false); report.State != Critical {
		t.Errorf("listed later: %+v", report)
	}
}
