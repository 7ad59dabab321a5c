package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/dkim/milter"
	"github.com/vmapd/vmapd/internal/evloop"
	"github.com/vmapd/vmapd/lookup/auth"
	"github.com/vmapd/vmapd/lookup/dict"
	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/socketmap"
	"github.com/vmapd/vmapd/lookup/tcptable"
)

// The states of a conn.
const (
	busy    uint32 = iota // a request was read and is being answered
	fresh                 // waiting for the first byte
	waiting               // for a request
	silent                // waiting, and was so when the gate last looked
	evicted               // closed by the gate
)

// conn is a connection that came through a gate.
type conn struct {
	net.Conn
	gate    *gate
	serial  uint64 // in the order of acceptance
	asked   bool   // something was read; known to the reader alone
	state   atomic.Uint32
	ctx     context.Context // ends when the connection is to end after the request at hand
	finish  context.CancelFunc
	last    atomic.Bool // the request that comes is the last
	expired atomic.Bool
	passed  bool // another process has it; written before Close
	closed  sync.Once
	loop    *evloop.Conn // Conn, if it is on an event loop
}

// firstWord is for how long a connection that has not said anything yet may do so
// when it drains: its client may have been disappointed once, by a connection
// that ended while it idled, and Postfix tries a second time only
// (src/global/dict_sockmap.c).
const firstWord = 500 * time.Millisecond

// Read reads, and lets the gate know whether the connection idles.
func (c *conn) Read(b []byte) (int, error) {
	c.await()
	n, err := c.Conn.Read(b)
	c.heard(n)
	return n, err
}

// OnLoop reports whether the connection is on an event loop: then the following
// may be called.
func (c *conn) OnLoop() bool { return c.loop != nil }

// TryRead is Read, but returns 0 and no error if nothing is there.
func (c *conn) TryRead(b []byte) (int, error) {
	n, err := c.loop.TryRead(b)
	if n > 0 || err != nil {
		c.heard(n)
	}
	return n, err
}

// TryWrite writes what there is room for at once.
func (c *conn) TryWrite(b []byte) (int, error) { return c.loop.TryWrite(b) }

// Run has the event loop call f whenever there may be something to read. Between
// two calls the connection idles.
func (c *conn) Run(f func() (stay bool)) error {
	c.await()
	err := c.loop.Run(func() bool {
		stay := f()
		if stay {
			c.await()
		}
		return stay
	})
	c.heard(0)
	return err
}

// await says that the connection idles from now on.
func (c *conn) await() {
	if c.asked {
		c.state.CompareAndSwap(busy, waiting)
	} else {
		c.state.CompareAndSwap(busy, fresh)
	}
}

// heard says that it does not, n bytes having been read.
func (c *conn) heard(n int) {
	if c.state.Swap(busy) == evicted {
		c.state.Store(evicted)
	}
	c.asked = c.asked || n > 0
	if n > 0 && c.last.Load() {
		c.expire()
	}
}

// NetConn gives the connection itself, to those who ask for its peer.
func (c *conn) NetConn() net.Conn { return c.Conn }

// evict claims a connection that waits; a request that arrives at the same
// time loses.
func (c *conn) evict() bool {
	return c.state.CompareAndSwap(fresh, evicted) || c.state.CompareAndSwap(silent, evicted)
}

// SetReadDeadline sets the deadline unless the connection drains: then it
// stays in the past, whatever a protocol wants.
func (c *conn) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	if c.expired.Load() {
		return c.Conn.SetReadDeadline(time.Unix(1, 0))
	}
	return err
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// expire ends the connection after the request at hand: the Read that waits
// fails, and all that come.
func (c *conn) expire() {
	c.finish()
	c.expired.Store(true)
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // else the connection has ended
}

// expireSoon is expire, but lets a connection that is new say something first.
func (c *conn) expireSoon() {
	c.last.Store(true)
	if c.state.Load() == fresh {
		time.AfterFunc(firstWord, c.expire)
	} else {
		c.expire()
	}
}

// Close closes the connection and takes it off the gate's list. On TCP a
// close with unread input resets the connection and may take an answer on its
// way with it; when draining, input is therefore awaited for a moment, unless the
// connection goes on in another process.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.closed.Do(func() {
		if tcp, ok := c.Conn.(halfCloser); ok && c.Conn.LocalAddr().Network() == "tcp" && c.expired.Load() && !c.passed {
			linger(tcp)
		}
		err = c.Conn.Close()
		c.finish()
		c.gate.mu.Lock()
		delete(c.gate.conns, c)
		c.gate.mu.Unlock()
	})
	return err
}

// halfCloser is a connection whose one direction can be closed.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// linger lets the peer see the end of the stream and close first.
func linger(tcp halfCloser) {
	if tcp.CloseWrite() != nil {
		return
	}
	if tcp.SetReadDeadline(time.Now().Add(200*time.Millisecond)) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(tcp, 64<<10))
	}
}

// blame says what a peer did wrong, "" if nothing.
func blame(err error) string {
	var sm *socketmap.ProtocolError
	var tt *tcptable.ProtocolError
	var dp *dict.ProtocolError
	var ap *auth.ProtocolError
	var mp *milter.ProtocolError
	var pp *policy.ProtocolError
	switch {
	case errors.As(err, &sm), errors.As(err, &tt), errors.As(err, &dp), errors.As(err, &ap), errors.As(err, &mp), errors.As(err, &pp):
		return "closed a connection: what came in is not the protocol"
	case isTimeout(err):
		return "closed a connection: the peer was too slow"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "a peer left in the middle of a request"
	}
	return ""
}
