//go:build linux

package evloop

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// placed counts how often a place moves, on a clock of its own.
type placed struct {
	place
	now   time.Time
	moves int
	err   error
}

func newPlaced() *placed {
	p := &placed{now: time.Unix(1_700_000_000, 0)}
	p.move = func() error { p.moves++; return p.err }
	return p
}

// run has n looks with rounds of a length, and returns how often it moved.
func (p *placed) run(n int, each time.Duration) int {
	before := p.moves
	for range n * placeLook {
		p.now = p.now.Add(each)
		p.round(true, func() time.Time { return p.now })
	}
	return p.moves - before
}

func TestPlace(t *testing.T) {
	p := newPlaced()
	if n := p.run(100, 10*time.Microsecond); n != 0 {
		t.Errorf("%d moves at an even pace", n)
	}
	if n := p.run(100, 14*time.Microsecond); n != 0 {
		t.Errorf("%d moves at a pace that is nearly as good", n)
	}
	if n := p.run(10, 30*time.Microsecond); n != 10 {
		t.Errorf("%d moves in ten looks at a third of the pace", n)
	}
	if n := p.run(1, 10*time.Microsecond); n != 0 {
		t.Errorf("%d moves when it is as good as before", n)
	}
	if n := p.run(1000, 30*time.Microsecond); n < 50 || n > 300 {
		t.Errorf("%d moves where it never gets better", n)
	}
	if n := p.run(10, quickRound+time.Microsecond); n != 0 {
		t.Errorf("%d moves for a client that is in no hurry", n)
	}
}

// TestPlaceAfterOthers does not take the time between two stretches for slow.
func TestPlaceAfterOthers(t *testing.T) {
	p := newPlaced()
	p.run(10, 10*time.Microsecond)
	p.round(false, nil)
	p.now = p.now.Add(placeLook * 100 * time.Microsecond)
	if n := p.run(10, 10*time.Microsecond); n != 0 {
		t.Errorf("%d moves", n)
	}
}

func TestPlaceRefused(t *testing.T) {
	p := newPlaced()
	p.err = errors.New("refused")
	p.run(10, 10*time.Microsecond)
	if n := p.run(10, 30*time.Microsecond); n != 1 {
		t.Errorf("%d moves where the system refuses them", n)
	}
}

func TestElsewhere(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	if err := elsewhere(); err != nil {
		t.Skipf("this system does not let a thread move: %v", err)
	}
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before {
		t.Errorf("the thread may run on %d processors, before on %d, %v", after.Count(), before.Count(), err)
	}
}
