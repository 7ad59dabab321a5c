package record

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestSPF(t *testing.T) {
	for _, w := range []struct{ text, want string }{
		{"v=spf1", ""},
		{"V=SPF1 -ALL", "-all"},
		{"v=spf1  mx   -all ", "+mx/32/128 -all"},
		{"v=spf1 a a:example.org a/24 a//64 a:example.org/24//64 mx/28 mx//0", "+a/32/128 +a:example.org/32/128 +a/24/128 +a/32/64 +a:example.org/24/64 +mx/28/128 +mx/32/0"},
		{"v=spf1 ip4:192.0.2.1 ip4:192.0.2.77/24 ip6:2001:db8::1 ip6:2001:DB8::/32 ~all", "+ip4=192.0.2.1/32 +ip4=192.0.2.0/24 +ip6=2001:db8::1/128 +ip6=2001:db8::/32 ~all"},
		{"v=spf1 include:_spf.example.org ?exists:%{i}._spf.%{d2} -ptr ptr:example.org", "+include:_spf.example.org ?exists:%{i}._spf.%{d2} -ptr +ptr:example.org"},
		{"v=spf1 redirect=_spf.example.org", "redirect=_spf.example.org"},
		{"v=spf1 -all exp=explain.%{d} unknown=%{c}%%", "-all exp=explain.%{d} unknown=unknown"},
		{"v=spf1 ip4=192.0.2.1 -all", "-all unknown=ip4"},
		{"v=spf1 include:example.org.", "+include:example.org."},
		{"v=spf1 exists:%{ir}.sbl.%{d1r+-}", "+exists:%{ir}.sbl.%{d1r+-}"},
	} {
		s, err := ParseSPF(w.text)
		if err != nil {
			t.Errorf("%s: %v", w.text, err)
			continue
		}
		if got := showSPF(s); got != w.want {
			t.Errorf("%s:\ngot  %s\nwant %s", w.text, got, w.want)
		}
	}
}

func showSPF(s *SPF) string {
	var all []string
	for _, t := range s.Terms {
		text := string(t.Qualifier) + t.Kind
		if t.Domain != "" {
			text += ":" + t.Domain
		}
		switch t.Kind {
		case "ip4", "ip6":
			text += "=" + t.Network.String()
		case "a", "mx":
			text += fmt.Sprintf("/%d/%d", t.Bits4, t.Bits6)
		}
		all = append(all, text)
	}
	if s.Redirect != "" {
		all = append(all, "redirect="+s.Redirect)
	}
	if s.Explain != "" {
		all = append(all, "exp="+s.Explain)
	}
	for _, name := range s.Unknown {
		all = append(all, "unknown="+name)
	}
	return strings.Join(all, " ")
}

func TestSPFErrors(t *testing.T) {
	for _, w := range []struct{ text, want string }{
		{"v=spf10 -all", "must begin with"},
		{"v=spf1\t-all", "must begin with"},
		{"spf2.0/pra -all", "must begin with"},
		{"v=spf1 -all\x01", "printable"},
		{"v=spf1 all:example.org", "nothing may follow"},
		{"v=spf1 include", "must follow"},
		{"v=spf1 include:", "is missing"},
		{"v=spf1 include:example", "is not the name of a domain"},
		{"v=spf1 include:example.123", "is not the name of a domain"},
		{"v=spf1 ip4:192.0.2.256", "is not an address of IPv4"},
		{"v=spf1 ip4:2001:db8::1", "is not an address of IPv4"},
		{"v=spf1 ip6:192.0.2.1", "is not an address of IPv6"},
		{"v=spf1 ip4:192.0.2.0/33", "is not a length"},
		{"v=spf1 ip4:192.0.2.0/024", "is not a length"},
		{"v=spf1 ip4:192.0.2.0/", "is not a length"},
		{"v=spf1 ip4", "must follow"},
		{"v=spf1 a:example.org/33", "is not a length"},
		{"v=spf1 a//129", "is not a length"},
		{"v=spf1 a/x", "is not a length"},
		{"v=spf1 a24", "no mechanism"},
		{"v=spf1 mx-all", "no mechanism"},
		{"v=spf1 -", "no mechanism"},
		{"v=spf1 ptr/24", "no length may follow"},
		{"v=spf1 redirect=a.example redirect=b.example", "twice"},
		{"v=spf1 redirect=", "is missing"},
		{"v=spf1 exists:%{i", "no closing brace"},
		{"v=spf1 exists:%{x}.example", "is no macro"},
		{"v=spf1 exists:%{d0}.example", "is no macro"},
		{"v=spf1 exists:%{c}.example", "explanations alone"},
		{"v=spf1 exists:50%.example", "is no macro"},
		{"v=spf1 exists:a.example%", "begins no macro"},
		{"v=spf1 exists:a.example%%", "does not end like"},
		{"v=spf1 exp=%{", "no closing brace"},
		{"v=spf1 foo=%{", "no closing brace"},
		{`v=spf1 "include:example.org"`, "no mechanism"},
	} {
		if s, err := ParseSPF(w.text); err == nil || !strings.Contains(err.Error(), w.want) {
			t.Errorf("%s: %v %v, want %q", w.text, s, err, w.want)
		}
	}
}

func TestExpand(t *testing.T) {
	four := Query{Address: netip.MustParseAddr("192.0.2.3"), Sender: "strong-bad@email.example.com", Helo: "mx.example.org"}
	six := four
	six.Address = netip.MustParseAddr("2001:db8::cb01")
	for _, w := range []struct {
		q          Query
		spec, want string
	}{
		{four, "%{d}", "email.example.com"},
		{four, "%{d4}", "email.example.com"},
		{four, "%{d1}", "com"},
		{four, "%{dr}", "com.example.email"},
		{four, "%{d2r}", "example.email"},
		{four, "%{l}", "strong-bad"},
		{four, "%{l-}", "strong.bad"},
		{four, "%{lr-}", "bad.strong"},
		{four, "%{l1r-}", "strong"},
		{four, "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
		{four, "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
		{four, "%{s}.x.example", "strong-bad@email.example.com.x.example"},
		{four, "%{o}", "email.example.com"},
		{four, "%{h}", "mx.example.org"},
		{four, "%{p}.x.example", "unknown.x.example"},
		{four, "Trusted-Domains.example.net.", "trusted-domains.example.net"},
		{four, "a%%b%_c%-d.example", "a%b c%20d.example"},
		{six, "%{ir}.%{v}._spf.%{d2}", "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"},
		{four, strings.Repeat("x", 60) + "." + strings.Repeat("y", 60) + "." + strings.Repeat("z", 60) + "." + strings.Repeat("a", 60) + ".%{d}", strings.Repeat("y", 60) + "." + strings.Repeat("z", 60) + "." + strings.Repeat("a", 60) + ".email.example.com"},
	} {
		got, err := w.q.Expand(w.spec, "email.example.com")
		if err != nil || got != w.want {
			t.Errorf("%s: %q %v, want %q", w.spec, got, err, w.want)
		}
	}
	if got, err := four.Expand(strings.Repeat("x", 300), "example.com"); err == nil {
		t.Errorf("a label of 300 octets: %q", got)
	}
}

func FuzzSPF(f *testing.F) {
	for _, s := range []string{"v=spf1 a mx:example.org/24//64 ip4:192.0.2.0/24 include:%{d2r-}.example exists:%{i} redirect=x.example -all", "v=spf1 exp=%{c}", "v=spf1 %", "v=spf1 a:%{d}/24"} {
		f.Add(s)
	}
	q := Query{Address: netip.MustParseAddr("2001:db8::1"), Sender: "postmaster@example.com", Helo: "example.com"}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSPF(text)
		if err != nil {
			printable(t, err)
			return
		}
		var again strings.Builder
		again.WriteString("v=spf1")
		for _, term := range s.Terms {
			again.WriteString(" " + term.Text)
			if term.Domain == "" {
				continue
			}
			if name, err := q.Expand(term.Domain, "example.com"); err == nil && len(name) > 253 {
				t.Errorf("%s becomes %d octets", term.Domain, len(name))
			}
		}
		for _, m := range [][2]string{{"redirect", s.Redirect}, {"exp", s.Explain}} {
			if m[1] != "" {
				again.WriteString(" " + m[0] + "=" + m[1])
			}
		}
		for _, name := range s.Unknown {
			again.WriteString(" " + name + "=x")
		}
		if s2, err := ParseSPF(again.String()); err != nil || showSPF(s2) != showSPF(s) {
			t.Errorf("%q becomes %q: %v", text, again.String(), err)
		}
	})
}

// printable fails for an error that shows a terminal what a stranger wrote.
func printable(t *testing.T, err error) {
	t.Helper()
	for _, c := range []byte(err.Error()) {
		if c < ' ' || c > '~' {
			t.Errorf("the error %q holds %q", err, c)
		}
	}
	if len(err.Error()) > 400 {
		t.Errorf("the error has %d octets", len(err.Error()))
	}
}
