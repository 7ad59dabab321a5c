package linetest

import (
	"context"
	"io"
)

// looped is a Conn as on an event loop: in every call of the loop's function there
// is one read's worth of input, and some writes find room for a part only.
type looped struct {
	Conn
	running bool
	writes  int
	end     error // that In has come to
}

// OnLoop says that it is on one.
func (c *looped) OnLoop() bool { return true }

// TryRead reads within Run; outside it nothing has come yet.
func (c *looped) TryRead(p []byte) (int, error) {
	if !c.running {
		return 0, c.end
	}
	c.running = false
	n, err := c.In.Read(p)
	if n == 0 {
		c.end = err
		return 0, err
	}
	return n, nil
}

// TryWrite writes every third time the half of it.
func (c *looped) TryWrite(p []byte) (int, error) {
	if c.writes++; c.writes%3 == 0 {
		p = p[:len(p)/2]
	}
	return c.Write(p)
}

// Run calls f while there is input.
func (c *looped) Run(f func() (stay bool)) error {
	for stay := true; stay; {
		c.running = true
		stay = f()
		c.running = false
		if stay && c.end != nil {
			return c.end // the goroutine is to find it
		}
	}
	return nil
}

// RunLooped is Run on an event loop.
func RunLooped(serve ServeFunc, in io.Reader) (string, error) {
	c := &looped{Conn: Conn{In: in}}
	err := serve(context.Background(), c)
	return c.Out.String(), err
}
