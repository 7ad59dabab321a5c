package line

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Evented is what a connection on an event loop can do besides: an evloop.Conn, or
// one around it.
type Evented interface {
	TryRead(b []byte) (int, error)
	TryWrite(b []byte) (int, error)
	Run(f func() (stay bool)) error
	OnLoop() bool // else it only might have been
}

// looped is what a connection on an event loop is served with.
type looped struct {
	c   *conn
	nc  Evented
	ctx context.Context
	p   Prompter

	serve func() bool // answerThere, as a value that is made once
	err   error       // of a read on the loop
	panic *panicked   // of the protocol, likewise
}

// panicked is a panic on its way from the loop to the goroutine that is to have
// it, with the stack it had.
type panicked struct {
	value any
	stack []byte
}

// String is for whoever logs it.
func (p *panicked) String() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// onLoop sees whether the connection can be served on an event loop.
func (c *conn) onLoop(ctx context.Context, p Protocol) {
	prompter, ok := p.(Prompter)
	nc, there := c.nc.(Evented)
	if !ok || !there || !nc.OnLoop() {
		return
	}
	c.looped = &looped{c: c, nc: nc, ctx: ctx, p: prompter}
	c.looped.serve = c.looped.answerThere
}

// run has the loop serve the connection. It returns once there is something to be
// done that the loop cannot do.
func (l *looped) run() error {
	err := l.nc.Run(l.serve)
	if l.panic != nil {
		panic(l.panic)
	}
	if err == nil {
		err, l.err = l.err, nil
	}
	return err
}

// answerThere is called on the loop: it reads, answers and writes, and reports
// whether that was all there is to do.
func (l *looped) answerThere() (stay bool) {
	defer func() {
		if p := recover(); p != nil {
			l.panic, stay = &panicked{p, debug.Stack()}, false
		}
	}()
	c := l.c
	room := len(c.in) - c.w
	n, err := l.nc.TryRead(c.in[c.w:])
	if n == 0 {
		l.err = err
		return err == nil
	}
	c.took(n)
	if !l.answerAll() || !l.write() {
		return false
	}
	c.r, c.w = 0, 0
	return n < room && l.ctx.Err() == nil
}

// answerAll answers what was read. It reports whether that could be done at once.
func (l *looped) answerAll() bool {
	c := l.c
	for c.r < c.w {
		if c.ended = c.next(l.p); c.ended != nil || c.cut == 0 || !l.p.Prompt() {
			return false
		}
		if c.ended = c.one(l.ctx, l.p); c.ended != nil || c.lost != nil || len(c.out.b) >= FlushSize {
			return false
		}
	}
	if c.settler != nil {
		c.out.b = c.settler.Settle(l.ctx, c.out.b)
	}
	return true
}

// write writes the replies. It reports whether the client has taken all of them.
func (l *looped) write() bool {
	c := l.c
	if b := c.out.b; len(b) > 0 {
		n, err := l.nc.TryWrite(b)
		if n < len(b) || err != nil { // which comes again
			c.out.b = b[:copy(b, b[n:])]
			return false
		}
	}
	c.pool.putOut(c.out)
	c.out = nil
	return true
}
