package outside

import (
	"context"
	"sync"
	"time"
)

// breaker keeps questions from a server that does not answer.
type breaker struct {
	mu      sync.Mutex
	why     error // nil: the server is in service
	since   time.Time
	tripped chan struct{}   // closed when the server goes out of service; nil while it is
	wake    chan struct{}   // for watch
	told    func(why error) // of each change; nil: the server is in service again
}

func newBreaker(told func(error)) *breaker {
	return &breaker{tripped: make(chan struct{}), wake: make(chan struct{}, 1), told: told}
}

// state returns why and since when the server is out of service; or nil, and a
// channel that is closed when it goes.
func (b *breaker) state() (tripped <-chan struct{}, since time.Time, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tripped, b.since, b.why
}

// trip takes the server out of service.
func (b *breaker) trip(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why == nil {
		b.since = time.Now()
		close(b.tripped)
		b.told(why)
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	b.why = why
}

// restore puts it back.
func (b *breaker) restore() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why != nil {
		b.why, b.tripped = nil, make(chan struct{})
		b.told(nil)
	}
}

// The time between two probes of a server that is out of service: the first one
// comes soon, for it may have been a single connection that failed.
const (
	firstProbe = 100 * time.Millisecond
	lastProbe  = 10 * time.Second
)

// watch tries a server that is out of service again and again, until ctx ends.
func (b *breaker) watch(ctx context.Context, try func(context.Context) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		for pause := firstProbe; ; pause = min(2*pause, lastProbe) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			err := try(ctx)
			if err == nil {
				b.restore()
				break
			}
			if ctx.Err() == nil {
				b.trip(err)
			}
		}
	}
}
