package dnscheck

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/internal/resolve/dnstest"
)

const at = "s1._domainkey.example.com"

// TestResults asks a real server for every kind of record.
func TestResults(t *testing.T) {
	rsaKey, full := rsaPublic(), spki(rsaPublic())
	other := publicOf(2048)
	edB64 := base64.StdEncoding.EncodeToString(edPublic.(ed25519.PublicKey))
	for _, c := range []struct {
		name    string
		key     crypto.PublicKey
		records []string
		code    Code
		works   bool
		detail  string // part of it
		remedy  string // part of it
	}{
		{"as made", rsaKey, []string{record(rsaKey)}, OK, true, "is published", ""},
		{"no v and no k", rsaKey, []string{"p=" + full}, OK, true, "is published", ""},
		{"bare RSAPublicKey", rsaKey, []string{"v=DKIM1; p=" + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(rsaKey.(*rsa.PublicKey)))}, OK, true, "is published", ""},
		{"other tags and order", rsaKey, []string{"v=DKIM1; n=note; s=email; h=sha1:sha256; t=s; p=" + full + "; k=rsa;"}, OK, true, "is published", ""},
		{"unknown tag", rsaKey, []string{"v=DKIM1; zz=1; p=" + full}, OK, true, "is published", ""},
		{"ed25519", edPublic, []string{record(edPublic)}, OK, true, "is published", ""},
		{"4096 bits, three strings", publicOf(4096), []string{record(publicOf(4096))}, OK, true, "is published", ""},

		{"two keys", rsaKey, []string{record(rsaKey), record(other)}, Multiple, false, "2 TXT records, of which 2 are keys", "remove the others"},
		{"key and SPF", rsaKey, []string{record(rsaKey), "v=spf1 -all"}, Multiple, false, "2 TXT records, of which 1 are keys", "remove the others"},

		{"SPF", rsaKey, []string{"v=spf1 -all"}, Syntax, false, "no DKIM record", "vmapd dkim dns"},
		{"no p", rsaKey, []string{"v=DKIM1; k=rsa"}, Syntax, false, "no p= tag", "vmapd dkim dns"},
		{"empty", rsaKey, []string{""}, Syntax, false, "no p= tag", ""},
		{"no tags", rsaKey, []string{full}, Syntax, false, "not tag=value", ""},
		{"not base64", rsaKey, []string{"v=DKIM1; p=@@@@"}, Syntax, false, "not base64", ""},
		{"no key", rsaKey, []string{"v=DKIM1; p=AAAA"}, Syntax, false, "no RSA key", ""},
		{"v second", rsaKey, []string{"k=rsa; v=DKIM1; p=" + full}, Syntax, false, "not the first", ""},
		{"entered twice", rsaKey, []string{record(rsaKey) + "; " + record(rsaKey)}, Syntax, false, "entered twice", ""},
		{"backslashes", rsaKey, []string{`v=DKIM1\; k=rsa\; p=` + full}, Syntax, false, "backslash", "without backslashes"},
		{"PEM", rsaKey, []string{"v=DKIM1; p=-----BEGIN PUBLIC KEY-----" + full + "-----END PUBLIC KEY-----"}, Syntax, false, "PEM", "BEGIN and END"},
		{"error text of Modoboa 1.10", rsaKey, []string{"v=DKIM1; k=rsa; p=unable to load Private Key"}, Syntax, false, "not base64", ""},
		{"ed25519 as SPKI", edPublic, []string{"v=DKIM1; k=ed25519; p=" + spki(edPublic)}, Syntax, false, "RFC 8463", ""},
		{"ed25519 too short", edPublic, []string{"v=DKIM1; k=ed25519; p=AAAA"}, Syntax, false, "3 octets", ""},

		{"revoked", rsaKey, []string{"v=DKIM1; k=rsa; p="}, Revoked, false, "revoked", "publish the key again"},
		{"other algorithm", edPublic, []string{record(rsaKey)}, WrongType, false, `for "rsa", the key that signs is ed25519`, ""},
		{"unknown algorithm", rsaKey, []string{"v=DKIM1; k=x25519; p=AAAA"}, WrongType, false, `"x25519"`, ""},
		{"ed25519 without k", edPublic, []string{"v=DKIM1; p=" + edB64}, WrongType, false, "without k=ed25519", ""},
		{"k=rsa with another key in it", rsaKey, []string{"v=DKIM1; k=rsa; p=" + spki(edPublic)}, WrongType, false, "says k=rsa", ""},
		{"another key", rsaKey, []string{record(other)}, Mismatch, false, "another key is published: " + dkim.Fingerprint(other) + "; the key that signs is " + dkim.Fingerprint(rsaKey), "sign with the key that is published"},
		{"another ed25519 key", edPublic, []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(make([]byte, 32))}, Mismatch, false, "another key", ""},
		{"1024 bits", publicOf(1024), []string{record(publicOf(1024))}, Weak, true, "1024 bits", "2048"},
		{"768 bits", publicOf(768), []string{record(publicOf(768))}, Weak, false, "768 bits", "2048"},
		{"testing", rsaKey, []string{"v=DKIM1; t=s:y; p=" + full}, Testing, true, "t=y", "remove t=y"},
		{"sha1 only", rsaKey, []string{"v=DKIM1; h=sha1; p=" + full}, HashExcluded, false, "h=sha1", "h="},
		{"not for mail", rsaKey, []string{"v=DKIM1; s=tlsrpt; p=" + full}, ServiceExcluded, false, "s=tlsrpt", "s="},

		{"quotes inside", rsaKey, []string{`v=DKIM1; k=rsa; p=` + full[:200] + `" "` + full[200:]}, SplitError, false, "quotes inside", "without quotes"},
		{"quotes around", rsaKey, []string{`"` + record(rsaKey) + `"`}, SplitError, false, "quotes inside", "without quotes"},
		{"blank inside", rsaKey, []string{"v=DKIM1; k=rsa; p=" + full[:200] + " " + full[200:]}, SplitError, true, "blanks inside p=", "without quotes"},
		{"cut at 255", rsaKey, []string{record(rsaKey)[:255]}, SplitError, false, "cut off after 255 octets", "255"},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := dnstest.NewZone(t)
			for _, r := range c.records {
				z.TXT(at, r)
			}
			r := newChecker(t, dnstest.Serve(t, z)).Check(t.Context(), "example.com", "s1", c.key)
			if r.Code != c.code || r.Works != c.works || !strings.Contains(r.Detail, c.detail) || !strings.Contains(r.Remedy, c.remedy) {
				t.Errorf("got %s works=%v %q remedy %q,\nwant %s works=%v %q remedy %q", r.Code, r.Works, r.Detail, r.Remedy, c.code, c.works, c.detail, c.remedy)
			}
			if r.Name != at || r.Domain != "example.com" || r.Selector != "s1" || r.TTL != 600 || r.Checked.IsZero() {
				t.Errorf("incomplete: %+v", r)
			}
			if len(c.records) == 1 && r.Record != c.records[0] {
				t.Errorf("record %q, want %q", r.Record, c.records[0])
			}
			if (r.Code == OK) != (r.Remedy == "") {
				t.Errorf("%s with remedy %q", r.Code, r.Remedy)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	z := dnstest.NewZone(t,
		"soa. 900 IN SOA ns.example.com. h.example.com. 1 2 3 4 300",
		"s2._domainkey.example.com. 60 IN A 192.0.2.1",
		"s3._domainkey.example.com. 60 IN CNAME k.provider.example.",
		"s4._domainkey.example.com. 60 IN CNAME k2.provider.example.", "k2.provider.example. 60 IN CNAME k3.provider.example.",
		"s5._domainkey.example.com. 60 IN CNAME loop.example.com.", "loop.example.com. 60 IN CNAME s5._domainkey.example.com.",
		"s6._domainkey.example.com. 60 IN CNAME s6._domainkey.example.com.",
	)
	z.TXT("k3.provider.example", record(rsaPublic()))
	z.TXT("s7._domainkey.example.com.example.com", record(rsaPublic()))
	c := newChecker(t, dnstest.Serve(t, z))
	for _, w := range []struct {
		selector       string
		code           Code
		detail, remedy string
		cname          string
	}{
		{"s1", NXDomain, "does not exist", "vmapd dkim dns", ""},
		{"s2", NoData, "has no TXT record", "vmapd dkim dns", ""},
		{"s3", NXDomain, "the name k.provider.example, to which a CNAME leads, does not exist", "", "k.provider.example"},
		{"s4", OK, "is published", "", "k2.provider.example k3.provider.example"},
		{"s5", NoData, "in a circle", "let the CNAME point", "loop.example.com s5._domainkey.example.com"},
		{"s6", NoData, "in a circle", "", "s6._domainkey.example.com"},
		{"s7", NXDomain, "there is a record at s7._domainkey.example.com.example.com", "enter the name as s7._domainkey", ""},
		{"", Syntax, "empty part", "choose a selector", ""},
		{"a b", Syntax, "cannot be published", "choose a selector", ""},
		{"ä", Syntax, "cannot be published", "choose a selector", ""},
		{strings.Repeat("a", 64), Syntax, "64 octets", "", ""},
		{strings.Repeat("a.", 120) + "a", Syntax, "DNS allows 253", "", ""},
	} {
		r := c.Check(t.Context(), "Example.COM.", w.selector, rsaPublic())
		if r.Code != w.code || !strings.Contains(r.Detail, w.detail) || !strings.Contains(r.Remedy, w.remedy) || strings.Join(r.CNAME, " ") != w.cname {
			t.Errorf("%q: got %s %q remedy %q cname %q, want %+v", w.selector, r.Code, r.Detail, r.Remedy, r.CNAME, w)
		}
		if r.Works != (w.code == OK) {
			t.Errorf("%q: works is %v", w.selector, r.Works)
		}
	}
}

// TestQuery looks at what is sent.
func TestQuery(t *testing.T) {
	z := dnstest.NewZone(t)
	z.AD = true
	z.TXT(at, record(rsaPublic()))
	r := newChecker(t, dnstest.Serve(t, z)).Check(t.Context(), "example.com", "s1", rsaPublic())
	if r.Code != OK || !r.AD {
		t.Errorf("got %s, AD %v", r.Code, r.AD)
	}
	q := z.Last.Load()
	opt := q.IsEdns0()
	if !q.RecursionDesired || !q.AuthenticatedData || opt == nil || opt.UDPSize() != 1232 || opt.Do() {
		t.Errorf("the query is\n%v", q)
	}
}

func TestTruncatedGoesToTCP(t *testing.T) {
	z := dnstest.NewZone(t)
	z.TXT(at, record(publicOf(4096)))
	var tcp atomic.Int64
	r := newChecker(t, dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := z.Answer(q)
		if w.RemoteAddr().Network() == "udp" {
			m.Truncated, m.Answer = true, nil
		} else {
			tcp.Add(1)
		}
		w.WriteMsg(m)
	}))).Check(t.Context(), "example.com", "s1", publicOf(4096))
	if r.Code != OK || tcp.Load() != 1 {
		t.Errorf("got %s %q after %d questions by TCP", r.Code, r.Detail, tcp.Load())
	}
}

func TestServerWithoutEDNS(t *testing.T) {
	z := dnstest.NewZone(t)
	z.TXT(at, record(edPublic))
	r := newChecker(t, dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if q.IsEdns0() != nil {
			dnstest.Failing(dns.RcodeFormatError).ServeDNS(w, q)
			return
		}
		z.ServeDNS(w, q)
	}))).Check(t.Context(), "example.com", "s1", edPublic)
	if r.Code != OK {
		t.Errorf("got %s %q", r.Code, r.Detail)
	}
}

// TestForgedAnswers: an answer with another id or to another question is none.
func TestForgedAnswers(t *testing.T) {
	z := dnstest.NewZone(t)
	z.TXT(at, record(rsaPublic()))
	forge := func(change func(*dns.Msg), honest bool) string {
		return dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			bad := z.Answer(q)
			bad.Answer = nil
			change(bad)
			w.WriteMsg(bad)
			if honest {
				z.ServeDNS(w, q)
			}
		}))
	}
	wrongID := func(m *dns.Msg) { m.Id++ }
	if r := newChecker(t, forge(wrongID, true)).Check(t.Context(), "example.com", "s1", rsaPublic()); r.Code != OK {
		t.Errorf("wrong id first: %s %q", r.Code, r.Detail)
	}
	soon := resolve.Options{Try: 50 * time.Millisecond}
	soon.Servers = []string{forge(wrongID, false)}
	if r := withOptions(t, soon).Check(t.Context(), "example.com", "s1", rsaPublic()); r.Code != Temp || !strings.Contains(r.Detail, "no answer in time") {
		t.Errorf("wrong id: %s %q", r.Code, r.Detail)
	}
	for name, change := range map[string]func(*dns.Msg){
		"name":     func(m *dns.Msg) { m.Question[0].Name = "other." },
		"type":     func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA },
		"none":     func(m *dns.Msg) { m.Question = nil },
		"no reply": func(m *dns.Msg) { m.Response = false },
	} {
		r := newChecker(t, forge(change, false)).Check(t.Context(), "example.com", "s1", rsaPublic())
		if r.Code != Temp || !strings.Contains(r.Detail, "another question") {
			t.Errorf("%s: %s %q", name, r.Code, r.Detail)
		}
	}
}

// TestServersTakeTurns: one that is silent, fails or refuses is passed over,
// and is not always the first to be asked.
func TestServersTakeTurns(t *testing.T) {
	z := dnstest.NewZone(t, "soa. 900 IN SOA ns. h. 1 2 3 4 0")
	good := dnstest.Serve(t, z)
	for name, bad := range map[string]dns.Handler{"dnstest.Silent()": dnstest.Silent(), "servfail": dnstest.Failing(dns.RcodeServerFailure), "refused": dnstest.Failing(dns.RcodeRefused)} {
		c := withOptions(t, resolve.Options{Servers: []string{dnstest.Serve(t, bad), good}, Try: time.Second, Timeout: 5 * time.Minute})
		for range 2 {
			if r := c.Check(t.Context(), "example.com", "s1", rsaPublic()); r.Code != NXDomain {
				t.Errorf("%s: %s %q", name, r.Code, r.Detail)
			}
		}
	}
	var first, second atomic.Int64
	counting := func(n *atomic.Int64) string {
		return dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { n.Add(1); z.ServeDNS(w, q) }))
	}
	c := newChecker(t, counting(&first), counting(&second))
	for range 4 {
		c.client.Fresh(t.Context(), at, "TXT")
	}
	if first.Load() != 2 || second.Load() != 2 {
		t.Errorf("asked %d and %d times", first.Load(), second.Load())
	}
}

// TestTwoTries: each server is asked twice, and a look-up ends at its limit.
func TestTwoTries(t *testing.T) {
	var asked atomic.Int64
	h := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		asked.Add(1)
		dnstest.Failing(dns.RcodeServerFailure).ServeDNS(w, q)
	})
	r := newChecker(t, dnstest.Serve(t, h), dnstest.Serve(t, h)).Check(t.Context(), "example.com", "s1", rsaPublic())
	if r.Code != Temp || asked.Load() != 4 || strings.Count(r.Detail, "SERVFAIL") != 2 || r.Last != nil || r.Works {
		t.Errorf("got %+v after %d questions", r, asked.Load())
	}
	c := withOptions(t, resolve.Options{Servers: []string{dnstest.Serve(t, dnstest.Silent()), dnstest.Serve(t, dnstest.Silent())}, Try: 10 * time.Minute, Timeout: 20 * time.Millisecond})
	if r := c.Check(t.Context(), "example.com", "s1", rsaPublic()); r.Code != Temp || !strings.Contains(r.Detail, "no answer in time") {
		t.Errorf("at the limit: %+v", r)
	}
}

// TestCancel: who asks may stop waiting, in an exchange and before it.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := dns.HandlerFunc(func(dns.ResponseWriter, *dns.Msg) { cancel() })
	c := withOptions(t, resolve.Options{Servers: []string{dnstest.Serve(t, h)}, Try: 10 * time.Minute, Timeout: 10 * time.Minute, Concurrency: 1})
	if r := c.Check(ctx, "example.com", "s1", rsaPublic()); r.Code != Temp {
		t.Errorf("got %+v", r)
	}
}

// TestCache: answers are kept for their TTL and no longer than the caps.
func TestCache(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	z := dnstest.NewZone(t,
		"soa. 900 IN SOA ns. h. 1 2 3 4 86400",
		`day._domainkey.example.com. 86400 IN TXT "v=DKIM1; p="`,
		`minute._domainkey.example.com. 60 IN TXT "v=DKIM1; p="`,
		`never._domainkey.example.com. 0 IN TXT "v=DKIM1; p="`,
		"short._domainkey.example.com. 3000 IN CNAME long.example.com.", `long.example.com. 30 IN TXT "v=DKIM1; p="`,
	)
	c := withOptions(t, resolve.Options{Servers: []string{dnstest.Serve(t, z)}, Try: time.Minute, Timeout: time.Minute, Now: func() time.Time { return now }})
	asked := func(selector string) int64 {
		before := z.Asked.Load()
		c.Check(t.Context(), "example.com", selector, rsaPublic())
		return z.Asked.Load() - before
	}
	for _, w := range []struct {
		selector string
		ttl      time.Duration
		asks     int64 // the doubled name is looked for too
	}{
		{"day", time.Hour, 1}, {"minute", time.Minute, 1}, {"short", 30 * time.Second, 1}, {"absent", 5 * time.Minute, 2},
	} {
		if n := asked(w.selector); n != w.asks {
			t.Errorf("%s: %d questions at first", w.selector, n)
		}
		now = now.Add(w.ttl - time.Second)
		if n := asked(w.selector); n != 0 {
			t.Errorf("%s: %d questions within the TTL", w.selector, n)
		}
		now = now.Add(time.Second)
		if n := asked(w.selector); n != w.asks {
			t.Errorf("%s: %d questions after the TTL", w.selector, n)
		}
	}
	for range 2 {
		if n := asked("never"); n != 1 {
			t.Errorf("%d questions for an answer with TTL 0", n)
		}
	}
}

// TestTempKeepsLast: without an answer the last definite one counts, with its
// age, and for the same key alone.
func TestTempKeepsLast(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	z := dnstest.NewZone(t)
	z.TXT(at, record(rsaPublic()))
	var down atomic.Bool
	addr := dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if down.Load() {
			dnstest.Failing(dns.RcodeServerFailure).ServeDNS(w, q)
			return
		}
		z.ServeDNS(w, q)
	}))
	c := withOptions(t, resolve.Options{Servers: []string{addr}, Try: time.Minute, Timeout: time.Minute, Now: func() time.Time { return now }})
	c.Check(t.Context(), "example.com", "s1", rsaPublic())
	down.Store(true)
	now = now.Add(2 * time.Hour)
	r := c.Check(t.Context(), "example.com", "s1", rsaPublic())
	if r.Code != Temp || !r.Works || r.Last == nil || r.Last.Code != OK || r.Last.AgeSeconds != 7200 {
		t.Errorf("got %+v", r)
	}
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), `"last":{"code":"ok","works":true,"checked":"2026-01-02T03:04:05Z","age_seconds":7200}`) {
		t.Errorf("%s %v", text, err)
	}
	if r := c.Check(t.Context(), "example.com", "s1", publicOf(2048)); r.Code != Temp || r.Last != nil || r.Works {
		t.Errorf("another key: %+v", r)
	}
	c.forget(now)
	if r := c.Check(t.Context(), "example.com", "s1", rsaPublic()); r.Last != nil {
		t.Errorf("after forgetting: %+v", r)
	}
}

// TestNothingUnprintable: records of strangers reach terminals and logs.
func TestNothingUnprintable(t *testing.T) {
	z := dnstest.NewZone(t)
	z.Add(&dns.TXT{Hdr: dns.RR_Header{Name: at + ".", Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{`v=\027[31mDKIM1\255\\`, strings.Repeat("x", 255)}})
	r := newChecker(t, dnstest.Serve(t, z)).Check(t.Context(), "example.com", "s1", rsaPublic())
	if !strings.HasPrefix(r.Record, `v=\027[31mDKIM1\255\xxx`) {
		t.Errorf("record %q", r.Record)
	}
	if strings.ContainsFunc(r.Detail+r.Record, func(c rune) bool { return c < ' ' || c > '~' }) {
		t.Errorf("%q %q", r.Detail, r.Record)
	}
}
