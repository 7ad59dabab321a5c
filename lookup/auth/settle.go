package auth

import (
	"time"
)

// settle ends what the connection has open. When it drains, held replies go
// out at once and slow checks get some time.
func (c *client) settle(drain bool) (settled bool) {
	c.mu.Lock()
	c.closing = closed
	if drain {
		c.closing = draining
	}
	for _, r := range c.open {
		if drain && r.state == checking {
			continue
		}
		switch {
		case drain && r.state == held:
			c.out.add(r.reply)
		case r.state == exchanging:
			c.exchanges = append(c.exchanges, r.said...)
		case r.state == hanging:
			c.severed = true
		}
		c.drop(r)
	}
	c.mu.Unlock()
	close(c.over)
	if drain {
		c.flush()
		if settled = c.wait(c.limits.Drain); !settled {
			c.giveUp()
		}
	}
	switch { // nobody sets joined any more
	case !c.joined:
	case drain: // its clients go on to ask
		c.s.logins.orphan(c)
	default:
		c.s.logins.leave(c)
	}
	return settled && !c.severed
}

// giveUp says of the checks that are left that it cannot say.
func (c *client) giveUp() {
	c.mu.Lock()
	c.closing = closed
	for _, r := range c.open {
		if !r.smtp {
			c.out.add(appendFail(nil, r.id, nil, tempFail, "", nil))
		}
		c.drop(r)
	}
	c.mu.Unlock()
	c.flush()
}

// wait waits for the goroutines of the connection, which start no others any
// more, and reports whether they ended in time.
func (x *session) wait(patience time.Duration) bool {
	done := make(chan struct{})
	go func() {
		x.wg.Wait()
		close(done)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// keep remembers a login for its REQUEST. The caller holds mu.
func (c *client) keep(r *request, out *Outcome) {
	k := &kept{
		id: r.id, at: time.Now(), user: out.User, mechanism: r.a.Mechanism, service: r.a.Service,
		original: out.Original, master: out.Master, session: string(r.a.Session),
		remote: r.a.Remote, local: r.a.Local,
	}
	if c.minor >= 3 {
		k.localName = string(r.a.LocalName)
	}
	c.kept.add(k)
	if !c.joined {
		c.joined = true
		c.s.logins.join(c)
	}
}
