package outside

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// userMark stands for the login in templates, as Python has it.
const userMark = "%(user)s"

// filterOf puts a login into a search filter. Whatever the login is, it is one
// value there.
func filterOf(template, login string) string {
	return expand(template, ldap.EscapeFilter(login))
}

// dnOf puts a login into a DN. Whatever the login is, it is one attribute's
// value there, or a part of it.
func dnOf(template, login string) string { return expand(template, escapeDN(login)) }

// marked reports whether a template has a place for the login at all: without
// one everybody's password would be that of the same entry.
func marked(template string) bool { return expand(template, "a") != expand(template, "b") }

// expand fills in a template; %% is a percent sign.
func expand(template, login string) string {
	return strings.NewReplacer(userMark, login, "%%", "%").Replace(template)
}

// escapeDN writes all that is not a letter, a digit or one of ".-_@" as bytes in
// hexadecimal, which RFC 4514 (section 2.4) allows for every character: that is
// right wherever in a value it stands, so it needs no rule for first and last.
func escapeDN(value string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(".-_@", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('\\')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
