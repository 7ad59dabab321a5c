//go:build linux

package evloop

import (
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sprint is how the thread of a loop runs while several connections keep it busy:
// on one processor, which no other loop has, and under SCHED_BATCH (sched(7)). A
// client that writes then goes on, to further requests maybe, instead of being
// interrupted for the first, so that requests come in rounds of many; and nobody
// is woken on another processor than the last time. With clients on the same
// machine that is a third to a half of all switches of threads.
//
// It would be wrong for a thread that is seldom at work: where all processors are
// busy it would be kept waiting for some milliseconds. So a sprint begins after
// some rounds in quick succession and ends when slow ones are no exception any
// more. If it was the processor that was slow to come, it is longer before the
// next one.
type sprint struct {
	hold   func() threadControl // the thread of this goroutine; nil: there are no sprints
	thread threadControl        // nil: there is no sprint now
	seats  *seats
	pace   time.Duration // quickRound
	seat   int           // the processor, in a sprint

	mark   time.Time     // of the last look at the clock
	rounds int           // since then
	quick  int           // rounds of a good pace so far, or of the sprint
	need   int           // how many must there be before a sprint
	slow   int           // goes up with each look in a sprint that finds it slow, and down with the others
	at     int           // which round of the sprint it was when slow went up from 0
	waited time.Duration // what the thread had waited for its processor then
}

const (
	stretch    = 32                     // rounds between two looks at the clock
	sprintLook = 8                      // likewise in a sprint
	quickRound = 200 * time.Microsecond // at most, on average over a stretch
	slowRound  = 400 * time.Microsecond // at least, on average between two looks in a sprint
	slowLook   = 8                      // what a slow look counts, beside 1 for one that is not
	slowLooks  = 6 * slowLook           // end a sprint
	longSprint = 4096                   // rounds: whatever ended it, it was worth while
	keptRound  = 100 * time.Microsecond // of waiting for the processor, on average: it was kept
	firstQuick = 64                     // rounds of a good pace before a sprint
	lastQuick  = 1 << 16
)

// round is told of a round at a time. alone says that one connection only is at
// work: it is better off with a thread that goes to where its client is, see place.
func (s *sprint) round(alone bool, clock func() time.Time) {
	if s.hold == nil {
		return
	}
	if alone {
		if s.on() {
			s.end(false)
		}
		s.rounds, s.quick = 0, 0
		return
	}
	look := stretch
	if s.on() {
		look = sprintLook
	}
	if s.rounds++; s.rounds < look {
		return
	}
	now := clock()
	each := now.Sub(s.mark) / time.Duration(s.rounds)
	s.quick += s.rounds
	s.mark, s.rounds = now, 0
	switch {
	case s.on() && each <= slowRound:
		s.slow = max(s.slow-1, 0)
	case s.on():
		s.slowed()
	case each > s.pace:
		s.quick = 0
	case s.quick >= s.need:
		s.begin()
	}
}

// slowed notes that some rounds of a sprint were slow. One now and then is nothing:
// clients want the processor as well.
func (s *sprint) slowed() {
	waited, err := s.thread.waited()
	if s.slow == 0 {
		s.waited, s.at = waited, s.quick
	}
	if s.slow += slowLook; s.slow >= slowLooks {
		s.end(err != nil || waited-s.waited > time.Duration(s.quick-s.at)*keptRound)
	}
}

// begin begins a sprint. What the system refuses once is not tried again.
func (s *sprint) begin() {
	s.quick = 0
	t := s.hold()
	if t == nil {
		s.hold = nil
		return
	}
	if _, err := t.waited(); err != nil { // there would be no telling why a sprint is slow
		t.release()
		s.hold = nil
		return
	}
	seat := s.seats.take(t.processor(), t.allowed())
	if seat < 0 {
		t.release()
		return
	}
	if t.enter(seat) != nil {
		s.seats.leave(seat)
		_ = letGo(t) // as much as was begun
		s.hold = nil
		return
	}
	s.thread, s.seat, s.slow = t, seat, 0
}

// end ends it. kept says that the processor was busy with others.
func (s *sprint) end(kept bool) {
	switch {
	case s.quick >= longSprint:
		s.need = firstQuick
	case kept:
		s.need = min(2*s.need, lastQuick)
	default:
		s.need = max(s.need/2, firstQuick)
	}
	s.seats.leave(s.seat)
	if letGo(s.thread) != nil {
		s.hold = nil // the system has changed its mind
	}
	s.thread, s.quick = nil, 0
}

func (s *sprint) on() bool { return s.thread != nil }

// solo knows whether all requests of a loop come from one connection.
type solo struct {
	conn *Conn // to which something happened last
	row  int   // how often in a row
}

// soloRow events of one connection say that others are silent.
const soloRow = 16

func (s *solo) note(c *Conn) {
	if c != s.conn {
		s.conn, s.row = c, 0
	}
	s.row++
}

func (s *solo) alone() bool { return s.row >= soloRow }

// seats are the processors that loops have to themselves.
type seats struct {
	mu    sync.Mutex
	taken map[int]bool
}

// take takes a processor out of those that are allowed, the first choice if it is
// free. It returns -1 if none is.
func (s *seats) take(first int, allowed *unix.CPUSet) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == nil {
		s.taken = map[int]bool{}
	}
	free := func(n int) bool { return n >= 0 && allowed.IsSet(n) && !s.taken[n] }
	for n := 0; !free(first) && n < 8*int(unsafe.Sizeof(*allowed)); n++ {
		if free(n) {
			first = n
		}
	}
	if !free(first) {
		return -1
	}
	s.taken[first] = true
	return first
}

func (s *seats) leave(seat int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, seat)
}
