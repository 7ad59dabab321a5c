// Package dnstest runs DNS servers on loopback ports for tests: zones that are
// written as tables, and servers that misbehave.
//
//	z := dnstest.NewZone(t, "example.org. 300 IN MX 10 mx.example.org.")
//	z.TXT("example.org", "v=spf1 -all")
//	client, err := resolve.New(resolve.Options{Servers: []string{dnstest.Serve(t, z)}})
package dnstest

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Serve starts a server on a UDP and a TCP port and returns its address.
func Serve(t testing.TB, h dns.Handler) string {
	t.Helper()
	return ServeAll(t, map[string]dns.Handler{"127.0.0.1": h}).String()
}

// ServeAll starts servers on one port of several addresses, UDP and TCP, and
// returns the first address with it.
func ServeAll(t testing.TB, handlers map[string]dns.Handler) netip.AddrPort {
	t.Helper()
	addresses := slices.Sorted(maps.Keys(handlers))
	var servers []*dns.Server
	for port, try := "0", 0; len(servers) < 2*len(addresses); try++ {
		// A port that is free here may be taken there: then another one.
		l, p, err := listen(net.JoinHostPort(addresses[len(servers)/2], port))
		if err == nil {
			_, port, _ = net.SplitHostPort(l.Addr().String())
			h := handlers[addresses[len(servers)/2]]
			servers = append(servers, &dns.Server{Listener: l, Handler: h}, &dns.Server{PacketConn: p, Handler: h})
			continue
		}
		if try > 100 {
			t.Fatal(err)
		}
		for _, s := range servers {
			closeServer(s)
		}
		servers, port = nil, "0"
	}
	for _, s := range servers {
		start(t, s)
	}
	return netip.MustParseAddrPort(servers[0].Listener.Addr().String())
}

func listen(address string) (net.Listener, net.PacketConn, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		l.Close()
	}
	return l, p, err
}

func closeServer(s *dns.Server) {
	if s.Listener != nil {
		s.Listener.Close()
	} else {
		_ = s.PacketConn.Close()
	}
}

func start(t testing.TB, s *dns.Server) {
	up, down := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(up) }
	go func() {
		defer close(down)
		_ = s.ActivateAndServe()
	}()
	<-up
	t.Cleanup(func() {
		_ = s.Shutdown()
		<-down
	})
}

// Silent never answers.
func Silent() dns.Handler { return dns.HandlerFunc(func(dns.ResponseWriter, *dns.Msg) {}) }

// Failing answers with an error, such as dns.RcodeServerFailure.
func Failing(rcode int) dns.Handler {
	return dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(r, rcode))
	})
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

// escape writes octets as the library wants them inside a string.
func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`)
}
