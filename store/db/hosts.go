package db

import (
	"errors"
	"strconv"
	"strings"
)

// splitAuthority splits "authority/path?query". A "/" in the parentheses of
// "unix(/path)" belongs to the authority.
func splitAuthority(s string) (authority, path, query string) {
	start := 0
	if p := parenHost(s); p >= 0 {
		if end := strings.IndexByte(s[p:], ')'); end >= 0 {
			start = p + end
		}
	}
	end := strings.IndexAny(s[start:], "/?#")
	if end < 0 {
		return s, "", ""
	}
	end += start
	path, query, _ = strings.Cut(s[end:], "?")
	return s[:end], path, query
}

// parenHost returns where in s the "(" of a host "unix(…)" or "tcp(…)" is, or
// -1. The host begins s or follows an "@".
func parenHost(s string) int {
	for _, word := range []string{"unix(", "tcp("} {
		if strings.HasPrefix(s, word) {
			return len(word) - 1
		}
		if i := strings.Index(s, "@"+word); i >= 0 {
			return i + len(word)
		}
	}
	return -1
}

func (a *address) parseHost(s string) error {
	a.network, a.host = "tcp", s
	if name, inner, ok := strings.Cut(s, "("); ok {
		inner, closed := strings.CutSuffix(inner, ")")
		if a.dialect != MySQL || !closed || (name != "unix" && name != "tcp") {
			return errors.New("bad host: write host, host:port or, for mysql, unix(/path)")
		}
		a.network, a.host = name, inner
		if name == "unix" {
			if !strings.HasPrefix(inner, "/") || strings.ContainsAny(inner, "()\x00") {
				return errors.New("unix(…) needs the absolute path of a socket")
			}
			return nil
		}
	}
	// PostgreSQL takes several hosts with a comma between them.
	for h := range strings.SplitSeq(a.host, ",") {
		if err := checkHostPort(h); err != nil {
			return err
		}
	}
	return nil
}

// checkHostPort accepts "", host, host:port, :port, [v6] and [v6]:port.
func checkHostPort(s string) error {
	port := ""
	if rest, ok := strings.CutPrefix(s, "["); ok {
		host, after, closed := strings.Cut(rest, "]")
		if !closed || host == "" || strings.Trim(host, "0123456789abcdefABCDEF:.%") != "" {
			return errors.New("bad IPv6 address in brackets")
		}
		s, port = "", strings.TrimPrefix(after, ":")
		if after != "" && !strings.HasPrefix(after, ":") {
			return errors.New("bad port")
		}
	} else {
		s, port, _ = strings.Cut(s, ":")
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c == 0x7f || strings.IndexByte(`"<>[]\^{|}()%&=+;'`, c) >= 0 {
			return errors.New("bad host name")
		}
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New(`bad port (or a ":" or "/" in a password that is not percent-encoded)`)
		}
	}
	return nil
}
