package auth

import (
	"bytes"
	"container/heap"
	"context"
	"time"
)

// smtpPatience is how long a request of service smtp may take. Postfix waits
// for 10 s (AUTH_TIMEOUT in src/xsasl/xsasl_dovecot_server.c).
const smtpPatience = 8 * time.Second

// later has the slow part of a check done.
func (c *client) later(r *request, rest Rest) {
	patience := c.limits.Check
	if r.smtp {
		patience = min(patience, smtpPatience)
	}
	ctx, cancel := context.WithCancel(c.work)
	r.cancel, r.started = cancel, time.Now()
	c.await(r, checking, r.started.Add(patience))
	c.spawn(func() {
		defer cancel()
		defer r.a.wipe()
		c.finish(r, rest(ctx))
	})
}

// finish answers a request whose slow check is done, unless it was answered or
// forgotten before.
func (c *client) finish(r *request, out Outcome) {
	var buf [256]byte
	reply := c.encode(buf[:0], r, &out)
	c.mu.Lock()
	now := c.open[r.id] == r && c.place(r, &out, reply)
	if now {
		c.out.add(reply)
	}
	c.mu.Unlock()
	if now {
		c.flush()
	}
}

// place decides when the reply to a request goes out: now, or it arranges what
// is to happen later. The caller holds mu.
func (c *client) place(r *request, out *Outcome, reply []byte) (now bool) {
	c.forget(r)
	switch {
	case out.Verdict == Unsure && r.smtp:
		if c.closing == serving {
			c.schedule(r, hanging, max(c.limits.Hangup, out.Delay))
		}
		c.severed = c.severed || c.closing != serving
		return false
	case out.Verdict != Yes && out.Delay > 0 && c.closing == serving:
		r.reply = bytes.Clone(reply)
		c.schedule(r, held, out.Delay)
		return false
	case out.Verdict == Yes && !r.a.NoLogin && !out.NoLogin && !out.Fields.has("nologin") && !out.Fields.has("proxy"):
		c.keep(r, out)
	}
	return true
}

// schedule lets something happen after a delay, or sooner if Postfix would
// not wait for it. The caller holds mu.
func (c *client) schedule(r *request, s state, delay time.Duration) {
	now := time.Now()
	r.at = now.Add(delay)
	if r.started.IsZero() {
		r.started = now
	}
	if last := r.started.Add(smtpPatience); r.smtp && last.Before(r.at) {
		r.at = last
	}
	r.state = s
	c.enter(r)
}

// await makes a request one that waits until at. Only the loop calls it.
func (c *client) await(r *request, s state, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(r)
	r.state, r.at = s, at
	c.enter(r)
	c.spend(r)
}

// spend sees to it that a request that stays is not the next one's scratch.
// Only the loop calls it. The caller holds mu.
func (c *client) spend(r *request) {
	if c.scratch == r && r.slot > 0 {
		c.scratch = nil
	}
}

// enter takes a request into open and due. The caller holds mu.
func (c *client) enter(r *request) {
	if c.open == nil {
		c.open = make(map[uint32]*request)
	}
	c.open[r.id] = r
	heap.Push(&c.due, r)
	switch {
	case !c.pumping:
		c.pumping = true
		c.spawn(c.pump)
	case r.slot == 1:
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// forget takes a request out of open and due. The caller holds mu.
func (c *client) forget(r *request) {
	if r.slot > 0 {
		heap.Remove(&c.due, r.slot-1)
	}
	if c.open[r.id] == r {
		delete(c.open, r.id)
	}
}

// drop forgets a request for good. Only the loop calls it, or who ends the
// loop. The caller holds mu.
func (c *client) drop(r *request) {
	c.forget(r)
	switch r.state {
	case checking:
		r.cancel()
	case exchanging:
		r.a.wipe()
	}
}

// pump lets happen what is due, until nothing is to come.
func (c *client) pump() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c.mu.Lock()
		queued := false
		for len(c.due) > 0 && c.closing == serving && !c.due[0].at.After(time.Now()) {
			r := c.due[0]
			c.forget(r)
			queued = c.happen(r) || queued
		}
		if len(c.due) == 0 || c.closing != serving {
			c.pumping = false
			c.mu.Unlock()
			if queued {
				c.flush()
			}
			return
		}
		timer.Reset(time.Until(c.due[0].at))
		c.mu.Unlock()
		if queued {
			c.flush()
		}
		select {
		case <-timer.C:
		case <-c.wake:
		case <-c.over:
		}
	}
}

// happen does what a request waited for, and reports whether it queued a line.
// The caller holds mu.
func (c *client) happen(r *request) bool {
	switch r.state {
	case held:
		c.out.add(r.reply)
		return true
	case checking:
		r.cancel()
		c.out.add(c.outOfTime(r))
		return !r.smtp
	case hanging:
		c.end(nil)
	case exchanging: // a CONT that comes now is told that it is too late
	}
	return false
}

// outOfTime is the reply to a request whose check takes too long. For service
// smtp it is the end of the connection.
func (c *client) outOfTime(r *request) []byte {
	if r.smtp {
		c.end(nil)
		return nil
	}
	return appendFail(nil, r.id, nil, tempFail, "", nil)
}

// agenda is a heap of requests, the one that is due first at its top.
type agenda []*request

// Len is for package heap, as are the others.
func (s agenda) Len() int { return len(s) }

// Less compares times.
func (s agenda) Less(i, j int) bool { return s[i].at.Before(s[j].at) }

// Swap lets requests know where they are.
func (s agenda) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].slot, s[j].slot = i+1, j+1
}

// Push adds a *request.
func (s *agenda) Push(x any) {
	r := x.(*request)
	*s = append(*s, r)
	r.slot = len(*s)
}

// Pop removes the last one.
func (s *agenda) Pop() any {
	old := *s
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	r.slot = 0
	return r
}
