// Package line carries request-reply protocols over one connection: it reads,
// cuts the stream into requests, has them answered in order, and writes the
// replies. What a request looks like is the [Protocol]'s business.
//
// # Replies
//
// All requests that arrived together are answered together: replies gather in
// one buffer, which is written when no complete request is left in the input
// or when it passes 16 KiB. A reply is never held back to wait for a request.
// A protocol with long replies is a [Streamer] as well, one with late replies a
// [Settler].
//
// # Memory
//
// A connection that waits holds 1 KiB, or [Limits.Room]. A request that does not fit there
// borrows a larger buffer from the server's [Pool], first 8 KiB and then one
// for the largest request allowed, as its bytes really arrive, and gives it
// back once it is answered. The reply buffer is borrowed only while there are
// replies to write. After the first few requests nothing is allocated.
//
// # Time
//
// Deadlines cost a timer operation and a look at the clock, so none is set on
// the way of an ordinary request. Idle time is counted in quarters of
// [Limits.Idle]: one deadline a quarter, however many requests were served in
// it. The deadline of a request is set only if it did not arrive in one piece.
// A write deadline is left standing over many writes; a write that meets it is
// given [Limits.WriteTimeout] from there on, and only then fails.
//
// # Event loops
//
// A connection of package evloop waits on its event loop, which answers the
// requests of a [Prompter] that need not wait for anything. All else is left to
// the goroutine: requests that arrive in pieces, or too many at once, replies that
// the client does not take at once, errors, deadlines, and drains.
//
// # Ending
//
// Cancelling ctx asks for a drain: the requests that were read are answered
// and Serve returns nil. The owner of the connection cancels ctx first and then
// expires the pending read with SetReadDeadline, in this order, because a
// deadline set here in between would undo the expiry.
package line

import (
	"bytes"
	"context"
	"net"
	"time"
)

// Protocol cuts requests out of a stream of bytes and answers them. Both
// methods are called by one goroutine per connection.
type Protocol interface {
	// Cut returns the size in bytes, frame included, of the request that b
	// begins with, 0 if b holds only the beginning of one. An error ends the
	// connection, after the replies to earlier requests were written. Cut must
	// return one at the latest when b is longer than Limits.MaxFrame. It may
	// alter the bytes of a request that is complete: Answer comes next.
	Cut(b []byte) (int, error)

	// Answer appends the reply to one request, as cut, to dst. It may alter
	// the bytes of the request, and must not keep them.
	Answer(ctx context.Context, dst, request []byte) []byte
}

// Streamer is a Protocol that writes while it answers, because a reply may be
// longer than what should gather in memory.
type Streamer interface {
	Protocol

	// Stream is called once, before the first request. flush writes dst, all
	// replies so far, and returns what to append to from there on. If the
	// client does not take them ok is false: the connection has ended, and
	// Answer or Settle should return at once.
	Stream(flush func(dst []byte) (rest []byte, ok bool))
}

// Settler is a Protocol that may owe a reply when Answer returns, because it
// begins several requests before it waits for the first.
type Settler interface {
	Protocol

	// Settle appends the replies that are owed. It is called when no complete
	// request is left in the input.
	Settle(ctx context.Context, dst []byte) []byte
}

// Quitter is a Protocol that may end the connection instead of answering.
type Quitter interface {
	Protocol

	// Quit is asked after each Answer. An error ends the connection as one of
	// Cut does.
	Quit() error
}

// Keeper is a Protocol whose connection may be served on by somebody else after
// a drain.
type Keeper interface {
	Protocol

	// Keep is given the beginning of a request that was read when Serve ends for
	// a drain, maybe nothing. It must not keep rest itself.
	Keep(rest []byte)
}

// Prompter is a Protocol that can be served on an event loop, see package evloop.
type Prompter interface {
	Protocol

	// Prompt reports whether the request that Cut has just found can be answered,
	// and settled, at once: without waiting for a lock that is held for long, a file,
	// a server, or the client. If not, it is answered in the goroutine of Serve.
	Prompt() bool
}

// Limits bound what one connection may cost. All fields but Idle and Room must be
// positive.
type Limits struct {
	Idle           time.Duration // silence between requests before the connection is closed, 0 for ever; honoured within a quarter
	RequestTimeout time.Duration // from the first read that brought a part of a request to its last byte
	WriteTimeout   time.Duration // for one write to make its way, at most a quarter longer
	MaxFrame       int           // bytes of the largest request with its frame
	Room           int           // bytes of an ordinary request, which a connection has room for all the time; 1 KiB if zero
}

// OrDefault returns a setting, or its default if it is not positive.
func OrDefault[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// Serve answers requests on nc until the client closes it, ctx ends, nc is
// idle for too long (all nil), or something goes wrong: the error of Cut as it
// is; io.ErrUnexpectedEOF, wrapped, if the client left within a request;
// os.ErrDeadlineExceeded, wrapped, if it was too slow; else the error of the
// connection. Serve does not close nc. If Answer panics, so does Serve, and
// the buffers of the connection are left to the collector.
func Serve(ctx context.Context, nc net.Conn, p Protocol, l Limits, pool *Pool) error {
	return Resume(ctx, nc, p, l, pool, nil)
}

// Resume is Serve for a connection of which something has been read before, by
// somebody else.
func Resume(ctx context.Context, nc net.Conn, p Protocol, l Limits, pool *Pool, said []byte) error {
	c := pool.conn(l)
	c.nc = nc
	c.settler, _ = p.(Settler)
	c.quitter, _ = p.(Quitter)
	if s, ok := p.(Streamer); ok {
		s.Stream(c.stream)
	}
	c.onLoop(ctx, p)
	if len(said) > 0 {
		c.borrowed = &buffer{bytes.Clone(said)}
		c.in, c.w = c.borrowed.b, len(said)
	}
	err := c.serve(ctx, p)
	if k, ok := p.(Keeper); ok && err == nil && ctx.Err() != nil {
		k.Keep(c.in[c.r:c.w])
	}
	pool.release(c)
	return err
}
