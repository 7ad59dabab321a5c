package guard

import "time"

// A leaky bucket is the time at which it will be empty: that is the one number
// that adding, leaking and comparing need. For accounts and networks it is the
// "until" of the slot.

// level is the number of guesses in a bucket, rounded up.
func (l *Limit) level(until, now int64) int {
	if until <= now {
		return 0
	}
	return int((until - now + int64(l.Forget) - 1) / int64(l.Forget))
}

// add puts a guess into a bucket, at a time that may have passed already, and
// says by how much that has filled it: more than Refuse it does not hold.
func (l *Limit) add(until *int64, at int64) (added int64) {
	from := max(*until, at)
	full := at + int64(l.Refuse)*int64(l.Forget)
	*until = max(from, min(from+int64(l.Forget), full))
	return *until - from
}

// time gives the guard's clock as a count of nanoseconds. It starts so high
// that what is remembered from before has a time above zero too. g.mu is held.
func (g *Guard) time() int64 {
	if now := g.clock(); now > g.latest {
		g.latest = now
	}
	return g.latest
}

// clock is time without the lock: it may go backwards.
func (g *Guard) clock() int64 { return int64(g.s.Now().Sub(g.epoch)+g.s.Remember) + 1 }

// wall is the time of day at a count of the guard's clock.
func (g *Guard) wall(at int64) time.Time {
	return g.epoch.Add(time.Duration(at-1) - g.s.Remember)
}
