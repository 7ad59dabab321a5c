package dnscheck

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of the tests. Those of odd lengths are public keys alone.
var (
	rsaPrivate = sync.OnceValue(func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return k
	})
	edPrivate = ed25519.NewKeyFromSeed([]byte(strings.Repeat("seed", 8)))
	edPublic  = edPrivate.Public()
)

func rsaPublic() crypto.PublicKey { return &rsaPrivate().PublicKey }

func publicOf(bits int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: 65537}
}

func spki(pub crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func record(pub crypto.PublicKey) string {
	if ed, ok := pub.(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(ed)
	}
	return "v=DKIM1; k=rsa; p=" + spki(pub)
}

// zone answers like a server that holds what is in it.
type zone struct {
	mu            sync.Mutex
	records       map[string][]dns.RR // by lower-case name
	authoritative bool
	ad            bool
	asked         atomic.Int64
	last          atomic.Pointer[dns.Msg]
}

func newZone(t testing.TB, lines ...string) *zone {
	z := &zone{records: map[string][]dns.RR{}}
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		z.add(rr)
	}
	return z
}

func (z *zone) add(rr dns.RR) {
	z.mu.Lock()
	defer z.mu.Unlock()
	name := dns.CanonicalName(rr.Header().Name)
	z.records[name] = append(z.records[name], rr)
}

// txt adds a record whose text may hold anything, in strings of 255 octets.
func (z *zone) txt(name, text string) {
	rr := &dns.TXT{Hdr: dns.RR_Header{Name: dns.Fqdn(name), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 600}}
	for _, c := range chunks(text) {
		rr.Txt = append(rr.Txt, strings.ReplaceAll(strings.ReplaceAll(c, `\`, `\\`), `"`, `\"`))
	}
	z.add(rr)
}

// answer follows CNAMEs as a recursive server does.
func (z *zone) answer(r *dns.Msg) *dns.Msg {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked.Add(1)
	z.last.Store(r.Copy())
	m := new(dns.Msg)
	m.SetReply(r)
	m.Authoritative, m.AuthenticatedData, m.RecursionAvailable = z.authoritative, z.ad, !z.authoritative
	name := dns.CanonicalName(r.Question[0].Name)
	for hops := 0; hops < 5; hops++ {
		next, here := "", false
		for _, rr := range z.records[name] {
			here = true
			if c, ok := rr.(*dns.CNAME); ok {
				next = dns.CanonicalName(c.Target)
			}
			if t := rr.Header().Rrtype; t == r.Question[0].Qtype || t == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
		}
		if !here {
			m.Rcode = dns.RcodeNameError
		}
		if next == "" {
			break
		}
		name = next
	}
	if soa := z.records["soa."]; len(soa) > 0 && (len(m.Answer) == 0 || m.Rcode != 0) {
		m.Ns = soa
	}
	return m
}

func (z *zone) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := z.answer(r)
	if w.RemoteAddr().Network() == "udp" {
		m.Truncate(udpSize)
	}
	w.WriteMsg(m)
}

// serve starts a server on a UDP and a TCP port and returns its address.
func serve(t testing.TB, h dns.Handler) string {
	return serveAll(t, map[string]dns.Handler{"127.0.0.1": h}).String()
}

// serveAll starts servers on one port of several addresses, UDP and TCP, and
// returns the first address with it.
func serveAll(t testing.TB, handlers map[string]dns.Handler) netip.AddrPort {
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
		s.PacketConn.Close()
	}
}

func start(t testing.TB, s *dns.Server) {
	up, down := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(up) }
	go func() {
		defer close(down)
		s.ActivateAndServe()
	}()
	<-up
	t.Cleanup(func() {
		s.Shutdown()
		<-down
	})
}

// newChecker asks the given servers. Its time limits are generous: tests that
// want silence set their own.
func newChecker(t testing.TB, servers ...string) *Checker {
	t.Helper()
	return withOptions(t, Options{Servers: servers, Try: time.Minute, Timeout: 5 * time.Minute})
}

func withOptions(t testing.TB, o Options) *Checker {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// silent never answers.
var silent = dns.HandlerFunc(func(dns.ResponseWriter, *dns.Msg) {})

func failing(rcode int) dns.Handler {
	return dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg)
		w.WriteMsg(m.SetRcode(r, rcode))
	})
}
