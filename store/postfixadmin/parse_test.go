package postfixadmin

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

func TestSplitGoto(t *testing.T) {
	for in, want := range map[string][]string{
		"":                            nil,
		",, \n":                       nil,
		"a@x":                         {"a@x"},
		"a@x,b@x":                     {"a@x", "b@x"},
		" a@x ,\r\n b@x,":             {"a@x", "b@x"},
		"a@x\nb@x\tc@x":               {"a@x", "b@x", "c@x"},
		`"a, b"@x,c@x`:                {`"a, b"@x`, "c@x"},
		`"a\", b"@x,c@x`:              {`"a\", b"@x`, "c@x"},
		`"open, a@x`:                  {`"open, a@x`},
		"Ünï@x,ö@x":                   {"Ünï@x", "ö@x"},
		`|"/bin/cat -u", :include:/x`: {`|"/bin/cat -u"`, ":include:/x"},
	} {
		if diff := cmp.Diff(want, splitGoto(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestIsVacation(t *testing.T) {
	for _, c := range []struct {
		address, recipient string
		want               bool
	}{
		{"a@x.test", "a#x.test@autoreply.x.test", true},
		{"A@x.test", "a#X.test@autoreply.example", true},
		{"a@x.test", "b#x.test@autoreply.x.test", false},
		{"a@x.test", "a@x.test", false},
		{"a@x.test", "a#x.test", false},
		{"a", "a@x.test", false},
	} {
		if got := isVacation(c.address, c.recipient); got != c.want {
			t.Errorf("isVacation(%q, %q) = %v", c.address, c.recipient, got)
		}
	}
}

// storedCases are passwords as the settings of PostfixAdmin make them, and the
// scheme they get; "" is not understood.
var storedCases = []struct{ in, scheme, want string }{
	{"$1$salt1234$SWElmMJwAaBiK1KbZDkNK0", "", "{MD5-CRYPT}"},
	{"$2y$10$abcdefghijklmnopqrstuuWzHzOCDJnhIpQLzwpw8pcqeh8lC7EPe", "", "{BLF-CRYPT}"},
	{"$5$saltsalt$" + strings.Repeat("x", 43), "", "{SHA256-CRYPT}"},
	{"$6$saltsalt$" + strings.Repeat("x", 86), "", "{SHA512-CRYPT}"},
	{"$argon2i$v=19$m=65536,t=4,p=1$c2FsdHNhbHQ$" + strings.Repeat("a", 43), "", "{ARGON2I}"},
	{"$argon2id$v=19$m=65536,t=4,p=1$c2FsdHNhbHQ$" + strings.Repeat("a", 43), "", "{ARGON2ID}"},
	{"$y$j9T$abcdefghijkl$" + strings.Repeat("x", 43), "", "{CRYPT}"},
	{"0CC175b9c0f1b6a831c399e269772661", "", "{PLAIN-MD5}"},
	{"abJnggxhB/yWI", "", "{DES-CRYPT}"},
	{"{SSHA}pAswdaM2x1kYnFhRdQFUKsXJQt5aYmM4", "", "{SSHA}"},
	{"{crypt}$1$salt1234$SWElmMJwAaBiK1KbZDkNK0", "", "{crypt}"},
	{"{md5raw}0cc175b9c0f1b6a831c399e269772661", "", "{PLAIN-MD5}"},
	{"{md5}DMF1ucDxtqgxw5niaXcmYQ==", "", "{LDAP-MD5}"},
	{"{MD5}$1$salt1234$SWElmMJwAaBiK1KbZDkNK0", "", "{MD5}"},
	{"{SHA512-CRYPT.B64}JDYkc2FsdHNhbHQkeA==", "", "{SHA512-CRYPT.B64}"},
	{"in clear", "", ""},
	{"secret", "", ""},
	{"secret", "plain", "{PLAIN}"},
	{"{PLAIN}secret", "crypt", "{PLAIN}"},
	{"", "crypt", ""},
}

func TestStored(t *testing.T) {
	for _, c := range storedCases {
		got, err := newPasswords(c.scheme).stored(c.in)
		if c.want == "" && (got != "" || err == nil) || !strings.HasPrefix(got, c.want) {
			t.Errorf("%q: %q, %v, want %s", c.in, got, err, c.want)
		}
	}
}

func TestNextHop(t *testing.T) {
	for _, c := range []struct {
		in, want string
		lookup   bool
	}{
		{"smtp:[mx.test]:2525", "[mx.test]:2525", false},
		{"smtp:[MX.test]", "[mx.test]:25", false},
		{"relay:mx.test:submission", "[mx.test]:587", true},
		{"smtps:[192.0.2.1]:smtp", "[192.0.2.1]:25", false},
		{"smtp:[IPv6:2001:db8::1]:26", "[2001:db8::1]:26", false},
		{"smtp:[2001:db8::1]", "[2001:db8::1]:25", false},
		{"virtual", "", false},
		{"", "", false},
		{"smtp:", "", false},
		{"lmtp:inet:mx.test:24", "", false},
		{"smtp:[mx.test]x", "", false},
		{"smtp:[mx.test]:0", "", false},
		{"smtp:[mx.test", "", false},
		{"smtp:mx test", "", false},
		{"smtp:[" + strings.Repeat("long.", 20) + "test]", "", false},
	} {
		got, lookup, err := nextHop(c.in)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%q: %s, want an error", c.in, got.NextHop())
		case c.want != "" && (err != nil || got.NextHop() != c.want || lookup != c.lookup):
			t.Errorf("%q: %+v, %v, %v, want %s, %v", c.in, got, lookup, err, c.want, c.lookup)
		}
	}
}

func TestMegabytes(t *testing.T) {
	for _, c := range []struct {
		bytes, want int64
		exact       bool
	}{{0, 0, true}, {-1, 0, true}, {1, 1, false}, {1 << 20, 1, true}, {1<<20 + 1, 2, false}, {102400000, 98, false}, {1<<63 - 1, 1 << 43, false}} {
		if got, exact := megabytes(c.bytes); got != c.want || exact != c.exact {
			t.Errorf("megabytes(%d) = %d, %v", c.bytes, got, exact)
		}
	}
}

// FuzzGoto splits anything, and whatever is taken for a recipient is one that
// the CSV import would take, or "@domain" for a catch-all.
func FuzzGoto(f *testing.F) {
	for _, s := range []string{"a@x.test,b@x.test", "\"a,b\"@x.test", "|cmd", "a#x.test@y.test", "@x.test", "a\x00@x.test", "\xff@x.test", "a@x.test\n,\u2028b@x.test", "\\\",\"", "*@x.test", "a@b@c.test"} {
		f.Add("a@x.test", s)
		f.Add("@x.test", s)
	}
	f.Fuzz(func(t *testing.T, address, in string) {
		parts := splitGoto(in)
		for _, s := range parts {
			if s == "" {
				t.Error("an empty part")
			}
			isVacation(address, s)
			r, err := recipient(address, s)
			if err != nil {
				continue
			}
			local, domain, err := rows.SplitAddress(r)
			if err != nil || local == "" && !strings.HasPrefix(address, "@") || domain == "" || !utf8.ValidString(r) || strings.ContainsFunc(r, unicode.IsControl) {
				t.Errorf("%q is taken for the recipient %q", s, r)
			}
		}
		if strings.Join(strings.FieldsFunc(in, separator), "") != strings.Join(strings.FieldsFunc(strings.Join(parts, ""), separator), "") {
			t.Errorf("%q is split into %q", in, parts)
		}
	})
}

func separator(r rune) bool { return r == ',' || unicode.IsSpace(r) }

// FuzzStored reads any password: what is stored begins with {SCHEME}, what is
// said to be good can be verified, and no error quotes it.
func FuzzStored(f *testing.F) {
	for _, c := range storedCases {
		f.Add(c.in, c.scheme)
	}
	f.Fuzz(func(t *testing.T, in, scheme string) {
		if scheme != "" && !password.Known(scheme) {
			return
		}
		got, err := newPasswords(scheme).stored(in)
		if got != "" && !strings.HasPrefix(got, "{") {
			t.Errorf("%q is stored as %q", in, got)
		}
		if err == nil {
			if _, err := password.Parse(got, ""); err != nil {
				t.Errorf("%q is stored as %q without a word: %v", in, got, err)
			}
		}
	})
}

// FuzzNextHop reads any transport: what it leads to can stand in
// transport_transport.
func FuzzNextHop(f *testing.F) {
	for _, s := range []string{"smtp:[mx.test]:25", "relay:mx.test", "smtp:[ipv6:::1]:26", "smtp:]:[", "smtp:[a]:b", "virtual", "smtp:a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		hop, _, err := nextHop(in)
		if err != nil {
			return
		}
		if rows.CheckHost(hop.Host) != nil || hop.Port < 1 || hop.Port > 65535 || len(hop.NextHop()) > 100 || rows.CheckBytes(hop.NextHop()) != nil {
			t.Errorf("%q leads to %s", in, hop.NextHop())
		}
	})
}
