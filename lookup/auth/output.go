package auth

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// maxBacklog is how many bytes may be queued before the loop stops reading, and
// waits until they are written.
const maxBacklog = 64 << 10

// output is a connection to which several goroutines write lines. What is
// queued goes out before what is written later, so the order of lines is that
// of the queue and Write calls. It sets the write deadlines itself: one that
// stands is left standing over many writes, and a write that meets it is given
// its full time from there on.
type output struct {
	net.Conn
	patience time.Duration // for one write, at most a quarter longer
	loop     line.Evented  // the connection, if it is on an event loop

	turn  chan struct{} // holds a token while there is no write
	armed bool
	err   error // the first failure; there is no way to go on after half a line

	hurried atomic.Bool  // long patience is over
	backlog atomic.Int64 // bytes in queue

	queueMu      sync.Mutex
	queue, spare []byte
	flushing     bool // a goroutine writes what is queued, and what will be meanwhile
}

// newOutput returns an output to nc.
func newOutput(nc net.Conn, patience time.Duration) *output {
	o := &output{Conn: nc, patience: patience, turn: make(chan struct{}, 1)}
	o.turn <- struct{}{}
	if loop, ok := nc.(line.Evented); ok && loop.OnLoop() {
		o.loop = loop
	}
	return o
}

// OnLoop reports whether the connection is on an event loop: then the following
// may be called.
func (o *output) OnLoop() bool { return o.loop != nil }

// TryRead is that of the connection.
func (o *output) TryRead(b []byte) (int, error) { return o.loop.TryRead(b) }

// Run is that of the connection.
func (o *output) Run(f func() (stay bool)) error { return o.loop.Run(f) }

// TryWrite writes what there is room for at once, and nothing where another
// goroutine writes or has queued a line.
func (o *output) TryWrite(b []byte) (n int, err error) {
	select {
	case <-o.turn:
	default:
		return 0, nil
	}
	if o.err == nil && o.backlog.Load() == 0 {
		n, err = o.loop.TryWrite(b)
	}
	o.turn <- struct{}{}
	return n, err
}

// SetWriteDeadline does nothing.
func (o *output) SetWriteDeadline(time.Time) error { return nil }

// Write writes the queue and then b.
func (o *output) Write(b []byte) (int, error) { return o.write(b, o.patience) }

// add queues a line, which the next write takes along.
func (o *output) add(b []byte) {
	o.queueMu.Lock()
	o.queue = append(o.queue, b...)
	o.backlog.Store(int64(len(o.queue)))
	o.queueMu.Unlock()
}

// take empties the queue.
func (o *output) take() (queued []byte) {
	o.queueMu.Lock()
	defer o.queueMu.Unlock()
	queued, o.queue, o.spare = o.queue, o.spare, nil
	o.backlog.Store(0)
	return queued
}

// flush writes the queue, unless another goroutine is about to: so one at most
// waits for a client that does not read.
func (o *output) flush() error {
	o.queueMu.Lock()
	mine := !o.flushing && len(o.queue) > 0
	o.flushing = o.flushing || mine
	o.queueMu.Unlock()
	for mine {
		_, err := o.write(nil, o.patience)
		o.queueMu.Lock()
		if mine = err == nil && len(o.queue) > 0; !mine {
			o.flushing = false
		}
		o.queueMu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// write is Write, with other patience. If that is longer than usual it begins
// anew whenever the client has taken something.
func (o *output) write(b []byte, patience time.Duration) (n int, err error) {
	<-o.turn
	defer func() { o.turn <- struct{}{} }()
	if o.backlog.Load() > 0 {
		queued := o.take()
		o.put(queued, patience)
		if cap(queued) <= 4*maxBacklog {
			o.queueMu.Lock()
			o.spare = queued[:0]
			o.queueMu.Unlock()
		}
	}
	if len(b) > 0 {
		n = o.put(b, patience)
	}
	return n, o.err
}

// put writes all of b, unless a write failed before.
func (o *output) put(b []byte, patience time.Duration) int {
	if o.err != nil {
		return 0
	}
	if !o.armed {
		o.armed = true
		_ = o.Conn.SetWriteDeadline(time.Now().Add(o.patience / 4)) // fails on a connection that has ended; then so does Write
	}
	n, err := o.Conn.Write(b)
	for errors.Is(err, os.ErrDeadlineExceeded) {
		o.armed = false // the deadline to come is too far ahead for the next write
		_ = o.Conn.SetWriteDeadline(time.Now().Add(patience))
		if o.hurried.Load() {
			patience = o.patience
			_ = o.Conn.SetWriteDeadline(time.Now().Add(patience))
		}
		var m int
		m, err = o.Conn.Write(b[n:])
		n += m
		if m == 0 || patience <= o.patience {
			break
		}
	}
	if err != nil {
		o.err = fmt.Errorf("write %d bytes of replies: %w", len(b), err)
	}
	return n
}

// hurry ends long patience, that of a write at hand as well.
func (o *output) hurry() {
	o.hurried.Store(true)
	_ = o.Conn.SetWriteDeadline(time.Now().Add(o.patience))
}
