package daemon

import (
	"context"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vmapd/vmapd/lookup/auth"
	"github.com/vmapd/vmapd/lookup/policy"
)

// policy makes the service of a [[listen]] section with that protocol. Its
// connections are handed over: Postfix waits for a second before it asks again
// on another.
func (d *Daemon) policy(l *Listen) (service, error) {
	s := &policy.Server{
		Decide:         d.metrics.policies(d.hurry, d.sending.rules.Decide),
		Prompt:         func(r *policy.Request) bool { return d.prompt() && d.sending.prompt(r) },
		Idle:           l.IdleTimeout.D(),
		RequestTimeout: l.RequestTimeout.D(),
		WriteTimeout:   l.RequestTimeout.D(),
		PassOn:         func(nc net.Conn, said []byte) { d.bequeathConn(nc, &auth.Passed{Said: said}) },
	}
	resume := func(ctx context.Context, nc net.Conn, p *auth.Passed) error { return s.Resume(ctx, nc, p.Said) }
	return &lines{server: s, resume: resume}, nil
}

// policyStates are what the metrics have in place of tables, in the order of
// policy.State, which begins with Unknown.
var policyStates = []string{"connect", "helo", "mail", "rcpt", "data", "end-of-message", "vrfy", "etrn"}

// policyActions are the labels of the verbs, in their order.
var policyActions = [...]string{
	policy.VerbDunno: "dunno", policy.VerbDeferIfPermit: "defer_if_permit", policy.VerbDefer: "defer",
	policy.VerbReject: "reject", policy.VerbCode: "reply", policy.VerbNone: "none",
}

// policies wraps decisions with counting. As with lookups, the context of a
// connection that drains is replaced by ctx.
func (m *metrics) policies(ctx context.Context, next policy.DecideFunc) policy.DecideFunc {
	counts := m.tallies.of("policy", policyStates)
	var actions [len(policyActions)]prometheus.Counter
	for i, label := range policyActions {
		actions[i] = m.decisions.WithLabelValues(label)
	}
	began := time.Now() // Since reads one clock where Now reads two
	return func(conn context.Context, r *policy.Request) policy.Action {
		start := time.Since(began)
		a := next(ctx, r)
		actions[a.Verb].Inc()
		s := counts.stripe(conn)
		s.answered((int(r.State)+len(policyStates))%(len(policyStates)+1), decision(a.Verb))
		s.took(time.Since(began) - start)
		return a
	}
}

// decision is what an action is among the results of lookups.
func decision(v policy.Verb) result {
	switch v {
	case policy.VerbDunno:
		return answerNotFound
	case policy.VerbNone:
		return answerTemp
	}
	return answerFound
}
