package daemon

import (
	"context"
	"net"
	"time"

	"github.com/vmapd/vmapd/lookup/auth"
	"github.com/vmapd/vmapd/lookup/dict"
)

// dict makes the service of a [[listen]] section with that protocol.
func (d *Daemon) dict(l *Listen) (service, error) {
	s := &dict.Server{
		Open:           d.metrics.dicts(d.hurry, d.logins.dicts.Open),
		Idle:           l.IdleTimeout.D(),
		RequestTimeout: l.RequestTimeout.D(),
		Prompt:         d.prompt,
		OnRefused:      d.onRefused(l),
		PassOn:         func(nc net.Conn, said []byte) { d.bequeathConn(nc, &auth.Passed{Said: said}) },
	}
	resume := func(ctx context.Context, nc net.Conn, p *auth.Passed) error { return s.Resume(ctx, nc, p.Said) }
	return &lines{server: s, resume: resume}, nil
}

// dicts wraps what opens dicts with counting. As with lookups, the context of a
// connection that drains is replaced by ctx.
func (m *metrics) dicts(ctx context.Context, open func(*dict.Client) (dict.Dict, error)) func(*dict.Client) (dict.Dict, error) {
	counts := m.tallies.of("dict", []string{"auth", "quota", "quota_clone", "lastlogin"})
	return func(c *dict.Client) (dict.Dict, error) {
		next, err := open(c)
		if err != nil {
			counts.stripe(ctx).answered(counts.table(unknownTable), answerError)
			return nil, err
		}
		return &countedDict{next, ctx, counts, counts.table(c.Name)}, nil
	}
}

// countedDict counts what is asked of a dict.
type countedDict struct {
	next   dict.Dict
	ctx    context.Context
	counts *tally
	table  int
}

func (d *countedDict) Lookup(conn context.Context, r *dict.Request, dst []byte) ([]byte, bool, error) {
	start := time.Now()
	value, ok, err := d.next.Lookup(d.ctx, r, dst)
	d.count(conn, ok, err)
	d.counts.stripe(conn).took(time.Since(start))
	return value, ok, err
}

func (d *countedDict) Iterate(ctx context.Context, r *dict.IterateRequest, yield func(key, value []byte) bool) error {
	err := d.next.Iterate(ctx, r, yield)
	d.count(ctx, true, err)
	return err
}

func (d *countedDict) Commit(conn context.Context, t *dict.Transaction, done func(error)) {
	d.next.Commit(d.ctx, t, func(err error) {
		d.count(conn, true, err)
		done(err)
	})
}

// count counts an answer; whatever a dict cannot do may work later.
func (d *countedDict) count(conn context.Context, ok bool, err error) {
	r := answerTemp
	if err == nil {
		r = resultOf(ok, nil)
	}
	d.counts.stripe(conn).answered(d.table, r)
}
