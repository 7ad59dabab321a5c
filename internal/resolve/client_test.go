package resolve

import (
	"context"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/internal/resolve/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`plain`: "plain", `\"`: `"`, `\\`: `\`, `\;`: ";", `\000\255`: "\x00\xff", `a\`: `a\`, `\12`: "12", `\\034`: `\034`, "": "",
	} {
		if got := unescape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNew(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := dir + "/" + name
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	conf := file("resolv.conf", "# comment\nnameserver 192.0.2.1\nnameserver 2001:db8::1\noptions rotate\n")
	for _, w := range []struct {
		o    Options
		want string
	}{
		{Options{ResolvConf: conf}, "192.0.2.1:53 [2001:db8::1]:53"},
		{
			Options{ResolvConf: conf, Servers: []string{"192.0.2.2", "192.0.2.3:5353", "2001:db8::2", "[2001:db8::3]", "[2001:db8::4]:54", "fe80::1%eth0"}},
			"192.0.2.2:53 192.0.2.3:5353 [2001:db8::2]:53 [2001:db8::3]:53 [2001:db8::4]:54 [fe80::1%eth0]:53",
		},
	} {
		c, err := New(w.o)
		if err != nil {
			t.Errorf("%+v: %v", w.o, err)
			continue
		}
		if got := strings.Join(c.servers, " "); got != w.want {
			t.Errorf("%+v: %s", w.o, got)
		}
	}
	for _, w := range []struct {
		o    Options
		want string
	}{
		{Options{Servers: []string{"localhost"}}, `DNS server "localhost" is not an address`},
		{Options{Servers: []string{"192.0.2.1:x"}}, "is not an address"},
		{Options{ResolvConf: dir + "/none"}, "name DNS servers in dkim.resolvers"},
		{Options{ResolvConf: file("empty", "search example.com\n")}, "names no DNS server"},
	} {
		if _, err := New(w.o); err == nil || !strings.Contains(err.Error(), w.want) {
			t.Errorf("%+v: %v, want %q", w.o, err, w.want)
		}
	}
}

// holding is a Resolver that holds its answers back, and counts.
type holding struct {
	arrived, release chan struct{}
	running, most    atomic.Int64
}

func (h *holding) Ask(context.Context, string, Question) (*Answer, error) {
	n := h.running.Add(1)
	defer h.running.Add(-1)
	for m := h.most.Load(); n > m && !h.most.CompareAndSwap(m, n); m = h.most.Load() {
	}
	h.arrived <- struct{}{}
	<-h.release
	return &Answer{Rcode: "NXDOMAIN"}, nil
}

func TestConcurrencyCap(t *testing.T) {
	h := &holding{arrived: make(chan struct{}, 12), release: make(chan struct{})}
	c := newClient(t, Options{Servers: []string{"192.0.2.1"}, Resolver: h, Concurrency: 3})
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() { c.Fresh(t.Context(), "example.com", "TXT") })
	}
	for range 3 {
		<-h.arrived
	}
	close(h.release)
	wg.Wait()
	if h.most.Load() != 3 {
		t.Errorf("%d look-ups at the same time, want 3", h.most.Load())
	}
}

// TestSlots: who waits for a slot may stop waiting.
func TestSlots(t *testing.T) {
	c := newClient(t, Options{Servers: []string{"192.0.2.1"}, Resolver: &holding{}, Concurrency: 1})
	c.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a, err := c.Lookup(ctx, "example.com", "TXT"); err == nil {
		t.Errorf("got %+v", a)
	}
}

// TestCacheIsBounded: it forgets rather than grow.
func TestCacheIsBounded(t *testing.T) {
	c := newClient(t, Options{Servers: []string{"192.0.2.1"}})
	for i := range 2 * maxCachings {
		c.cache.put(Question{Name: string(rune(i))}, &Answer{TTL: time.Minute})
	}
	if n := len(c.cache.m); n > maxCachings {
		t.Errorf("%d answers are kept", n)
	}
	if _, ok := c.cache.get(Question{Name: string(rune(2*maxCachings - 1))}); !ok {
		t.Error("the last answer is not kept")
	}
}

// TestKinds: each type of record has its text.
func TestKinds(t *testing.T) {
	z := dnstest.NewZone(t, "example.com. 60 IN MX 10 MX.Example.COM.", "null.example. 60 IN MX 0 .", "_s._tcp.example.com. 60 IN SRV 1 2 443 Host.example.com.",
		"1.2.0.192.in-addr.arpa. 60 IN PTR mx.example.com.", "mx.example.com. 60 IN A 192.0.2.1", "mx.example.com. 60 IN AAAA 2001:db8::1",
		"example.com. 60 IN SOA NS.example.com. h. 1 2 3 4 5", "example.com. 60 IN NS ns.example.com.")
	c := newClient(t, Options{Servers: []string{dnstest.Serve(t, z)}, Try: time.Minute, Timeout: time.Minute})
	for _, w := range [][3]string{
		{"example.com", "MX", "10 mx.example.com"},
		{"null.example", "MX", "0 ."},
		{"_s._tcp.example.com", "SRV", "1 2 443 host.example.com"},
		{"1.2.0.192.in-addr.arpa", "PTR", "mx.example.com"},
		{"mx.example.com", "A", "192.0.2.1"},
		{"mx.example.com", "AAAA", "2001:db8::1"},
		{"example.com", "SOA", "ns.example.com"},
		{"example.com", "NS", "ns.example.com"},
	} {
		a, err := c.Lookup(t.Context(), w[0], w[1])
		if err != nil {
			t.Errorf("%s %s: %v", w[0], w[1], err)
			continue
		}
		if diff := cmp.Diff([]string{w[2]}, a.Records); diff != "" {
			t.Errorf("%s %s: %s", w[0], w[1], diff)
		}
	}
}

// TestPrintable: nothing that a stranger wrote reaches a terminal as it is.
func TestPrintable(t *testing.T) {
	if got := Printable("a\x1b[31m\xff"); got != `a\027[31m\255` {
		t.Errorf("%q", got)
	}
	if got := Printable(strings.Repeat("\x00", 100000)); len(got) > maxShown+10 {
		t.Errorf("shows %d octets", len(got))
	}
}
