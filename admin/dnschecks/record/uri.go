package record

import (
	"fmt"
	"net/url"
	"strings"
)

// URI is where reports go.
type URI struct {
	Scheme  string // "mailto" or "https"
	Address string // of mailto: the address, percent signs resolved; else the whole URI
	Domain  string // of the address, or the host, in lower case
	Limit   int64  // octets a report may have, 0 = any (DMARC)
}

// parseURI reads a URI of one of the schemes. Commas and exclamation marks in
// it must be percent-encoded, so who splits a list may do so at every comma.
func parseURI(s string, schemes ...string) (URI, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return URI{}, fmt.Errorf("%s is not a URI such as mailto:postmaster@example.org", quote(s))
	}
	out := URI{Scheme: strings.ToLower(u.Scheme), Address: s}
	known := false
	for _, scheme := range schemes {
		known = known || scheme == out.Scheme
	}
	switch {
	case !known:
		return URI{}, fmt.Errorf("%s is none of %s", quote(u.Scheme+":"), strings.Join(schemes, ": and ")+":")
	case out.Scheme == "mailto":
		text, err := url.PathUnescape(u.Opaque)
		at := strings.LastIndexByte(text, '@')
		if err != nil || at < 1 || !hostName(text[at+1:]) || strings.ContainsAny(text, " \t\r\n,<>") {
			return URI{}, fmt.Errorf("%s holds no mail address", quote(s))
		}
		out.Address, out.Domain = text, strings.ToLower(text[at+1:])
	default:
		if out.Domain = strings.ToLower(u.Hostname()); !hostName(out.Domain) {
			return URI{}, fmt.Errorf("%s names no host", quote(s))
		}
	}
	return out, nil
}
