package guard

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Kind is what an Event says.
type Kind string

// The kinds of events.
const (
	Failed    Kind = "failed"    // a wrong password that was not known to be one
	Succeeded Kind = "succeeded" // a login that makes a place known, or forgives something
	Forgiven  Kind = "forgiven"  // Forgive, or with a Network ForgivePrefix
)

// Event is what one node tells the others.
type Event struct {
	Kind        Kind
	Account     string
	Remote      netip.Addr
	Network     netip.Prefix
	Fingerprint uint64
	Age         time.Duration // how long ago it was, for who receives it
}

// MaxAccount is the length of the longest account that is told to others, in
// bytes: that of the longest address (RFC 5321 section 4.5.3.1) and some.
const MaxAccount = 512

// Valid reports whether an event makes sense.
func (e *Event) Valid() bool {
	switch {
	case len(e.Account) > MaxAccount || e.Age < 0:
		return false
	case e.Kind == Forgiven:
		return e.Account != "" || e.Network.IsValid()
	}
	return e.Kind == Failed || e.Kind == Succeeded
}

// Shared is a way to the other nodes. Each method is called by one goroutine
// at a time. Errors are of its own making: none of them has an effect on logins.
type Shared interface {
	// Key returns the key of the fingerprints that all nodes use: mine, if
	// there is none yet.
	Key(ctx context.Context, mine [32]byte) ([32]byte, error)
	// Publish gives events to the other nodes. After an error it is called
	// with the same events again.
	Publish(ctx context.Context, events []Event) error
	// Receive waits some seconds for events of other nodes, and returns them
	// in order, or none. At first it returns those of the past.
	Receive(ctx context.Context) ([]Event, error)
}

const (
	maxQueue = 4096        // events that wait for Publish; more are not told to anyone
	maxBatch = 256         // events given to Publish at once
	keyEvery = time.Minute // between looks for the key: the other side may have lost it
)

// What goes wrong with the other nodes, and has a place of its own in
// Guard.apart.
const (
	telling = iota
	hearing
)

var errNotYet = errors.New("the other nodes have not been reached yet")

// Apart says why this node counts alone although it has a Shared: the error of
// the last try to reach the others. Nil is "it works", or "nobody shares".
func (g *Guard) Apart() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(g.apart[:]...)
}

// Run tells other nodes what is counted here and counts what they tell, until
// ctx ends. Without Settings.Shared it returns at once. Failures go to
// Settings.OnShareError and are tried again; what cannot be told meanwhile, and
// before Run, is kept up to some thousand events.
func (g *Guard) Run(ctx context.Context) {
	s := g.s.Shared
	if s == nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { g.receive(ctx, s) })
	wg.Go(func() { g.publish(ctx, s) })
	wg.Wait()
}

// tell queues an event. g.mu is held.
func (g *Guard) tell(e Event) {
	if g.events == nil {
		return
	}
	e.Remote = plain(e.Remote)
	if e.Valid() {
		select {
		case g.events <- e:
			return
		default:
		}
	}
	g.stats.Unshared++
}

func (g *Guard) publish(ctx context.Context, s Shared) {
	retry := pauses{g: g, what: telling}
	for {
		batch := g.nextBatch(ctx)
		if len(batch) == 0 {
			return
		}
		for {
			err := s.Publish(ctx, batch)
			if err == nil {
				retry.reset()
				break
			}
			if !retry.wait(ctx, err) {
				return
			}
		}
	}
}

// nextBatch waits for an event and takes those that are there. It gives none
// when ctx has ended.
func (g *Guard) nextBatch(ctx context.Context) []Event {
	var batch []Event
	select {
	case <-ctx.Done():
		return nil
	case e := <-g.events:
		batch = append(batch, e)
	}
	for len(batch) < maxBatch {
		select {
		case e := <-g.events:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

func (g *Guard) receive(ctx context.Context, s Shared) {
	retry := pauses{g: g, what: hearing}
	var looked time.Time
	for ctx.Err() == nil {
		err := error(nil)
		if time.Since(looked) > keyEvery {
			err = g.agree(ctx, s)
			looked = time.Now()
		}
		if err == nil {
			var events []Event
			events, err = s.Receive(ctx)
			for i := range events {
				g.apply(&events[i])
			}
		}
		if err == nil {
			retry.reset()
			continue
		}
		looked = time.Time{} // it may come back empty
		if !retry.wait(ctx, err) {
			return
		}
	}
}

// agree takes the key that the nodes share.
func (g *Guard) agree(ctx context.Context, s Shared) error {
	key, err := s.Key(ctx, *g.key.Load())
	if err == nil {
		g.key.Store(&key)
	}
	return err
}

// apply counts what happened on another node.
func (g *Guard) apply(e *Event) {
	switch {
	case !e.Valid():
		return
	case e.Kind == Forgiven && e.Network.IsValid():
		g.forgivePrefix(e.Network)
		return
	case e.Kind == Forgiven:
		g.forgive(e.Account)
		return
	}
	k := g.keys(e.Account, e.Remote, e.Fingerprint)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.time()
	at := now - int64(min(e.Age, g.s.Remember))
	if e.Kind == Succeeded {
		g.succeed(&k, at, now)
		return
	}
	g.fail(e.Account, &k, g.isHome(&k, now), at)
}

// pauses are the ones between tries, growing.
type pauses struct {
	g    *Guard
	what int // telling or hearing
	next time.Duration
}

// reset says that a try went well.
func (p *pauses) reset() {
	p.next = 0
	p.note(nil)
}

func (p *pauses) note(err error) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	p.g.apart[p.what] = err
}

// wait reports err, and whether to try again after the pause that it made.
func (p *pauses) wait(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	p.note(err)
	if h := p.g.s.OnShareError; h != nil && !errors.Is(err, context.Canceled) {
		h(err)
	}
	first := p.g.s.ShareRetry
	p.next = min(max(first, 2*p.next), 50*first)
	t := time.NewTimer(p.next)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
