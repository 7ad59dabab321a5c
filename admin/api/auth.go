package api

import (
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// tokenShape is what a token looks like: no other one is asked about.
var tokenShape = regexp.MustCompile(`^[0-9a-f]{40}$`)

// authenticate finds the sender of a request by his token. The texts are
// Modoboa's (Django REST framework's).
func (s *server) authenticate(r *http.Request, rec *Record) (*manage.Caller, error) {
	if s.o.Root {
		return manage.Root(), nil
	}
	kind, token, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !strings.EqualFold(kind, "Token") {
		return nil, unauthorized("Authentication credentials were not provided.")
	}
	place := throttled(rec.Address)
	if wait := s.throttle.wait(place); wait > 0 {
		return nil, refuse(http.StatusTooManyRequests, "Too many wrong tokens have come from this address: wait %d seconds.", wait).with("Retry-After", strconv.Itoa(wait))
	}
	var c *manage.Caller
	if token = strings.TrimSpace(token); tokenShape.MatchString(token) {
		var err error
		if c, err = s.o.Manager().CallerByToken(r.Context(), token); err != nil {
			return nil, err
		}
	}
	if c == nil {
		s.throttle.failed(place)
		return nil, unauthorized("Invalid token.")
	}
	return c, nil
}

func unauthorized(text string) error {
	return refuse(http.StatusUnauthorized, "%s", text).with("WWW-Authenticate", "Token")
}

// clientAddress is the address of the client: of the one that a proxy on this
// machine names, if it is one. "" is somebody on a unix socket.
func clientAddress(r *http.Request) string {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil && !a.Addr().Unmap().IsLoopback() {
		return a.Addr().Unmap().WithZone("").String()
	}
	if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
		last := all[len(all)-1]
		f, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndex(last, ",")+1:]))
		if err == nil {
			return f.Unmap().WithZone("").String()
		}
	}
	if err != nil {
		return ""
	}
	return a.Addr().Unmap().String()
}

// throttled is the network that pays for a wrong token: the address, or the 64
// bits that one customer has of IPv6.
func throttled(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// origin is the scheme and host under which the client knows us.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
