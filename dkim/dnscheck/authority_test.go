package dnscheck

import (
	"crypto"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/internal/resolve/dnstest"
)

// world is a small internet: a resolver that knows names and addresses, and
// authoritative servers on one port of several loopback addresses.
type world struct {
	resolver *dnstest.Zone
	ns       map[string]*dnstest.Zone // by address
	checker  *Checker
}

// newWorld makes a world in which each address answers as its handler does;
// nil stands for a server that holds a zone of its own.
func newWorld(t *testing.T, servers map[string]dns.Handler) *world {
	w := &world{resolver: dnstest.NewZone(t,
		"soa. 900 IN SOA ns. h. 1 2 3 4 60",
		"example.com. 300 IN NS ns1.example.com.", "example.com. 300 IN NS NS2.example.com.",
		"provider.example. 300 IN NS ns.provider.example.",
		"ns1.example.com. 300 IN A 127.0.0.2", "ns2.example.com. 300 IN A 127.0.0.3", "ns.provider.example. 300 IN A 127.0.0.4",
	), ns: map[string]*dnstest.Zone{}}
	handlers := map[string]dns.Handler{}
	for address, h := range servers {
		if h == nil {
			z := dnstest.NewZone(t, "soa. 900 IN SOA ns. h. 1 2 3 4 60")
			z.Authoritative = true
			w.ns[address], h = z, z
		}
		handlers[address] = h
	}
	w.checker = newChecker(t, dnstest.Serve(t, w.resolver))
	w.checker.port = dnstest.ServeAll(t, handlers).Port()
	return w
}

func (w *world) publish(name string, key crypto.PublicKey, addresses ...string) {
	for _, a := range addresses {
		w.ns[a].TXT(name, record(key))
	}
}

func (w *world) delegate(t *testing.T, name, target string, addresses ...string) {
	for _, a := range addresses {
		rr, err := dns.NewRR(name + ". 300 IN CNAME " + target + ".")
		if err != nil {
			t.Fatal(err)
		}
		w.ns[a].Add(rr)
		if a == addresses[0] {
			w.resolver.Add(rr)
		}
	}
}

// show gives results in one line each.
func show(r Result) string {
	lines := []string{string(r.Code)}
	for _, s := range r.Servers {
		lines = append(lines, strings.TrimSpace(s.Server+" "+s.Address)+" "+string(s.Code))
	}
	return strings.Join(lines, "; ")
}

const both = "127.0.0.2 127.0.0.3"

func TestEverywhere(t *testing.T) {
	key := rsaPublic()
	twoServers := map[string]dns.Handler{"127.0.0.2": nil, "127.0.0.3": nil}
	for _, c := range []struct {
		name    string
		servers map[string]dns.Handler
		setup   func(t *testing.T, w *world)
		want    string
		works   bool
		detail  string
	}{
		{"on both", twoServers, func(t *testing.T, w *world) {
			w.publish(at, key, "127.0.0.2", "127.0.0.3")
		}, "ok; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 ok", true, "is published, on all 2 name servers"},
		{"on one", twoServers, func(t *testing.T, w *world) {
			w.publish(at, key, "127.0.0.2")
		}, "nxdomain; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 nxdomain", false, "ns2.example.com 127.0.0.3: the name does not exist"},
		{"on none, resolvers know better", twoServers, func(t *testing.T, w *world) {
			w.resolver.TXT(at, record(key))
		}, "nxdomain; ns1.example.com 127.0.0.2 nxdomain; ns2.example.com 127.0.0.3 nxdomain", false, "ns1.example.com"},
		{"old key on one", twoServers, func(t *testing.T, w *world) {
			w.publish(at, key, "127.0.0.2")
			w.publish(at, publicOf(2048), "127.0.0.3")
		}, "mismatch; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 mismatch", false, "ns2.example.com 127.0.0.3: another key"},
		{"doubtful", twoServers, func(t *testing.T, w *world) {
			for a := range strings.FieldsSeq(both) {
				w.ns[a].TXT(at, strings.Replace(record(key), "k=rsa", "t=y", 1))
			}
		}, "testing; ns1.example.com 127.0.0.2 testing; ns2.example.com 127.0.0.3 testing", true, "t=y"},
		{"one fails", map[string]dns.Handler{"127.0.0.2": nil, "127.0.0.3": dnstest.Failing(dns.RcodeServerFailure)}, func(t *testing.T, w *world) {
			w.publish(at, key, "127.0.0.2")
		}, "temp; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 temp", false, "SERVFAIL"},
		{"one is down", map[string]dns.Handler{"127.0.0.2": nil}, func(t *testing.T, w *world) {
			w.publish(at, key, "127.0.0.2")
		}, "temp; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 temp", false, "connection refused"},
		{"one is lame", twoServers, func(t *testing.T, w *world) {
			w.publish(at, key, "127.0.0.2", "127.0.0.3")
			w.ns["127.0.0.3"].Lame()
		}, "temp; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 temp", false, "is not authoritative"},
		{"one address of a server is down", twoServers, func(t *testing.T, w *world) {
			w.publish(at, key, "127.0.0.2", "127.0.0.3")
			rr, _ := dns.NewRR("ns2.example.com. 300 IN A 127.0.0.9")
			w.resolver.Add(rr)
		}, "ok; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 ok; ns2.example.com 127.0.0.9 temp", true, "all 2"},
		{"a server without an address", twoServers, func(t *testing.T, w *world) {
			w.publish(at, key, "127.0.0.2", "127.0.0.3")
			rr, _ := dns.NewRR("example.com. 300 IN NS ns3.example.com.")
			w.resolver.Add(rr)
		}, "temp; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 ok; ns3.example.com temp", false, "has no address"},
		{"no zone", twoServers, func(t *testing.T, w *world) {
			w.resolver.Remove("example.com")
		}, "temp", false, "no zone holds"},
		{"in a zone of its own", map[string]dns.Handler{"127.0.0.2": nil, "127.0.0.3": nil, "127.0.0.4": nil}, func(t *testing.T, w *world) {
			rr, _ := dns.NewRR("_domainkey.example.com. 300 IN NS ns.provider.example.")
			w.resolver.Add(rr)
			w.publish(at, key, "127.0.0.4")
		}, "ok; ns.provider.example 127.0.0.4 ok", true, "all 1"},
		{"doubled name", twoServers, func(t *testing.T, w *world) {
			w.resolver.TXT(at+".example.com", record(key))
		}, "nxdomain; ns1.example.com 127.0.0.2 nxdomain; ns2.example.com 127.0.0.3 nxdomain", false, "there is a record at " + at + ".example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.servers)
			c.setup(t, w)
			r := w.checker.Everywhere(t.Context(), "example.com", "s1", key)
			if got := show(r); got != c.want || r.Works != c.works || !strings.Contains(r.Detail, c.detail) {
				t.Errorf("got  %s works=%v %q\nwant %s works=%v %q", got, r.Works, r.Detail, c.want, c.works, c.detail)
			}
		})
	}
}

// TestEverywhereFollowsDelegation: a selector that is a CNAME is judged by the
// servers of the zone it leads to, as far as all servers of the first agree.
func TestEverywhereFollowsDelegation(t *testing.T) {
	key := rsaPublic()
	three := map[string]dns.Handler{"127.0.0.2": nil, "127.0.0.3": nil, "127.0.0.4": nil}
	const target = "k1.provider.example"
	for _, c := range []struct {
		name  string
		setup func(t *testing.T, w *world)
		want  string
		cname string
	}{
		{"published there", func(t *testing.T, w *world) {
			w.delegate(t, at, target, "127.0.0.2", "127.0.0.3")
			w.publish(target, key, "127.0.0.4")
		}, "ok; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 ok; ns.provider.example 127.0.0.4 ok", target},
		{"not there, stale copy here", func(t *testing.T, w *world) {
			w.delegate(t, at, target, "127.0.0.2", "127.0.0.3")
			w.publish(target, key, "127.0.0.2", "127.0.0.3")
		}, "nxdomain; ns1.example.com 127.0.0.2 nxdomain; ns2.example.com 127.0.0.3 nxdomain; ns.provider.example 127.0.0.4 nxdomain", target},
		{"one server has no CNAME yet", func(t *testing.T, w *world) {
			w.delegate(t, at, target, "127.0.0.2")
			w.publish(target, key, "127.0.0.4")
		}, "nxdomain; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 nxdomain; ns.provider.example 127.0.0.4 ok", ""},
		{"two steps", func(t *testing.T, w *world) {
			w.delegate(t, at, "step.example.com", "127.0.0.2", "127.0.0.3")
			w.delegate(t, "step.example.com", target, "127.0.0.2", "127.0.0.3")
			w.publish(target, key, "127.0.0.4")
		}, "ok; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 ok; ns1.example.com 127.0.0.2 ok; ns2.example.com 127.0.0.3 ok; ns.provider.example 127.0.0.4 ok", "step.example.com " + target},
		{"circle over two zones", func(t *testing.T, w *world) {
			w.delegate(t, at, target, "127.0.0.2", "127.0.0.3")
			w.delegate(t, target, at, "127.0.0.4")
		}, "nodata; ns1.example.com 127.0.0.2 nodata; ns2.example.com 127.0.0.3 nodata; ns.provider.example 127.0.0.4 nodata", target + " " + at},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, three)
			c.setup(t, w)
			r := w.checker.Everywhere(t.Context(), "example.com", "s1", key)
			if got := show(r); got != c.want || strings.Join(r.CNAME, " ") != c.cname || r.Works != (r.Code == OK) {
				t.Errorf("got  %s via %q (%s)\nwant %s via %q", got, r.CNAME, r.Detail, c.want, c.cname)
			}
		})
	}
}

// TestEverywhereResolverDown: without the name servers' names nothing is known.
func TestEverywhereResolverDown(t *testing.T) {
	c := withOptions(t, resolve.Options{Servers: []string{dnstest.Serve(t, dnstest.Silent())}, Try: 10 * time.Millisecond})
	if r := c.Everywhere(t.Context(), "example.com", "s1", rsaPublic()); r.Code != Temp || !strings.Contains(r.Detail, "looking for the zone of") {
		t.Errorf("got %+v", r)
	}
	if r := c.Everywhere(t.Context(), "example.com", "a b", rsaPublic()); r.Code != Syntax {
		t.Errorf("got %+v", r)
	}
}

// TestManyServers: a hostile zone cannot have us ask thousands.
func TestManyServers(t *testing.T) {
	w := newWorld(t, map[string]dns.Handler{"127.0.0.2": nil})
	for range 3 {
		for i := range 100 {
			rr := &dns.A{Hdr: dns.RR_Header{Name: "ns1.example.com.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(127, 0, 1, byte(i))}
			w.resolver.Add(rr)
		}
	}
	_, answers, err := w.checker.Authoritative(t.Context(), at)
	if err != nil || len(answers) != maxServers {
		t.Errorf("%d servers were asked: %v", len(answers), err)
	}
}
