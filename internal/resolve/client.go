package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// tries is how often one server is asked before it counts as silent.
const tries = 2

// Options say whom to ask, and how long to wait. The zero value asks the
// servers of /etc/resolv.conf.
type Options struct {
	Servers     []string         // resolvers, address or address:port; empty: those of ResolvConf
	ResolvConf  string           // default /etc/resolv.conf; read once, by New
	Try         time.Duration    // one question to one server, default 2 s
	Timeout     time.Duration    // one look-up with all tries, default 5 s
	Concurrency int              // look-ups at the same time, default 16
	Resolver    Resolver         // default: over the network
	Now         func() time.Time // default time.Now
}

// Client asks questions until they are answered or the time is up. Its methods
// may be called at the same time.
type Client struct {
	resolver Resolver
	servers  []string      // resolvers, address:port
	timeout  time.Duration // for one look-up, all tries
	slots    chan struct{} // one for each look-up that may run
	next     atomic.Uint32 // the server to begin with
	cache    cache
}

// New makes a Client.
func New(o Options) (*Client, error) {
	servers := o.Servers
	if len(servers) == 0 {
		conf := cmp.Or(o.ResolvConf, "/etc/resolv.conf")
		found, err := resolvConf(conf)
		if err != nil {
			return nil, fmt.Errorf("%w: name DNS servers in dkim.resolvers", err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s names no DNS server: name some in dkim.resolvers", conf)
		}
		servers = found
	}
	c := &Client{timeout: cmp.Or(o.Timeout, 5*time.Second), slots: make(chan struct{}, cmp.Or(o.Concurrency, 16)), resolver: o.Resolver}
	for _, s := range servers {
		a, err := ParseServer(s)
		if err != nil {
			return nil, fmt.Errorf("DNS server %w", err)
		}
		c.servers = append(c.servers, a)
	}
	c.cache = cache{now: o.Now, m: map[Question]kept{}}
	if o.Now == nil {
		c.cache.now = time.Now
	}
	if o.Resolver == nil {
		c.resolver = &miekg{try: cmp.Or(o.Try, 2*time.Second)}
	}
	return c, nil
}

// ParseServer reads the address of a resolver, and gives it the port of DNS unless
// it has one. The error begins with what was read.
func ParseServer(s string) (string, error) {
	if a, err := netip.ParseAddrPort(s); err == nil { // first: a zone may hold anything
		return a.String(), nil
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(a, 53).String(), nil
	}
	return "", fmt.Errorf("%q is not an address or address:port", s)
}

// Servers returns the resolvers that are asked, address:port.
func (c *Client) Servers() []string { return slices.Clone(c.servers) }

// Concurrency is how many look-ups may run at the same time.
func (c *Client) Concurrency() int { return cap(c.slots) }

// Now is the clock by which answers are kept.
func (c *Client) Now() time.Time { return c.cache.now() }

// Lookup asks the resolvers, or gives an answer that is kept for its TTL. kind
// is the type of record, such as TXT. Without a definite answer (NOERROR or
// NXDOMAIN) there is an error that says what each server said.
func (c *Client) Lookup(ctx context.Context, name, kind string) (*Answer, error) {
	return c.recursive(ctx, name, kind, false)
}

// Fresh is Lookup for those to whom an answer that is kept here is not good
// enough.
func (c *Client) Fresh(ctx context.Context, name, kind string) (*Answer, error) {
	return c.recursive(ctx, name, kind, true)
}

func (c *Client) recursive(ctx context.Context, name, kind string, fresh bool) (*Answer, error) {
	q := Question{Name: strings.ToLower(strings.TrimSuffix(name, ".")), Type: kind, Recurse: true}
	if !fresh {
		if a, ok := c.cache.get(q); ok {
			return a, nil
		}
	}
	first := int(c.next.Add(1) - 1)
	order := make([]string, 0, len(c.servers))
	for i := range c.servers {
		order = append(order, c.servers[(first+i)%len(c.servers)])
	}
	a, err := c.ask(ctx, order, q)
	if err == nil {
		c.cache.put(q, a)
	}
	return a, err
}

// Direct asks one authoritative server, an address:port.
func (c *Client) Direct(ctx context.Context, server, name, kind string) (*Answer, error) {
	return c.ask(ctx, []string{server}, Question{Name: name, Type: kind})
}

// ask goes round the servers until one gives a definite answer. The time that
// a look-up may take begins when it has a slot.
func (c *Client) ask(ctx context.Context, servers []string, q Question) (*Answer, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	said := make([]string, len(servers)) // each server's last excuse
	for range tries {
		for i, server := range servers {
			a, err := c.resolver.Ask(ctx, server, q)
			switch {
			case err == nil && !a.definite():
				said[i] = server + ": " + a.Rcode
			case err == nil && !q.Recurse && !a.Authoritative:
				said[i] = server + ": is not authoritative for " + q.Name
			case err == nil:
				return a, nil
			default:
				said[i] = server + ": " + excuse(err)
			}
			if ctx.Err() != nil {
				return nil, give(said)
			}
		}
	}
	return nil, give(said)
}

func give(said []string) error {
	var all []string
	for _, s := range said {
		if s != "" {
			all = append(all, s)
		}
	}
	return errors.New(strings.Join(all, "; "))
}

// excuse says in few words why there was no answer.
func excuse(err error) string {
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.As(err, &op):
		return fmt.Sprint(op.Err)
	}
	return err.Error()
}
