package manage

import (
	"fmt"
	"sync"
	"time"
)

// totals remembers for a moment how long lists are. Who turns pages deep in a
// long one wants the next page, and to count a hundred thousand rows takes as
// long as to find it. The first pages always count.
type totals struct {
	mu  sync.Mutex
	all map[string]total
}

type total struct {
	n  int64
	at time.Time
}

const (
	totalFor  = 10 * time.Second
	maxTotals = 1000
)

// total counts what a query gives, or for a deep page remembers it.
func (t *Tx) total(q *Query, query string, args ...any) (int64, error) {
	r, key := &t.m.totals, fmt.Sprint(query, args)
	if q.Offset >= deepPage && !t.writes {
		r.mu.Lock()
		old, ok := r.all[key]
		r.mu.Unlock()
		if ok && time.Since(old.at) < totalFor {
			return old.n, nil
		}
	}
	n, err := t.count(query, args...)
	if err == nil && !t.writes {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.all == nil || len(r.all) >= maxTotals {
			r.all = map[string]total{}
		}
		r.all[key] = total{n, time.Now()}
	}
	return n, err
}

// forget is called after each write.
func (r *totals) forget() {
	r.mu.Lock()
	r.all = nil
	r.mu.Unlock()
}
