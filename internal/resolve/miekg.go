package resolve

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// udpSize is what a UDP answer may have without being fragmented on the way
// (DNS flag day 2020).
const udpSize = 1232

// miekg is a Resolver on github.com/miekg/dns v1.
type miekg struct {
	try time.Duration // for one question to one server
}

// resolvConf returns the servers that a file like /etc/resolv.conf names.
func resolvConf(path string) ([]string, error) {
	c, err := dns.ClientConfigFromFile(path)
	if err != nil {
		return nil, err
	}
	return c.Servers, nil
}

func (r *miekg) Ask(ctx context.Context, server string, q Question) (*Answer, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(q.Name), dns.StringToType[q.Type])
	m.RecursionDesired = q.Recurse
	m.AuthenticatedData = q.Recurse // asks for AD without DO (RFC 6840 5.7)
	m.SetEdns0(udpSize, false)
	in, err := r.exchange(ctx, "udp", server, m)
	if err == nil && (in.Rcode == dns.RcodeFormatError || in.Rcode == dns.RcodeNotImplemented) {
		m.Extra = nil // a server from before EDNS
		in, err = r.exchange(ctx, "udp", server, m)
	}
	if err == nil && in.Truncated {
		in, err = r.exchange(ctx, "tcp", server, m)
	}
	if err != nil {
		return nil, err
	}
	return newAnswer(in), nil
}

// exchange sends a message over a connection of its own.
func (r *miekg) exchange(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, r.try)
	defer cancel()
	client := &dns.Client{Net: network, Timeout: r.try, UDPSize: udpSize}
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// The library keeps deadlines only: an end that comes early closes the
	// connection under it.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	m.Id = dns.Id()
	// Over UDP the library skips answers with another id until the time is up.
	in, _, err := client.ExchangeWithConnContext(ctx, m, conn)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case !in.Response || len(in.Question) != 1 || !sameQuestion(in.Question[0], m.Question[0]):
		return nil, fmt.Errorf("the answer is to another question")
	}
	return in, nil
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && dns.CanonicalName(a.Name) == dns.CanonicalName(b.Name)
}

// newAnswer takes from a message what answers its question. CNAMEs are followed
// inside the message alone.
func newAnswer(m *dns.Msg) *Answer {
	a := &Answer{Rcode: rcode(m.Rcode), Authoritative: m.Authoritative, AD: m.AuthenticatedData}
	type link struct {
		target string
		ttl    uint32
	}
	links := map[string]link{}
	for _, rr := range m.Answer {
		if c, ok := rr.(*dns.CNAME); ok {
			links[dns.CanonicalName(c.Hdr.Name)] = link{dns.CanonicalName(c.Target), c.Hdr.Ttl}
		}
	}
	qtype := m.Question[0].Qtype
	name := dns.CanonicalName(m.Question[0].Name)
	seen := map[string]bool{name: true}
	var ttl uint32 = math.MaxUint32
	for !a.Loop {
		l, ok := links[name]
		if !ok {
			break
		}
		name = l.target
		ttl = min(ttl, l.ttl)
		a.CNAME = append(a.CNAME, strings.TrimSuffix(name, "."))
		a.Loop = seen[name]
		seen[name] = true
	}
	for _, rr := range m.Answer {
		h := rr.Header()
		if a.Loop || h.Rrtype != qtype || h.Class != dns.ClassINET || dns.CanonicalName(h.Name) != name {
			continue
		}
		if text, ok := data(rr); ok {
			a.Records = append(a.Records, text)
			ttl = min(ttl, h.Ttl)
		}
	}
	if len(a.Records) == 0 {
		ttl = negativeTTL(m) // the chain may live longer, but its end is what was asked for
	}
	a.TTL = time.Duration(ttl) * time.Second
	return a
}

// negativeTTL says how long an absence may be remembered (RFC 2308 5).
func negativeTTL(m *dns.Msg) uint32 {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(soa.Hdr.Ttl, soa.Minttl)
		}
	}
	return 0
}

func rcode(n int) string {
	if s, ok := dns.RcodeToString[n]; ok {
		return s
	}
	return fmt.Sprintf("RCODE%d", n)
}

func data(rr dns.RR) (string, bool) {
	switch rr := rr.(type) {
	case *dns.TXT:
		var b strings.Builder
		for _, s := range rr.Txt {
			b.WriteString(unescape(s))
		}
		return b.String(), true
	case *dns.NS:
		return bare(rr.Ns), true
	case *dns.A:
		return rr.A.String(), true
	case *dns.AAAA:
		return rr.AAAA.String(), true
	case *dns.MX:
		return strconv.Itoa(int(rr.Preference)) + " " + bare(rr.Mx), true
	case *dns.SRV:
		return fmt.Sprintf("%d %d %d %s", rr.Priority, rr.Weight, rr.Port, bare(rr.Target)), true
	case *dns.PTR:
		return bare(rr.Ptr), true
	case *dns.SOA:
		return bare(rr.Ns), true
	}
	return "", false
}

// bare writes a name in lower case without its final dot; the root stays ".".
func bare(name string) string {
	if name = dns.CanonicalName(name); name != "." {
		name = strings.TrimSuffix(name, ".")
	}
	return name
}

// unescape undoes the presentation form (RFC 1035 5.1) in which the library
// gives the strings of a TXT record: \DDD is an octet, \x is x.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' || i+1 == len(s):
			b = append(b, s[i])
		case i+3 < len(s) && digit(s[i+1]) && digit(s[i+2]) && digit(s[i+3]):
			b = append(b, (s[i+1]-'0')*100+(s[i+2]-'0')*10+(s[i+3]-'0'))
			i += 3
		default:
			b = append(b, s[i+1])
			i++
		}
	}
	return string(b)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
