package record

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDMARC(t *testing.T) {
	for _, w := range []struct {
		text string
		want DMARC
	}{
		{"v=DMARC1; p=none", DMARC{Policy: "none", DKIM: "r", SPF: "r", Percent: 100, Interval: 86400, Failure: []string{"0"}}},
		{"v = DMARC1 ;p=Reject;sp=quarantine; adkim=s; aspf=s; pct=50; ri=3600; fo=1:d:s; rf=afrf; np=reject;", DMARC{
			Policy: "reject", Subdomain: "quarantine", DKIM: "s", SPF: "s", Percent: 50, Interval: 3600, Failure: []string{"1", "d", "s"}, Unknown: []string{"np"},
		}},
		{"v=DMARC1; p=none; rua=mailto:a@example.org!10m, mailto:b%40x@Example.NET; ruf=https://report.example/x", DMARC{
			Policy: "none", DKIM: "r", SPF: "r", Percent: 100, Interval: 86400, Failure: []string{"0"},
			Aggregate: []URI{{"mailto", "a@example.org", "example.org", 10 << 20}, {"mailto", "b@x@Example.NET", "example.net", 0}},
			Forensic:  []URI{{"https", "https://report.example/x", "report.example", 0}},
		}},
	} {
		got, err := ParseDMARC(w.text)
		if err != nil {
			t.Errorf("%s: %v", w.text, err)
			continue
		}
		if diff := cmp.Diff(w.want, *got); diff != "" {
			t.Errorf("%s: %s", w.text, diff)
		}
		if !IsDMARC(w.text) {
			t.Errorf("%s: is none", w.text)
		}
	}
	faults(t, func(s string) error { _, err := ParseDMARC(s); return err }, [][2]string{
		{"", "empty tag"},
		{"p=none", "must begin with v=DMARC1"},
		{"p=none; v=DMARC1", "must begin with"},
		{"v=DMARC1", "no tag p="},
		{"v=dmarc1; p=none", "must begin"},
		{"v=DMARC1; rua=mailto:a@b.example; p=none", "right after"},
		{"v=DMARC1; p=", "none of none"},
		{"v=DMARC1; p=block", "none of none"},
		{"v=DMARC1;; p=none", "empty tag"},
		{"v=DMARC1; p=none; p=reject", "twice"},
		{"v=DMARC1; p=none; pct=101", "from 0 to 100"},
		{"v=DMARC1; p=none; pct=-1", "from 0 to 100"},
		{"v=DMARC1; p=none; fo=2", "none of 0"},
		{"v=DMARC1; p=none; rua=a@example.org", "is not a URI"},
		{"v=DMARC1; p=none; rua=mailto:example.org", "no mail address"},
		{"v=DMARC1; p=none; rua=ftp://example.org", "is none of"},
		{"v=DMARC1; p=none; rua=mailto:a@example.org!10x", "is not a size"},
		{"v=DMARC1; p=none; rua=", "is not a URI"},
		{"v=DMARC1 p=none", "must begin"},
		{"v=DMARC1; p none", "is not tag=value"},
		{"v=DMARC1; p=none; \x1b=1", "is not the name of a tag"},
	})
}

func faults(t *testing.T, parse func(string) error, all [][2]string) {
	t.Helper()
	for _, w := range all {
		err := parse(w[0])
		if err == nil || !strings.Contains(err.Error(), w[1]) {
			t.Errorf("%q: %v, want %q", w[0], err, w[1])
			continue
		}
		printable(t, err)
	}
}

func TestTLSRPT(t *testing.T) {
	got, err := ParseTLSRPT("v=TLSRPTv1;rua=mailto:tls@example.org,https://tls.example.net/report; x=y;")
	want := &TLSRPT{[]URI{{"mailto", "tls@example.org", "example.org", 0}, {"https", "https://tls.example.net/report", "tls.example.net", 0}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	faults(t, func(s string) error { _, err := ParseTLSRPT(s); return err }, [][2]string{
		{"v=TLSRPTv1", "no tag rua="},
		{"v=TLSRPTv1; rua=", "is not a URI"},
		{"v=TLSRPTv1; rua=http://example.org", "is none of"},
		{"v=TLSRPT1; rua=mailto:a@b.example", "must begin"},
		{"v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@b.example", "twice"},
		{"v=TLSRPTv1; rua=mailto:a@b.example;mailto:b@b.example", "is not tag=value"},
	})
}

func TestSTS(t *testing.T) {
	if got, err := ParseSTS("v=STSv1; id=20260101T0000;"); err != nil || got.ID != "20260101T0000" {
		t.Error(got, err)
	}
	faults(t, func(s string) error { _, err := ParseSTS(s); return err }, [][2]string{
		{"v=STSv1", "no tag id="}, {"v=STSv1; id=", "1 to 32"}, {"v=STSv1; id=2026-01-01", "letters and digits"}, {"v=STSv1; id=" + strings.Repeat("1", 33), "1 to 32"}, {"id=1; v=STSv1", "must begin"},
	})
}

func TestPolicy(t *testing.T) {
	p, err := ParsePolicy("version: STSv1\r\nmode: enforce\r\nmx: MX.example.org\r\nmx: *.example.net\r\nmax_age: 604800\r\nmode: none\r\nother: x\r\n")
	if diff := cmp.Diff(&Policy{"enforce", []string{"mx.example.org", "*.example.net"}, 604800}, p); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	for host, want := range map[string]bool{"mx.example.org": true, "MX.Example.Org.": true, "a.example.net": true, "example.net": false, "a.b.example.net": false, "xexample.net": false, "mx2.example.org": false} {
		if p.Covers(host) != want {
			t.Errorf("%s: want %v", host, want)
		}
	}
	if p, err := ParsePolicy("version:STSv1\nmode: none\nmax_age: 0"); err != nil || p.Mode != "none" {
		t.Error(p, err)
	}
	faults(t, func(s string) error { _, err := ParsePolicy(s); return err }, [][2]string{
		{"", "is not key: value"},
		{"mode: none\nversion: STSv1\nmax_age: 1", "first line"},
		{"version: STSv2\n", "first line"},
		{"version: STSv1\nmax_age: 1", "no line mode"},
		{"version: STSv1\nmode: none", "no line max_age"},
		{"version: STSv1\nmode: testing\nmax_age: 1", "no line mx"},
		{"version: STSv1\nmode: on", "is none of"},
		{"version: STSv1\nmode: none\nmax_age: 31557601", "from 0 to"},
		{"version: STSv1\nmx: *", "is not a host"},
		{"version: STSv1\nmx: a.*.example", "is not a host"},
		{"version: STSv1\n\nmode: none", "is not key: value"},
		{"<html>", "is not key: value"},
		{strings.Repeat("x", MaxPolicySize+1), "more than"},
	})
}

func FuzzDMARC(f *testing.F) {
	f.Add("v=DMARC1; p=reject; sp=none; adkim=s; aspf=r; pct=7; ri=1; fo=0:1:d:s; rua=mailto:a@b.example!10m,https://c.example/; ruf=mailto:x%40y@z.example")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDMARC(text)
		switch {
		case err != nil:
			printable(t, err)
		case !IsDMARC(text):
			t.Errorf("%q can be read but is none", text)
		case d.Policy == "" || d.Percent < 0 || d.Percent > 100:
			t.Errorf("%q: %+v", text, d)
		default:
			checkURIs(t, append(d.Aggregate, d.Forensic...))
		}
	})
}

func FuzzTLSRPT(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=mailto:a@b.example,https://c.example/x")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseTLSRPT(text)
		switch {
		case err != nil:
			printable(t, err)
		case !IsTLSRPT(text) || len(r.Reports) == 0:
			t.Errorf("%q: %+v", text, r)
		default:
			checkURIs(t, r.Reports)
		}
	})
}

func checkURIs(t *testing.T, all []URI) {
	for _, u := range all {
		if !hostName(u.Domain) || u.Domain != strings.ToLower(u.Domain) || u.Limit < 0 {
			t.Errorf("%+v", u)
		}
	}
}

func FuzzSTS(f *testing.F) {
	f.Add("v=STSv1; id=1", "version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmx: *.example.net\r\nmax_age: 1\r\n", "mx.example.org")
	f.Fuzz(func(t *testing.T, text, policy, host string) {
		if s, err := ParseSTS(text); err != nil {
			printable(t, err)
		} else if s.ID == "" || !IsSTS(text) {
			t.Errorf("%q: %+v", text, s)
		}
		p, err := ParsePolicy(policy)
		if err != nil {
			printable(t, err)
			return
		}
		if p.Mode != "none" && len(p.MX) == 0 || p.MaxAge < 0 || p.MaxAge > maxPolicyAge {
			t.Errorf("%q: %+v", policy, p)
		}
		if p.Covers(host) && len(p.MX) == 0 {
			t.Errorf("%q covers %q", policy, host)
		}
	})
}
