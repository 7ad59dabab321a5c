package dnstest

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// udpSize is what an answer by UDP may have, as in package resolve.
const udpSize = 1232

// Zone answers like a server that holds what is in it. Records at the name
// "soa." are put into answers that say that there is nothing.
type Zone struct {
	Authoritative bool                    // answers carry AA
	AD            bool                    // answers carry AD
	Asked         atomic.Int64            // questions so far
	Last          atomic.Pointer[dns.Msg] // the last of them

	mu      sync.Mutex
	records map[string][]dns.RR // by lower-case name
	refuse  map[string]int      // rcodes of names
}

// NewZone makes a zone of lines in the form of zone files.
func NewZone(t testing.TB, lines ...string) *Zone {
	t.Helper()
	z := &Zone{records: map[string][]dns.RR{}, refuse: map[string]int{}}
	z.Lines(t, lines...)
	return z
}

// Lines adds records in the form of zone files.
func (z *Zone) Lines(t testing.TB, lines ...string) {
	t.Helper()
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		z.Add(rr)
	}
}

// Add adds a record.
func (z *Zone) Add(rr dns.RR) {
	z.mu.Lock()
	defer z.mu.Unlock()
	name := dns.CanonicalName(rr.Header().Name)
	z.records[name] = append(z.records[name], rr)
}

// TXT adds a record whose text may hold anything, in strings of 255 octets.
func (z *Zone) TXT(name, text string) {
	rr := &dns.TXT{Hdr: dns.RR_Header{Name: dns.Fqdn(name), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 600}}
	for _, c := range chunks(text) {
		rr.Txt = append(rr.Txt, escape(c))
	}
	z.Add(rr)
}

// Lame has the server not be authoritative any more.
func (z *Zone) Lame() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.Authoritative = false
}

// Remove takes all records of a name away, and what Refuse said of it.
func (z *Zone) Remove(name string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.records, dns.CanonicalName(name))
	delete(z.refuse, dns.CanonicalName(name))
}

// Refuse has questions about a name answered with an error. A name that begins
// with "*." stands for all below it.
func (z *Zone) Refuse(name string, rcode int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.refuse[dns.CanonicalName(name)] = rcode
}

// Answer follows CNAMEs as a recursive server does.
func (z *Zone) Answer(r *dns.Msg) *dns.Msg {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.Asked.Add(1)
	z.Last.Store(r.Copy())
	m := new(dns.Msg)
	m.SetReply(r)
	m.Authoritative, m.AuthenticatedData, m.RecursionAvailable = z.Authoritative, z.AD, !z.Authoritative
	name := dns.CanonicalName(r.Question[0].Name)
	if rcode, ok := z.refused(name); ok {
		m.Rcode = rcode
		return m
	}
	for range 5 {
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
		if !here && !z.above(name) {
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

// refused looks for what Refuse said of a name or those above it.
func (z *Zone) refused(name string) (int, bool) {
	if rcode, ok := z.refuse[name]; ok {
		return rcode, true
	}
	for rest := name; rest != ""; _, rest, _ = strings.Cut(rest, ".") {
		if rcode, ok := z.refuse["*."+rest]; ok && rest != name {
			return rcode, true
		}
	}
	return 0, false
}

// above reports whether there are names below this one, so that it exists.
func (z *Zone) above(name string) bool {
	for n := range z.records {
		if strings.HasSuffix(n, "."+name) && n != "soa." {
			return true
		}
	}
	return false
}

// ServeDNS answers a question, as much as fits.
func (z *Zone) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := z.Answer(r)
	if w.RemoteAddr().Network() == "udp" {
		m.Truncate(udpSize)
	}
	_ = w.WriteMsg(m)
}
