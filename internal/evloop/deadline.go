package evloop

import (
	"sync"
	"time"
)

// deadline is a moment that can be waited for, and moved meanwhile.
type deadline struct {
	mu    sync.Mutex
	moves int // how often it was moved: a timer that was stopped too late has no say
	timer *time.Timer
	over  chan struct{} // closed when it has passed
	ended bool          // over is closed
}

// set moves the deadline; the zero time is none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moves++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.ended {
		d.over, d.ended = nil, false
	}
	if t.IsZero() {
		return
	}
	left, move := time.Until(t), d.moves
	if left <= 0 {
		d.end()
		return
	}
	d.timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.moves == move {
			d.end()
		}
	})
}

// end closes over. d.mu is held.
func (d *deadline) end() {
	if d.over == nil {
		d.over = make(chan struct{})
	}
	close(d.over)
	d.ended = true
}

// wait returns a channel that is closed when the deadline passes. If the deadline
// has passed and is moved, it takes another one.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over == nil {
		d.over = make(chan struct{})
	}
	return d.over
}

// passed reports whether it has.
func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}
