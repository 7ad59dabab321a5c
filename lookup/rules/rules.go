package rules

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/lookup/usage"
	"github.com/vmapd/vmapd/store"
)

// Data is what is known about accounts: a lookup.Resolver.
type Data interface {
	// Snapshot waits for the first snapshot; an error means that there is none
	// to be served.
	Snapshot(ctx context.Context) (*store.Snapshot, error)
	// Servable is Snapshot without waiting: nil if there is none.
	Servable() *store.Snapshot
	// OwnMailbox finds the mailbox that a recipient names by itself.
	OwnMailbox(s *store.Snapshot, recipient []byte) (store.Mailbox, bool)
}

// Usage knows how full mailboxes are: a usage.Usage.
type Usage interface {
	Of(m *store.Mailbox) (f usage.Figures, known bool)
}

// Counters count what is sent: a sendlimit.Engine.
type Counters interface {
	Take(ctx context.Context, c sendlimit.Charge) sendlimit.Verdict
}

// Hooks are told of what nobody is answered. They must not block.
type Hooks struct {
	Failed func(rule string, err error) // a rule panicked: it said nothing
	NoData func(err error)              // a question got no answer
}

// Rules answer policy requests. New makes them.
type Rules struct {
	data     Data
	usage    Usage
	counters Counters
	hooks    Hooks
	settings atomic.Pointer[compiled]
	rules    []rule
	pool     sync.Pool // of *question
}

// rule is one of the rules.
type rule struct {
	name string
	ask  func(ctx context.Context, q *question) policy.Action
}

// New makes rules. Each may be nil: counters, then nothing is limited; usage,
// then no mailbox is full.
func New(data Data, usage Usage, counters Counters, hooks Hooks, s Settings) *Rules {
	r := &Rules{data: data, usage: usage, counters: counters, hooks: hooks}
	r.rules = []rule{{"recipient", r.recipient}, {"quota", r.quota}, {"sending", r.sending}}
	r.pool.New = func() any { return new(question) }
	r.SetSettings(s)
	return r
}

// SetSettings changes the settings; questions that have begun keep the old ones.
func (r *Rules) SetSettings(s Settings) { r.settings.Store(compile(s)) }

// question is a request on its way through the rules. Questions are pooled, so
// that a decision allocates nothing.
type question struct {
	*policy.Request
	set  *compiled
	snap *store.Snapshot

	looked bool // the mailbox has been looked for
	here   bool // the recipient is a mailbox here
	box    store.Mailbox

	sender  sender
	buf     []byte
	charged [2]sendlimit.Limited
	account []sendlimit.Limit
	shared  []sendlimit.Limit // of the domain
	address [1]string
}

// Decide is a policy.DecideFunc.
func (r *Rules) Decide(ctx context.Context, req *policy.Request) policy.Action {
	set := r.settings.Load()
	if !set.concerns(req) {
		return policy.Dunno()
	}
	snap := r.data.Servable()
	if snap == nil {
		var err error
		if snap, err = r.data.Snapshot(ctx); err != nil {
			if r.hooks.NoData != nil {
				r.hooks.NoData(err)
			}
			return policy.None()
		}
	}
	q := r.pool.Get().(*question)
	q.Request, q.set, q.snap = req, set, snap
	action := r.decide(ctx, q)
	q.forget()
	r.pool.Put(q)
	return action
}

// concerns reports whether a rule could have something to say.
func (s *compiled) concerns(req *policy.Request) bool {
	switch req.State {
	case policy.Rcpt:
		return len(req.SASLUsername) > 0 || s.Recipients || s.Quota
	case policy.Data, policy.EndOfMessage:
		return len(req.SASLUsername) > 0
	}
	return false
}

func (r *Rules) decide(ctx context.Context, q *question) policy.Action {
	for i := range r.rules {
		if a := r.ask(ctx, &r.rules[i], q); a.Verb != policy.VerbDunno {
			return a
		}
	}
	return policy.Dunno()
}

// ask asks one rule. One that panics has nothing to say.
func (r *Rules) ask(ctx context.Context, what *rule, q *question) (a policy.Action) {
	defer func() {
		if p := recover(); p != nil {
			a = policy.Dunno()
			if r.hooks.Failed != nil {
				r.hooks.Failed(what.name, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
		}
	}()
	return what.ask(ctx, q)
}

// forget drops what would keep a request or a snapshot alive.
func (q *question) forget() {
	*q = question{buf: q.buf[:0], account: q.account[:0], shared: q.shared[:0]}
}
