package dkim

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

// tea is a message that has a bit of everything.
const tea = "From: Ada <ada@example.org>\nTo: Ben <ben@example.net>\nSubject: tea\n  at \t five\nDate: Mon, 02 Feb 2026 10:00:00 +0100\n" +
	"List-Id: <l.example.org>\nX-Other: x\n\nDear Ben,\r\n\r\nnow.  \r\n\r\n"

// signed returns the signatures of raw by testKeys.
func signed(t *testing.T, raw string, o *Options) []string {
	t.Helper()
	var m Message
	if _, why := parseMail([]byte(raw)).feed(&m, o, func(d string) []*Key { return testKeys(t, d) }, chunk); why != "" {
		t.Fatal(why)
	}
	values, err := m.Sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestRFC6376 has the example of RFC 6376, section 3.4.5.
func TestRFC6376(t *testing.T) {
	raw := []byte("A: X\r\nB : Y\t\r\n\tZ  \r\n")
	second := bytes.IndexByte(raw, 'B')
	for c, want := range map[Canon]string{Relaxed: "a:X\r\nb:Y Z\r\n", Simple: string(raw)} {
		got := appendCanonical(nil, raw[:second], 1, c)
		got = appendCanonical(got, raw[second:], 2, c)
		if string(got) != want {
			t.Errorf("%v header: %q, want %q", c, got, want)
		}
	}
	text := []byte(" C \r\nD \t E\r\n\r\n\r\n")
	for c, want := range map[Canon]string{Relaxed: " C\r\nD E\r\n", Simple: " C \r\nD \t E\r\n"} {
		var b body
		b.reset(c)
		b.write(text)
		if b.sum() != sha256.Sum256([]byte(want)) {
			t.Errorf("%v body: not the hash of %q", c, want)
		}
	}
}

// TestRFC8463 has the example of RFC 8463, appendix A: its key, its message and
// its signature, which Ed25519 makes the same every time.
func TestRFC8463(t *testing.T) {
	const (
		message = "From: Joe SixPack <joe@football.example.com>\nTo: Suzie Q <suzie@shopping.example.net>\nSubject: Is dinner ready?\n" +
			"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\n\n" +
			"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
		signature = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n d=football.example.com; i=@football.example.com;\n" +
			" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n subject : date : message-id : from : subject : date;\n" +
			" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n" +
			" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
	)
	seed, err := base64.StdEncoding.DecodeString("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
	if err != nil {
		t.Fatal(err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	if got, want := PublicBase64(private.Public()), "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="; got != want {
		t.Fatalf("p=%s, want %s", got, want)
	}
	k, err := NewKey("football.example.com", "brisbane", private)
	if err != nil {
		t.Fatal(err)
	}
	wantSigned(t, new(Message), parseMail([]byte(signature+message)), []*Key{k}, true)
	wantSigned(t, new(Message), parseMail([]byte(signature+strings.Replace(message, "lost", "won", 1))), []*Key{k}, false)
	wantSigned(t, new(Message), parseMail([]byte(signature+strings.Replace(message, "Is dinner", "What is", 1))), []*Key{k}, false)
}

func TestTags(t *testing.T) {
	o := &Options{Now: clock, Expire: 8 * 24 * time.Hour, BodyCanon: Simple}
	values := signed(t, tea, o)
	for i, selector := range []string{"e", "r"} {
		for name, want := range map[string]string{
			"v": "1", "c": "relaxed/simple", "d": "example.org", "s": selector, "t": "1780000000", "x": "1780691200",
			"h": "from:from:reply-to:subject:subject:date:date:message-id:to:to:cc:mime-version:content-type:content-transfer-encoding:list-id",
		} {
			if got := tag(values[i], name); got != want {
				t.Errorf("%s=%s, want %s", name, got, want)
			}
		}
	}
	if v := signed(t, tea, &Options{})[0]; tag(v, "x") != "" || tag(v, "t") == "" {
		t.Errorf("t= or x=: %q", v)
	}
}

func TestHeaderChoices(t *testing.T) {
	const replies = "Sender: x\nIn-Reply-To: y\n"
	for _, c := range []struct {
		headers   Headers
		raw, want string
	}{
		{Compat, tea, "from:from:subject:date:to:list-id"},
		{Balanced, replies + tea, "from:from:sender:sender:reply-to:subject:subject:date:date:message-id:to:to:cc:mime-version:" +
			"content-type:content-transfer-encoding:in-reply-to:in-reply-to:list-id"},
		{Strict, "To: z\nResent-To: z\n" + tea, "from:from:sender:reply-to:subject:subject:date:date:message-id:to:to:to:cc:mime-version:" +
			"content-type:content-transfer-encoding:content-id:content-description:in-reply-to:references:resent-to:list-id:autocrypt"},
	} {
		if got := tag(signed(t, c.raw, &Options{Headers: c.headers})[0], "h"); got != c.want {
			t.Errorf("%v: %s, want %s", c.headers, got, c.want)
		}
	}
}

// TestLongNames has names that alone are longer than a line, and h= at its
// longest.
func TestLongNames(t *testing.T) {
	domain := strings.Repeat(strings.Repeat("d", 60)+".", 3) + "example"
	selector := strings.Repeat(strings.Repeat("s", 20)+".", 2) + "s"
	k, err := NewKey(domain, selector, privates()[1])
	if err != nil {
		t.Fatal(err)
	}
	var head strings.Builder
	for n := range maxSigned - 1 {
		head.WriteString(signables[1+n%(len(signables)-1)].name + ": x\n")
	}
	message := parseMail([]byte(head.String() + "From: a@" + domain + "\n\nbody\r\n"))
	var m Message
	if _, why := message.feed(&m, &Options{Headers: Strict}, func(string) []*Key { return []*Key{k} }, chunk); why != "" {
		t.Fatal(why)
	}
	values, err := m.Sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkLayout(t, values[0], len("\td=")+len(domain)+len(";"))
	verify(t, message.bytes(values), records([]*Key{k}), 1)
	if n := strings.Count(tag(values[0], "h"), ":") + 1; n < maxSigned {
		t.Errorf("%d names", n)
	}
}

func TestLeadingSpace(t *testing.T) {
	var with, without Message
	o := &Options{HeaderCanon: Simple, Now: clock}
	for m, leadspc := range map[*Message]bool{&with: true, &without: false} {
		m.Reset(o)
		value := "a@example.org"
		if leadspc {
			value = " " + value
		}
		m.Field("From", value, leadspc)
		m.StartBody(testKeys(t, "example.org"))
	}
	a, errA := with.Sign(t.Context())
	b, errB := without.Sign(t.Context())
	if errA != nil || errB != nil || a[0] != b[0] {
		t.Errorf("%q, %v\n%q, %v", a, errA, b, errB)
	}
}

func TestReasons(t *testing.T) {
	limit := &Options{MaxHeader: 1000}
	for name, c := range map[string]struct {
		header string
		o      *Options
		want   Reason
	}{
		"none":          {"To: a@example.org\n", &Options{}, NoFrom},
		"two":           {"From: a@example.org\nFROM: a@example.org\n", &Options{}, ManyFrom},
		"authors":       {"From: a@example.org, b@example.org\n", &Options{}, ManyAuthors},
		"malformed":     {"From: a\n", &Options{}, Malformed},
		"blank":         {"From : a@example.org\n", &Options{}, ""},
		"long":          {"From: a@example.org\nX-Long: " + strings.Repeat("x", 1000) + "\n", limit, Oversized},
		"long is first": {"To: " + strings.Repeat("x", 1000) + "\n", limit, Oversized},
		"not long":      {"From: a@example.org\nTo: " + strings.Repeat("x", 900) + "\n", limit, ""},
		"many":          {"From: a@example.org\n" + strings.Repeat("To: x\n", maxSigned), &Options{}, Oversized},
		"many others":   {"From: a@example.org\n" + strings.Repeat("X-To: x\n", maxSigned), &Options{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var m Message
			domain, why := parseMail([]byte(c.header)).feed(&m, c.o, func(string) []*Key { return nil }, chunk)
			if why != c.want || (domain == "example.org") != (why == "") {
				t.Errorf("%q, %q, want %q", domain, why, c.want)
			}
			if _, err := m.Sign(t.Context()); (err != nil) != (why != "") {
				t.Errorf("Sign: %v", err)
			}
			if len(m.header.raw) > c.o.maxHeader() {
				t.Errorf("%d octets kept", len(m.header.raw))
			}
		})
	}
}

func TestFacts(t *testing.T) {
	long := strings.Repeat("x", maxLine+1)
	raw := "From: a@example.org\nSubject: " + long + "\n " + long + "\n " + long[:maxLine-1] + "\n\n" +
		long[1:] + "\r\n" + long + "\r\na\rb\xe9\r\n" + long + "\r\n" + long
	var m Message
	message := parseMail([]byte(raw))
	if _, why := message.feed(&m, &Options{}, func(d string) []*Key { return testKeys(t, d) }, 7); why != "" {
		t.Fatal(why)
	}
	if _, err := m.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := Facts{HeaderBytes: strings.Index(raw, "\n\n") + len("\n") + 4, // of each line end, CR
		BodyBytes: int64(len(message.body)), LongLines: 5, EightBit: true, BareCR: 1}
	if got := m.Facts(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestSigned has what a second pass may see.
func TestSigned(t *testing.T) {
	for _, o := range []Options{{}, {HeaderCanon: Simple, BodyCanon: Simple}, {BodyCanon: Simple, Headers: Strict, Expire: time.Hour}} {
		o.Now = clock
		keys := testKeys(t, "example.org")
		first := parseMail(parseMail([]byte(tea)).bytes(signed(t, tea, &o)))
		change := func(f func(m *mail)) mail {
			m := parseMail(first.bytes(nil))
			f(&m)
			return m
		}
		for name, c := range map[string]struct {
			message mail
			want    bool
		}{
			"unchanged":   {first, true},
			"trace above": {change(func(m *mail) { m.fields = append([][2]string{{"Received", " x"}, {"X-Spam", " no"}}, m.fields...) }), true},
			"subject":     {change(func(m *mail) { m.fields[4][1] = " [SPAM] tea" }), false},
			"body":        {change(func(m *mail) { m.body = append(m.body, "-- \r\nchecked\r\n"...) }), false},
			"reply-to":    {change(func(m *mail) { m.fields = append(m.fields, [2]string{"Reply-To", " x"}) }), false},
			"no b=": {change(func(m *mail) {
				for i := range 2 {
					m.fields[i][1] = m.fields[i][1][:strings.Index(m.fields[i][1], "b=")]
				}
			}), false},
		} {
			if name == "reply-to" && o.Headers == Compat {
				continue
			}
			t.Run(name, func(t *testing.T) { wantSigned(t, new(Message), c.message, keys, c.want) })
		}
		var m Message
		other := testKeys(t, "example.net")
		first.feed(&m, &o, func(string) []*Key { return other }, chunk)
		if m.Signed("example.net", "r") || m.Signed("example.org", "r") {
			t.Error("signed by a key that is not ours")
		}
		late := o
		late.Now = func() time.Time { return clock().Add(2 * time.Hour) }
		first.feed(&m, &late, func(string) []*Key { return keys }, chunk)
		if got := m.Signed("example.org", "r"); got != (o.Expire == 0) {
			t.Errorf("signed two hours later: %v", got)
		}
	}
}

// TestSignedAgain signs a message that was signed before, and changed.
func TestSignedAgain(t *testing.T) {
	first := parseMail([]byte(tea)).bytes(signed(t, tea, &Options{}))
	changed := strings.Replace(string(first), "Subject: tea", "Subject: [list] tea", 1)
	again := parseMail([]byte(changed)).bytes(signed(t, changed, &Options{}))
	verify(t, again, records(testKeys(t, "example.org")), 2)
}

// TestReuse signs messages of all kinds with one Message: none leaves a trace.
func TestReuse(t *testing.T) {
	var m Message
	want := signed(t, tea, &Options{Now: clock})
	for _, before := range []string{
		tea, "From: a@example.org\nFrom: b@example.org\n\n", "\n", "From: a@example.org\nTo: " + strings.Repeat("x", 2<<20) + "\n\n",
		"DKIM-Signature:" + strings.ReplaceAll(want[1], "\n", "\r\n") + "\r\n" + tea, strings.Repeat("To: x\n", 1500) + "From: a@example.org\n\n",
		"From: a@example.org\n\n\xff\r" + strings.Repeat("x", 2000),
	} {
		keys := testKeys(t, "example.org")
		keysOf := func(string) []*Key { return keys }
		parseMail([]byte(before)).feed(&m, &Options{Now: clock, BodyCanon: Simple}, keysOf, chunk)
		_, _ = m.Sign(t.Context())
		if _, why := parseMail([]byte(tea)).feed(&m, &Options{Now: clock}, keysOf, chunk); why != "" {
			t.Fatal(why)
		}
		got, err := m.Sign(t.Context())
		if err != nil || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("after %.60q: %q, %v, want %q", before, got, err, want)
		}
		if f := m.Facts(); f.LongLines != 0 || f.EightBit || f.BareCR != 0 {
			t.Errorf("after %.60q: %+v", before, f)
		}
	}
}

func TestSignCancelled(t *testing.T) {
	var m Message
	parseMail([]byte(tea)).feed(&m, &Options{}, func(d string) []*Key { return testKeys(t, d) }, chunk)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Sign(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFoldDomain(t *testing.T) {
	for in, want := range map[string]string{
		"Example.ORG": "example.org", "example.org.": "example.org", "b\u00fccher.example": "xn--bcher-kva.example",
		"stra\u00dfe.example": "xn--strae-oqa.example", "\uff45xample\u3002org": "example.org",
		"": "", ".": "", "a..b": "", "-a.example": "", "a_b.example": "", "a b": "", "\xff.example": "", "a.example..": "",
	} {
		got, err := FoldDomain(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}
