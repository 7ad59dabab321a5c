package daemon

import (
	"context"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vmapd/vmapd/lookup/auth"
	"github.com/vmapd/vmapd/lookup/dict"
)

// dict makes the service of a [[listen]] section with that protocol.
func (d *Daemon) dict(l *Listen) (service, error) {
	s := &dict.Server{
		Open:           d.metrics.dicts(d.hurry, d.logins.dicts.Open),
		Idle:           l.IdleTimeout.D(),
		RequestTimeout: l.RequestTimeout.D(),
		OnRefused:      d.onRefused(l),
		PassOn:         func(nc net.Conn, said []byte) { d.bequeathConn(nc, &auth.Passed{Said: said}) },
	}
	resume := func(ctx context.Context, nc net.Conn, p *auth.Passed) error { return s.Resume(ctx, nc, p.Said) }
	return &lines{server: s, resume: resume}, nil
}

// dicts wraps what opens dicts with counting. As with lookups, the context of a
// connection that drains is replaced by ctx.
func (m *metrics) dicts(ctx context.Context, open func(*dict.Client) (dict.Dict, error)) func(*dict.Client) (dict.Dict, error) {
	const protocol = "dict"
	seconds := m.seconds.WithLabelValues(protocol)
	unknown := m.results(protocol, unknownTable)
	known := map[string]*results{}
	for _, name := range []string{"auth", "quota", "quota_clone", "lastlogin"} {
		known[name] = m.results(protocol, name)
	}
	return func(c *dict.Client) (dict.Dict, error) {
		next, err := open(c)
		if err != nil {
			unknown.failed.Inc()
			return nil, err
		}
		return &countedDict{next, ctx, known[c.Name], seconds}, nil
	}
}

// countedDict counts what is asked of a dict.
type countedDict struct {
	next    dict.Dict
	ctx     context.Context
	results *results
	seconds prometheus.Observer
}

func (d *countedDict) Lookup(_ context.Context, r *dict.Request, dst []byte) ([]byte, bool, error) {
	start := time.Now()
	value, found, err := d.next.Lookup(d.ctx, r, dst)
	d.count(found, err)
	d.seconds.Observe(time.Since(start).Seconds())
	return value, found, err
}

func (d *countedDict) Iterate(ctx context.Context, r *dict.IterateRequest, yield func(key, value []byte) bool) error {
	err := d.next.Iterate(ctx, r, yield)
	d.count(true, err)
	return err
}

func (d *countedDict) Commit(_ context.Context, t *dict.Transaction, done func(error)) {
	d.next.Commit(d.ctx, t, func(err error) {
		d.count(true, err)
		done(err)
	})
}

func (d *countedDict) count(found bool, err error) {
	switch {
	case err != nil:
		d.results.temp.Inc()
	case found:
		d.results.found.Inc()
	default:
		d.results.notFound.Inc()
	}
}
