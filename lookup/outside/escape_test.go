package outside

import (
	"strings"
	"testing"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// filterTemplates and dnTemplates are such as operators write.
var (
	filterTemplates = []string{"(mail=%(user)s)", "(&(objectClass=person)(|(uid=%(user)s)(mail=%(user)s)))", "(mail=%(user)s@example.test)"}
	dnTemplates     = []string{"uid=%(user)s,ou=people,dc=example,dc=test", "cn=x+mail=%(user)s@example.test,dc=test"}
)

func TestTemplates(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{filterOf("(mail=%(user)s)", "ann@example.test"), "(mail=ann@example.test)"},
		{filterOf("(mail=%(user)s)", "*)(uid=*"), `(mail=\2a\29\28uid=\2a)`},
		{filterOf("(100%%=%(user)s)", "%(user)s%%"), "(100%=%\\28user\\29s%%)"},
		{dnOf("uid=%(user)s,dc=test", " a,b#"), `uid=\20a\2cb\23,dc=test`},
		{dnOf("uid=%(user)s,dc=test", "jörg"), `uid=j\c3\b6rg,dc=test`},
		{dnOf("uid=%(user)s", "\x00\\"), `uid=\00\5c`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s, want %s", tt.got, tt.want)
		}
	}
}

// FuzzEscape: whatever a login is, filter and DN have the shape of those for a
// harmless one, and the login is the value in them.
func FuzzEscape(f *testing.F) {
	for _, login := range []string{"ann@example.test", "*)(uid=*", "a,b", " ", "#a", "a\x00", `\`, `\2a`, "ü", "%(user)s", "%%", "\xff"} {
		f.Add(login)
	}
	f.Fuzz(func(t *testing.T, login string) {
		if login == "" || !utf8.ValidString(login) {
			return // never asked about
		}
		for _, template := range filterTemplates {
			sameFilter(t, template, login)
		}
		for _, template := range dnTemplates {
			sameDN(t, template, login)
		}
	})
}

func sameFilter(t *testing.T, template, login string) {
	t.Helper()
	const plain = "harmless"
	was, err := ldap.CompileFilter(filterOf(template, plain))
	if err != nil {
		t.Fatal(err)
	}
	is, err := ldap.CompileFilter(filterOf(template, login))
	if err != nil {
		t.Fatalf("%q: %v", login, err)
	}
	var values func(a, b *ber.Packet)
	values = func(a, b *ber.Packet) {
		if a.Tag != b.Tag || a.ClassType != b.ClassType || len(a.Children) != len(b.Children) {
			t.Fatalf("%q changes the filter: %s", login, filterOf(template, login))
		}
		if got, want := b.Data.String(), strings.Replace(a.Data.String(), plain, login, 1); len(a.Children) == 0 && got != want {
			t.Fatalf("%q is %q in the filter, want %q", login, got, want)
		}
		for i := range a.Children {
			values(a.Children[i], b.Children[i])
		}
	}
	values(was, is)
}

func sameDN(t *testing.T, template, login string) {
	t.Helper()
	const plain = "harmless"
	was, err := ldap.ParseDN(dnOf(template, plain))
	if err != nil {
		t.Fatal(err)
	}
	is, err := ldap.ParseDN(dnOf(template, login))
	if err != nil {
		t.Fatalf("%q: %v", login, err)
	}
	if len(is.RDNs) != len(was.RDNs) {
		t.Fatalf("%q changes the DN: %s", login, dnOf(template, login))
	}
	for i := range was.RDNs {
		if len(is.RDNs[i].Attributes) != len(was.RDNs[i].Attributes) {
			t.Fatalf("%q changes the DN: %s", login, dnOf(template, login))
		}
		for k, a := range was.RDNs[i].Attributes {
			b := is.RDNs[i].Attributes[k]
			if want := strings.Replace(a.Value, plain, login, 1); b.Type != a.Type || b.Value != want {
				t.Fatalf("%q: %s=%q in the DN, want %q", login, b.Type, b.Value, want)
			}
		}
	}
}
