package auth

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// request is one AUTH that has no answer yet.
type request struct {
	id       uint32
	a        Attempt // belongs to the loop, and to the goroutine of a Rest from when that begins
	exchange Exchange
	head     []byte // the line AUTH from the id on, without a response; valid until that is answered
	said     []byte // in the exchange, while it goes on

	// what follows is guarded by client.mu
	state   state
	smtp    bool               // a temporary failure closes the connection
	started time.Time          // when a slow check began
	cancel  context.CancelFunc // ends a slow check
	reply   []byte             // that is held back
	at      time.Time          // when something is to happen, see client.happen
	slot    int                // in client.due, from 1; 0 if it is not there
}

// state says what a request waits for.
type state uint8

const (
	fresh      state = iota
	exchanging       // for CONT, until at
	checking         // for its Rest, until at
	held             // its reply goes out at the time
	hanging          // the connection is closed at the time
)

// auth begins a request.
func (c *client) auth(dst, args []byte) []byte {
	c.throttle()
	idText, rest, _ := cutField(args)
	name, rest, _ := cutField(rest)
	id, ok := parseID(idText)
	if !ok || len(name) == 0 {
		c.fail("client sent AUTH without an id and a mechanism")
		return dst
	}
	r := c.scratch
	if r == nil {
		r = new(request)
		c.scratch = r
	}
	r.id, r.said = id, nil
	r.head, _, _ = bytes.Cut(args, []byte("\tresp="))
	if bytes.IndexByte(r.head, 1) >= 0 { // parse takes escapes out in place
		r.head = bytes.Clone(r.head)
	}
	resp, behind := c.parser.parse(&r.a.Info, rest)
	r.a.Peer, r.smtp = c.peer, r.a.Service == "smtp"
	switch {
	case r.a.Service == "":
		clear(resp)
		c.fail("client sent AUTH without a service")
		return dst
	case len(behind) > 0:
		clear(resp)
		c.fail("client sent AUTH with fields behind resp=")
		return dst
	}
	n, ok := c.admit(id)
	switch {
	case !ok:
		clear(resp)
		c.fail(fmt.Sprintf("client sent AUTH with the id %d of a request that has no answer yet", id))
		return dst
	case n >= c.limits.InFlight:
		clear(resp)
		c.refused("AUTH", nil, fmt.Sprintf("%d requests of the connection have no answer yet", n))
		return c.conclude(dst, r, Outcome{})
	}
	return c.begin(dst, r, name, resp)
}

// admit says how many requests are open, and whether the id is free. A login
// of that id that was never asked for is forgotten.
func (c *client) admit(id uint32) (n int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept.len() > 0 {
		c.kept.take(id)
	}
	if len(c.open) == 0 {
		return 0, true
	}
	return len(c.open), c.open[id] == nil
}

// begin starts the exchange of a request. resp is nil if there was none.
func (c *client) begin(dst []byte, r *request, name, resp []byte) []byte {
	for i := range c.mechanisms {
		if m := &c.mechanisms[i]; m.Name == string(name) {
			r.a.Mechanism, r.exchange = m.Name, m.Start(&r.a)
			break
		}
	}
	if r.exchange == nil {
		clear(resp)
		c.refused("AUTH", nil, "the mechanism "+quote(name)+" is not offered")
		return c.conclude(dst, r, Outcome{Verdict: No})
	}
	r.a.own()
	if resp == nil || len(resp) == 0 && c.minor < 2 {
		return c.next(dst, r, nil)
	}
	return c.respond(dst, r, resp)
}

// cont takes a response.
func (c *client) cont(dst, args []byte) []byte {
	idText, rest, more := cutField(args)
	resp, _, _ := cutField(rest)
	id, ok := parseID(idText)
	if !ok || !more {
		c.fail("client sent CONT without an id and a response")
		return dst
	}
	c.mu.Lock()
	r := c.open[id]
	ok = r != nil && r.state == exchanging
	c.mu.Unlock()
	switch {
	case ok:
		return c.respond(dst, r, resp)
	case r != nil:
		c.fail(fmt.Sprintf("client sent CONT for request %d, which it was not asked for", id))
		return dst
	}
	return appendFail(dst, id, nil, NoCode, "Authentication request timed out", nil)
}

// respond decodes a response for the mechanism.
func (c *client) respond(dst []byte, r *request, resp []byte) []byte {
	response, ok := r.a.decode(resp)
	if !ok {
		return c.conclude(dst, r, Outcome{Verdict: No, Code: invalidBase64})
	}
	return c.next(dst, r, response)
}

// next goes on with the exchange, and has the password checked at its end.
func (c *client) next(dst []byte, r *request, response []byte) []byte {
	challenge, done, err := r.exchange.Next(response)
	switch {
	case err != nil:
		return c.conclude(dst, r, Outcome{Verdict: No})
	case !done:
		r.remember(response)
		c.await(r, exchanging, time.Now().Add(keepFor))
		return appendChallenge(dst, r.id, challenge)
	case len(challenge) > 0:
		r.a.final = append(r.a.final, challenge...)
	}
	if c.s.Check == nil {
		return c.conclude(dst, r, Outcome{})
	}
	out, rest := c.s.Check(&r.a)
	if rest != nil {
		c.later(r, rest)
		return dst
	}
	return c.conclude(dst, r, out)
}

// cancel forgets a request, or a login that nobody asked for yet.
func (c *client) cancel(dst, args []byte) []byte {
	text, _, _ := cutField(args)
	id, ok := parseID(text)
	if !ok {
		c.fail("client sent CANCEL without an id")
		return dst
	}
	c.mu.Lock()
	c.kept.take(id)
	if r := c.open[id]; r != nil {
		c.drop(r)
	}
	c.mu.Unlock()
	if c.resumed { // it may be one that was adopted
		c.s.logins.take(c.cpid, id, []byte(c.cookie))
	}
	if c.minor < 4 {
		return dst
	}
	return appendLine(append(dst, "CANCELLED\t"...), id)
}

// conclude answers a request from the loop: at once, later or never.
func (c *client) conclude(dst []byte, r *request, out Outcome) []byte {
	start := len(dst)
	dst = c.encode(dst, r, &out)
	c.mu.Lock()
	now := c.place(r, &out, dst[start:])
	c.spend(r)
	c.mu.Unlock()
	r.a.wipe()
	r.exchange = nil
	if !now {
		return dst[:start]
	}
	return dst
}
