package db

import (
	"net/url"
	"strings"
)

// Redact returns a database URL without its password, fit for logs. Of a URL
// that cannot be read only the scheme is left.
func Redact(s string) string {
	a, err := parseURL(s)
	if err != nil {
		scheme, _, _ := strings.Cut(s, ":")
		if !knownScheme(scheme) {
			return "(unreadable database URL)"
		}
		return scheme + ":(unreadable)"
	}
	return a.redacted()
}

// redacted returns the URL without the password.
func (a *address) redacted() string {
	var b strings.Builder
	b.WriteString(a.scheme + ":")
	if a.dialect == SQLite {
		b.WriteString(a.path)
	} else {
		b.WriteString("//")
		if a.user != "" {
			b.WriteString(url.User(a.user).String() + "@")
		}
		if a.network == "unix" {
			b.WriteString("unix(" + a.host + ")")
		} else {
			b.WriteString(a.host)
		}
		b.WriteString("/" + url.User(a.database).String())
	}
	if a.query != "" {
		b.WriteString("?" + a.query)
	}
	return b.String()
}

// where names the server or file for messages.
func (a *address) where() string {
	if a.dialect == SQLite {
		return a.path
	}
	if a.host != "" {
		return a.host
	}
	if a.actual != "" {
		return a.actual
	}
	return "localhost"
}
