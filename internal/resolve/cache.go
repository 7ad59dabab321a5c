package resolve

import (
	"sync"
	"time"
)

const (
	maxKept     = time.Hour       // an answer is used for no longer
	maxAbsence  = 5 * time.Minute // an absence is believed for no longer
	maxCachings = 4096            // answers that are kept
)

// cache keeps answers of resolvers for their TTL. It is small on purpose: what
// gains by it is what many domains share, such as the addresses of name
// servers and the target of a delegated selector.
type cache struct {
	now func() time.Time

	mu sync.Mutex
	m  map[Question]kept
}

type kept struct {
	answer *Answer
	until  time.Time
}

// get returns a kept answer with the rest of its TTL.
func (c *cache) get(q Question) (*Answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.m[q]
	left := k.until.Sub(c.now())
	if !ok || left <= 0 {
		return nil, false
	}
	a := *k.answer
	a.TTL = min(a.TTL, left)
	return &a, true
}

func (c *cache) put(q Question, a *Answer) {
	limit := maxKept
	if len(a.Records) == 0 {
		limit = maxAbsence
	}
	ttl := min(a.TTL, limit)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ttl <= 0 {
		delete(c.m, q)
		return
	}
	if len(c.m) >= maxCachings {
		c.shrink()
	}
	c.m[q] = kept{a, c.now().Add(ttl)}
}

// shrink forgets what has ended, and more until a quarter is free.
func (c *cache) shrink() {
	now := c.now()
	for q, k := range c.m {
		if !k.until.After(now) {
			delete(c.m, q)
		}
	}
	for q := range c.m {
		if len(c.m) <= maxCachings*3/4 {
			break
		}
		delete(c.m, q)
	}
}
