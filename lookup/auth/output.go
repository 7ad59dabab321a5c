package auth

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// output is a connection to which several goroutines write lines. What is
// queued goes out before what is written later, so the order of lines is that
// of the queue and Write calls. It sets the write deadlines itself: one that
// stands is left standing over many writes, and a write that meets it is given
// its full time from there on.
type output struct {
	net.Conn
	patience time.Duration // for one write, at most a quarter longer

	mu    sync.Mutex // one write at a time
	armed bool
	err   error // the first failure; there is no way to go on after half a line

	hurried atomic.Bool // long patience is over

	queueMu      sync.Mutex
	queue, spare []byte
}

// SetWriteDeadline does nothing.
func (o *output) SetWriteDeadline(time.Time) error { return nil }

// Write writes the queue and then b.
func (o *output) Write(b []byte) (int, error) { return o.write(b, o.patience) }

// add queues a line, which the next write takes along.
func (o *output) add(b []byte) {
	o.queueMu.Lock()
	o.queue = append(o.queue, b...)
	o.queueMu.Unlock()
}

// flush writes the queue.
func (o *output) flush() error {
	_, err := o.write(nil, o.patience)
	return err
}

// write is Write, with other patience. If that is longer than usual it begins
// anew whenever the client has taken something.
func (o *output) write(b []byte, patience time.Duration) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queueMu.Lock()
	queued := o.queue
	o.queue, o.spare = o.spare[:0], nil
	o.queueMu.Unlock()
	if len(queued) > 0 {
		o.put(queued, patience)
	}
	if cap(queued) <= 64<<10 {
		o.queueMu.Lock()
		o.spare = queued[:0]
		o.queueMu.Unlock()
	}
	n := 0
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
