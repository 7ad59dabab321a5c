package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"
)

// idleParts is how many quiet deadlines in a row make an idle connection.
const idleParts = 4

// phase says what the read deadline that stands was set for.
type phase uint8

const (
	unarmed   phase = iota // no deadline
	idling                 // a part of Limits.Idle
	receiving              // the request at the head of the input
)

// conn is the state of one connection. The unread input is in[r:w].
type conn struct {
	nc     net.Conn
	pool   *Pool
	limits Limits

	settler Settler // the Protocol if it is one, else nil
	quitter Quitter // likewise
	lost    error   // why stream could not write
	cut     int     // bytes of the request at the head of the input, if Cut has found it
	ended   error   // of Cut or Quit, on the event loop
	looped  *looped // nil if nc is not on an event loop

	small    []byte  // Limits.Room bytes, for as long as the connection lives
	in       []byte  // small or borrowed.b
	borrowed *buffer // nil while small is enough
	r, w     int
	out      *buffer // nil while there is no reply to write

	phase     phase
	fresh     bool      // the request at the head of the input has no deadline yet
	company   bool      // others were read from since the last read
	quiet     int       // idle deadlines that passed since the last byte
	readUntil time.Time // the read deadline we set, zero if none
	writeArm  bool      // a write deadline was set
}

// serve is the loop of Serve.
func (c *conn) serve(ctx context.Context, p Protocol) error {
	for {
		if err := c.answer(ctx, p); err != nil {
			return err
		}
		if more, err := c.fill(ctx); !more || err != nil {
			return err
		}
	}
}

// answer answers every complete request in the input and writes the replies.
// An error of Cut is returned after the replies before it were written.
func (c *conn) answer(ctx context.Context, p Protocol) error {
	cutErr := c.ended
	for cutErr == nil && c.r < c.w {
		if cutErr = c.next(p); cutErr != nil || c.cut == 0 {
			break
		}
		if cutErr = c.one(ctx, p); c.lost != nil {
			return c.lost
		}
		if cutErr != nil {
			break
		}
		if len(c.out.b) >= FlushSize {
			if err := c.write(c.out.b); err != nil {
				return err
			}
			c.out.b = c.out.b[:0]
		}
	}
	if c.settler != nil && c.out != nil {
		c.out.b = c.settler.Settle(ctx, c.out.b)
		if c.lost != nil {
			return c.lost
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	return cutErr
}

// next finds the request at the head of the input.
func (c *conn) next(p Protocol) (err error) {
	if c.cut == 0 {
		c.cut, err = p.Cut(c.in[c.r:c.w])
	}
	return err
}

// one answers the request that next found. The error is that of Quit.
func (c *conn) one(ctx context.Context, p Protocol) error {
	if c.out == nil {
		c.out = c.pool.getOut()
	}
	end := c.r + c.cut
	c.out.b = p.Answer(ctx, c.out.b, c.in[c.r:end:end])
	c.r, c.cut = end, 0
	c.fresh = true
	if c.quitter != nil {
		return c.quitter.Quit()
	}
	return nil
}

// stream is the flush of a Streamer.
func (c *conn) stream(dst []byte) (rest []byte, ok bool) {
	if c.lost == nil && len(dst) > 0 {
		c.lost = c.write(dst)
	}
	return dst[:0], c.lost == nil
}

// flush writes the replies that have gathered and gives their buffer back.
func (c *conn) flush() error {
	if c.out == nil {
		return nil
	}
	if len(c.out.b) > 0 { // an empty write would wait for a reader on some connections
		if err := c.write(c.out.b); err != nil {
			return err
		}
	}
	c.pool.putOut(c.out)
	c.out = nil
	return nil
}

// fill reads some more input, if it cannot be answered on the event loop, or has
// the rest of what was read there answered. more is false when the connection is
// to be closed: at its end, after too long a silence, or for a drain.
func (c *conn) fill(ctx context.Context) (more bool, err error) {
	c.makeRoom()
	for {
		c.armRead()
		if ctx.Err() != nil { // after armRead, see the package comment
			return false, nil
		}
		n, err := c.read()
		if n > 0 {
			c.took(n)
			return true, nil // an error that came along comes again
		}
		if err == nil && c.left() {
			return true, nil
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return false, c.readError(err)
		}
		if again, err := c.expired(ctx); !again {
			return false, err
		}
	}
}

// read waits for input, or has the event loop answer it.
func (c *conn) read() (int, error) {
	switch {
	case c.r < c.w:
		return c.nc.Read(c.in[c.w:])
	case c.looped == nil:
		c.letOthers()
		return c.nc.Read(c.in[c.w:])
	}
	if n, err := c.looped.nc.TryRead(c.in[c.w:]); n > 0 || err != nil {
		return n, err
	}
	return 0, c.looped.run()
}

// took notes n bytes that were read.
func (c *conn) took(n int) {
	if c.w == c.r {
		c.fresh = true
	}
	c.w += n
	c.quiet = 0
	if c.looped == nil {
		c.company = c.pool.last.Swap(c) != c
	}
}

// left reports whether the event loop has left something to be done.
func (c *conn) left() bool { return c.r < c.w || c.out != nil || c.ended != nil }

// letOthers lets the connections that have a request go first. The client of
// this one has just got its answer and needs a moment for the next request: a
// read at once would find nothing, and cost a system call and a wait in the
// poller. A connection that is alone gains nothing, and loses by it.
func (c *conn) letOthers() {
	if c.company {
		runtime.Gosched()
	}
}

// makeRoom sees to it that there is room to read into: it moves the unread
// input to the front, into the small buffer if it fits there, else, if the
// buffer is full, into a larger one.
func (c *conn) makeRoom() {
	rest := c.in[c.r:c.w]
	switch {
	case c.borrowed != nil && len(rest) < len(c.small)/2:
		copy(c.small, rest)
		c.pool.putIn(c.borrowed)
		c.borrowed, c.in = nil, c.small
	case len(rest) == len(c.in):
		b := c.pool.getIn(len(rest), c.limits.MaxFrame+1) // one more, so that Cut meets what is too long
		copy(b.b, rest)
		c.pool.putIn(c.borrowed)
		c.borrowed, c.in = b, b.b
	case c.r > 0:
		copy(c.in, rest)
	}
	c.r, c.w = 0, len(rest)
}

// readError puts the end of the stream into words.
func (c *conn) readError(err error) error {
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read request: %w", err)
	}
	if c.r == c.w {
		return nil
	}
	return fmt.Errorf("client closed the connection after %d bytes of a request: %w", c.w-c.r, io.ErrUnexpectedEOF)
}
