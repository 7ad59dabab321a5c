package dnscheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// tries is how often one server is asked before it counts as silent.
const tries = 2

// client asks questions until they are answered or the time is up.
type client struct {
	resolver Resolver
	servers  []string      // resolvers, address:port
	timeout  time.Duration // for one look-up, all tries
	slots    chan struct{} // one for each look-up that may run
	next     atomic.Uint32 // the server to begin with
	cache    cache
}

// recursive asks the resolvers. With fresh an answer that is kept here is not
// good enough.
func (c *client) recursive(ctx context.Context, name, kind string, fresh bool) (*Answer, error) {
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

// direct asks one authoritative server.
func (c *client) direct(ctx context.Context, server, name, kind string) (*Answer, error) {
	return c.ask(ctx, []string{server}, Question{Name: name, Type: kind})
}

// ask goes round the servers until one gives a definite answer. The time that
// a look-up may take begins when it has a slot.
func (c *client) ask(ctx context.Context, servers []string, q Question) (*Answer, error) {
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
