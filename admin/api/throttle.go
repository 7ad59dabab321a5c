package api

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

// throttle slows down those who try tokens: a network has so many wrong ones,
// and gets one more every few seconds. Nobody can guess one of 2^160 tokens;
// what this spares is the database and the log.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	debts map[netip.Prefix]debt
}

// debt is how many wrong tokens are not forgotten yet, at a time.
type debt struct {
	n  float64
	at time.Time
}

const (
	wrongTokens  = 20              // at once
	forgiveEvery = 3 * time.Second // one of them
	maxDebtors   = 4096
)

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, debts: map[netip.Prefix]debt{}}
}

// wait returns for how many seconds a network is refused, 0 if it is not.
func (t *throttle) wait(p netip.Prefix) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	over := t.left(t.debts[p]) - (wrongTokens - 1)
	if over <= 0 {
		return 0
	}
	return int(math.Ceil(over * forgiveEvery.Seconds()))
}

func (t *throttle) failed(p netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := debt{t.left(t.debts[p]) + 1, t.now()}
	if _, known := t.debts[p]; !known && len(t.debts) >= maxDebtors {
		t.makeRoom()
	}
	t.debts[p] = d
}

// makeRoom forgets those who owe nothing any more, or else the half of whoever
// comes first.
func (t *throttle) makeRoom() {
	for p, d := range t.debts {
		if t.left(d) == 0 {
			delete(t.debts, p)
		}
	}
	for p := range t.debts {
		if len(t.debts) < maxDebtors/2 {
			return
		}
		delete(t.debts, p)
	}
}

func (t *throttle) left(d debt) float64 {
	return max(0, d.n-float64(t.now().Sub(d.at))/float64(forgiveEvery))
}
