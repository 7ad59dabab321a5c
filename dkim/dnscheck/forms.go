package dnscheck

import (
	"fmt"
	"strings"
)

// Publication is a record in all the forms in which it can be published.
type Publication struct {
	Name    string   `json:"name"` // without the final dot
	Type    string   `json:"type"` // TXT
	Value   string   `json:"value"`
	Strings []string `json:"strings"` // Value in pieces of at most 255 octets
	Zone    string   `json:"zone"`
	Line    string   `json:"line"`
}

// Publish gives all forms of a record, for programs.
func Publish(name, record string) Publication {
	name = strings.TrimSuffix(name, ".")
	return Publication{Name: name, Type: "TXT", Value: record, Strings: chunks(record), Zone: Zone(name, record), Line: Line(name, record)}
}

// Zone gives the line of a zone file (RFC 1035 5.1): quoted strings of at most
// 255 octets each. No TTL: the zone's default holds.
func Zone(name, record string) string {
	var quoted []string
	for _, s := range chunks(record) {
		quoted = append(quoted, quote(s))
	}
	data := quoted[0]
	if len(quoted) > 1 {
		data = "( " + strings.Join(quoted, "\n\t") + " )"
	}
	return strings.TrimSuffix(name, ".") + ". IN TXT " + data
}

// Line gives name, type and text in one line, to be pasted into the fields of a
// web page: nothing is quoted or escaped.
func Line(name, record string) string {
	return strings.TrimSuffix(name, ".") + " TXT " + record
}

// chunks splits a text into pieces that fit a string of a TXT record.
func chunks(s string) []string {
	var out []string
	for len(s) > 255 {
		out = append(out, s[:255])
		s = s[255:]
	}
	return append(out, s)
}

// quote writes a string as a zone file wants it. Inside quotes ";" is no
// comment.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\%03d`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
