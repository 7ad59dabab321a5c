//go:build linux

package evloop

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newPlace is one on a fakeThread.
func newPlace() (*place, *fakeThread) {
	f := &fakeThread{now: time.Unix(1_700_000_000, 0), at: -1}
	return &place{hold: func() threadControl { f.held++; return f }}, f
}

// rounds has n rounds take a time each, and returns how often the loop moved.
func (f *fakeThread) rounds(p *place, n int, each time.Duration) int {
	before := f.moves
	for range n {
		f.now = f.now.Add(each)
		p.round(true, func() time.Time { return f.now })
	}
	return f.moves - before
}

const (
	onOne  = 8 * time.Microsecond  // a round with the client on the same processor
	across = 60 * time.Microsecond // on another one
)

func TestPlace(t *testing.T) {
	p, f := newPlace()
	if n := f.rounds(p, 1000, onOne); n != 0 || f.at != -1 {
		t.Errorf("%d moves at an even pace, on %d", n, f.at)
	}
	if n := f.rounds(p, 10, 3*onOne); n != 0 {
		t.Errorf("%d moves at a pace that is nearly as good", n)
	}
	for range 100 {
		if n := f.rounds(p, 1, across) + f.rounds(p, 5, onOne); n != 0 {
			t.Fatalf("%d moves for an exception", n)
		}
	}
	if n := f.rounds(p, placeRow, across); n != 1 || f.at < 0 {
		t.Fatalf("%d moves when requests take longer, on %d", n, f.at)
	}
	if n := f.rounds(p, 1000, onOne); n != 0 || f.at < 0 {
		t.Errorf("%d moves when it is as good as before, on %d", n, f.at)
	}
	if f.rounds(p, 1, quickRound+time.Microsecond); f.at != -1 {
		t.Error("the loop stays where it is although the client is in no hurry")
	}
	if n := f.rounds(p, 100, quickRound+time.Microsecond); n != 0 {
		t.Errorf("%d moves for a client that is in no hurry", n)
	}
	f.rounds(p, 100, onOne)
	f.rounds(p, placeRow, across)
	p.round(false, nil)
	if f.at != -1 || f.held != 0 {
		t.Errorf("with others at work: on %d, the thread is held %d times", f.at, f.held)
	}
}

// TestPlaceInVain: where it never gets better a loop rests, and learns that it is so.
func TestPlaceInVain(t *testing.T) {
	p, f := newPlace()
	f.rounds(p, 100, onOne)
	if n := f.rounds(p, 1000, across); n != placeVain || f.at != -1 || f.held != 0 {
		t.Errorf("%d moves, on %d, the thread is held %d times", n, f.at, f.held)
	}
	if n := f.rounds(p, 3000, across); n != 0 {
		t.Errorf("%d moves at what has become usual", n)
	}
	f.rounds(p, 100, onOne)
	if n := f.rounds(p, placeRow, across); n != 1 {
		t.Errorf("%d moves when it was good in between", n)
	}
	for range 100 { // each move helps
		if n := f.rounds(p, placeGood, onOne) + f.rounds(p, placeRow, across); n != 1 {
			t.Fatalf("%d moves when the last one helped", n)
		}
	}
}

// TestPlaceAfterOthers does not take the time between two stretches for slow.
func TestPlaceAfterOthers(t *testing.T) {
	p, f := newPlace()
	f.rounds(p, 100, onOne)
	for range 10 {
		p.round(false, nil)
		f.now = f.now.Add(across)
		if n := f.rounds(p, 1, onOne); n != 0 {
			t.Fatalf("%d moves", n)
		}
	}
	if p.slow != 0 {
		t.Errorf("%d slow rounds", p.slow)
	}
}

func TestPlaceRefused(t *testing.T) {
	p, f := newPlace()
	f.refuses = true
	f.rounds(p, 100, onOne)
	if f.rounds(p, placeRow, across); p.hold != nil || f.held != 0 {
		t.Errorf("asked again, the thread is held %d times", f.held)
	}
	f.rounds(p, 100, across)
}

func TestMove(t *testing.T) {
	held := holdThread()
	if held == nil {
		t.Skip("this system does not let a thread be held")
	}
	defer held.release()
	before := held.processor()
	if err := held.move(); err != nil {
		t.Skipf("this system does not let a thread move: %v", err)
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() != 1 || set.IsSet(before) {
		t.Errorf("after a move it may run on %d processors, on the one it was on before: %t, %v", set.Count(), set.IsSet(before), err)
	}
	if err := held.leave(); err != nil {
		t.Fatal(err)
	}
	if err := unix.SchedGetaffinity(0, &set); err != nil || set != *held.allowed() {
		t.Errorf("the thread may run on %d processors, before on %d, %v", set.Count(), held.allowed().Count(), err)
	}
}
