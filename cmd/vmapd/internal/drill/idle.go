package drill

import (
	"sync"
	"testing"
	"time"
)

// Idle wakes every millisecond and does nothing. What it oversleeps is time in
// which this machine ran somebody else: no server could have answered sooner.
type Idle struct {
	mu      sync.Mutex
	longest time.Duration
}

// NewIdle begins at once and ends with the test.
func NewIdle(t testing.TB) *Idle {
	i := &Idle{}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); i.run(stop) }()
	t.Cleanup(func() { close(stop); <-done })
	return i
}

func (i *Idle) run(stop <-chan struct{}) {
	const each = time.Millisecond
	for last := time.Now(); ; {
		select {
		case <-stop:
			return
		case <-time.After(each):
		}
		now := time.Now()
		i.mu.Lock()
		i.longest = max(i.longest, now.Sub(last)-each)
		i.mu.Unlock()
		last = now
	}
}

// Turn returns the longest pause since the last call.
func (i *Idle) Turn() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	longest := i.longest
	i.longest = 0
	return longest
}
