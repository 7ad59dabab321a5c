//go:build linux

package evloop

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// place is about where a loop runs that one connection keeps busy. A client and a
// loop that wake each other across processors may take several times as long for a
// request as on one: a processor that sleeps has to be woken, which is slowest on
// virtual machines. Where they run the scheduler decides now and then, and knows
// nothing of that. So when requests take longer than they took before the loop goes
// to another processor, and all is decided anew.
type place struct {
	move   func() error // goes to another processor; nil: that is not possible
	mark   time.Time    // of the last look at the clock
	rounds int          // since then
	best   time.Duration
}

const (
	placeLook   = 32  // rounds between two looks at the clock
	placeForget = 256 // part of the best pace by which it grows with each look: it may have been luck
)

// slow reports whether a pace is not nearly as good as the best.
func (p *place) slow(each time.Duration) bool { return each > p.best+p.best/2 }

// round is told of a round at a time. alone says that one connection only is at
// work.
func (p *place) round(alone bool, clock func() time.Time) {
	switch {
	case p.move == nil:
		return
	case !alone:
		p.rounds, p.mark = 0, time.Time{}
		return
	}
	if p.rounds++; p.rounds < placeLook {
		return
	}
	now, before := clock(), p.mark
	each := now.Sub(before) / placeLook
	p.mark, p.rounds = now, 0
	if before.IsZero() || each > quickRound { // the client is in no hurry
		return
	}
	if p.best += p.best / placeForget; p.best == 0 || each < p.best {
		p.best = each
	}
	if p.slow(each) && p.move() != nil {
		p.move = nil
	}
}

// elsewhere moves the thread of this goroutine to another processor. It may go
// from there where it likes. If the system refuses just that, the thread stays this
// goroutine's: nobody else shall be confined to where it was sent.
func elsewhere() error {
	runtime.LockOSThread()
	var all unix.CPUSet
	err := unix.SchedGetaffinity(0, &all)
	others := all
	others.Clear((&thread{}).processor())
	if err == nil && others.Count() > 0 {
		if err = unix.SchedSetaffinity(0, &others); err == nil {
			if err = unix.SchedSetaffinity(0, &all); err != nil {
				return err
			}
		}
	}
	runtime.UnlockOSThread()
	return err
}
