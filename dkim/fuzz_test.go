package dkim

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"strings"
	"testing"
)

// naiveBody is the canonical form of a whole body, as RFC 6376, section 3.4
// words it: one rule after the other.
func naiveBody(text string, c Canon) string {
	// A lone LF ends a line, too.
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	lines := strings.Split(text, "\r\n")
	if c == Relaxed {
		for i, line := range lines {
			line = strings.ReplaceAll(line, "\t", " ")
			for strings.Contains(line, "  ") {
				line = strings.ReplaceAll(line, "  ", " ")
			}
			lines[i] = strings.TrimSuffix(line, " ")
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 && c == Relaxed {
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// naiveFacts counts what body counts.
func naiveFacts(text string) (longLines, bareCR int, eightBit bool) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > maxLine {
			longLines++
		}
	}
	for _, c := range []byte(text) {
		eightBit = eightBit || c > 127
	}
	return longLines, strings.Count(text, "\r"), eightBit
}

// FuzzBody compares the hash of a body in random pieces with that of the naive
// canonical form. The text is repeated, so that stretches are long at times.
func FuzzBody(f *testing.F) {
	for _, s := range []string{"", "\r\n", "a", " a\t\tb \r\n\r\n", "a\r", "a\n\nb", "a \rb \r\n", "\r\r\n", strings.Repeat("x", 999) + "\r\n", "\xff ", strings.Repeat("y", 998) + "\n"} {
		f.Add(s, byte(1), uint64(0))
		f.Add(s, byte(40), uint64(7))
	}
	var h body
	f.Fuzz(func(t *testing.T, text string, times byte, seed uint64) {
		text = strings.Repeat(text, int(times)+1)
		if len(text) > 1<<20 {
			t.Skip()
		}
		for _, c := range []Canon{Relaxed, Simple} {
			h.reset(c)
			random := rand.New(rand.NewPCG(seed, seed))
			for rest := []byte(text); len(rest) > 0; {
				n := min(len(rest), 1+random.IntN(1<<random.IntN(14)))
				h.write(rest[:n])
				rest = rest[n:]
			}
			if got, want := h.sum(), sha256.Sum256([]byte(naiveBody(text, c))); got != want {
				t.Fatalf("%v: wrong hash of %.2000q", c, text)
			}
			longLines, bareCR, eightBit := naiveFacts(text)
			if h.longLines != longLines || h.bareCR != bareCR || h.eightBit != eightBit {
				t.Fatalf("%v: %d long lines, %d CRs, 8-bit %v; want %d, %d, %v: %.2000q",
					c, h.longLines, h.bareCR, h.eightBit, longLines, bareCR, eightBit, text)
			}
		}
	})
}

// FuzzSign signs what it makes of random text, and verifies with go-msgauth.
// A second Message must find both signatures, and none once a field or the
// body has changed.
func FuzzSign(f *testing.F) {
	f.Add("Subject: a\n  b \n\t\nTo:x\nTo: y\nX-Other: z\n", "a  b\r\n\r\n", byte(0), uint16(5))
	f.Add("cc:\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r; c=relaxed/relaxed; h=from; bh=; b=\n", "", byte(7), uint16(1))
	f.Add(strings.Repeat("List-Id: "+strings.Repeat("long", 300)+"\n ", 9)+"\n", "\n.\n", byte(11), uint16(64))
	var m, second Message
	f.Fuzz(func(t *testing.T, header, text string, options byte, size uint16) {
		// go-msgauth reads a CR without LF otherwise.
		header = strings.ReplaceAll(header, "\r", "")
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "")
		if len(header)+len(text) > 1<<16 {
			t.Skip()
		}
		message := mail{body: []byte(strings.ReplaceAll(text, "\n", "\r\n"))}
		for _, field := range parseMail([]byte(header)).fields {
			if field[0] == "" || strings.TrimSpace(field[0]) != field[0] || !isASCII(field[0]) || equalFold(field[0], "from") || equalFold(field[0], "dkim-signature") {
				continue
			}
			message.fields = append(message.fields, field)
		}
		message.fields = append(message.fields, [2]string{"From", " <a@example.org>"})
		o := Options{HeaderCanon: Canon(options & 1), BodyCanon: Canon(options >> 1 & 1), Headers: Headers(options >> 2 % 3), Now: clock}
		keys := testKeys(t, "example.org")
		if options>>4 != 0 {
			keys = keys[1:] // Ed25519 alone, which is faster
		}
		keysOf := func(string) []*Key { return keys }
		if _, why := message.feed(&m, &o, keysOf, int(size)+1); why != "" {
			t.Skip(why)
		}
		values, err := m.Sign(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			checkLayout(t, v, maxFold)
		}
		signed := message.bytes(values)
		verify(t, signed, records(keys), len(keys))

		again := parseMail(signed)
		if len(again.fields) != len(message.fields)+len(keys) {
			t.Skip("go-msgauth and Postfix would see other fields")
		}
		wantSigned(t, &second, again, keys, true)
		again.body = append(bytes.Clone(again.body), "x\r\n"...)
		wantSigned(t, &second, again, keys, false)
		again = parseMail(signed)
		again.fields = append(again.fields, [2]string{"From", " <b@example.org>"})
		second.Reset(&o)
		for _, f := range again.fields {
			second.Field(f[0], f[1], true)
		}
		second.StartBody(keys)
		second.Body(again.body)
		if second.Signed("example.org", "e") {
			t.Error("one From more, and the signature still fits")
		}
	})
}

// wantSigned reads a message with options of its own, as a second pass has.
func wantSigned(t *testing.T, m *Message, message mail, keys []*Key, want bool) {
	t.Helper()
	if _, why := message.feed(m, &Options{Now: clock}, func(string) []*Key { return keys }, chunk); why != "" {
		t.Fatal(why)
	}
	for _, k := range keys {
		if got := m.Signed(k.Domain, k.Selector); got != want {
			t.Errorf("signed by %s: %v, want %v\n%s", k.Selector, got, want, cut(message.bytes(nil)))
		}
	}
}

// FuzzFrom compares the scanner with slowAuthor.
func FuzzFrom(f *testing.F) {
	for _, c := range authorCases {
		f.Add(c.value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := authorDomain(value)
		want, wantErr := slowAuthor(value)
		if got != want || err != wantErr {
			t.Fatalf("%q: %q, %v; want %q, %v", value, got, err, want, wantErr)
		}
		if err == nil && (got != strings.ToLower(got) || !isASCII(got) || strings.HasSuffix(got, ".")) {
			t.Fatalf("%q: %q is not folded", value, got)
		}
	})
}
