//go:build linux

package evloop

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeThread is a thread on processor 0 of two, on a clock that stands.
type fakeThread struct {
	now     time.Time
	kept    time.Duration
	at      int // the processor that it was put on, -1 if it is free
	refuses bool
	held    int
	moves   int
}

func (f *fakeThread) processor() int { return 0 }

func (f *fakeThread) allowed() *unix.CPUSet {
	var set unix.CPUSet
	set.Set(0)
	set.Set(1)
	return &set
}

func (f *fakeThread) enter(n int) error {
	if f.refuses {
		return errors.New("refused")
	}
	f.at = n
	return nil
}

func (f *fakeThread) move() error {
	if f.refuses {
		return errors.New("refused")
	}
	f.moves++
	f.at = f.moves % 2
	return nil
}

func (f *fakeThread) leave() error {
	f.at = -1
	return nil
}

func (f *fakeThread) release() { f.held-- }

func (f *fakeThread) waited() (time.Duration, error) { return f.kept, nil }

// newSprint is one on a fakeThread.
func newSprint(s *seats) (*sprint, *fakeThread) {
	f := &fakeThread{now: time.Unix(1_700_000_000, 0), at: -1}
	return &sprint{need: firstQuick, pace: quickRound, seats: s, hold: func() threadControl { f.held++; return f }, mark: f.now}, f
}

// run has n rounds take a time each, in part of which the processor was kept.
func (f *fakeThread) run(s *sprint, n int, each, kept time.Duration) {
	for range n {
		f.now, f.kept = f.now.Add(each), f.kept+kept
		s.round(false, func() time.Time { return f.now })
	}
}

const (
	fast = 20 * time.Microsecond
	slow = 3 * time.Millisecond
)

func TestSprint(t *testing.T) {
	s, f := newSprint(&seats{})
	f.run(s, firstQuick-1, fast, 0)
	if f.at != -1 {
		t.Error("a sprint began too early")
	}
	f.run(s, stretch, fast, 0)
	if f.at != 0 {
		t.Fatal("no sprint began")
	}
	for range 20 { // the clients want the processor now and then
		f.run(s, 20*sprintLook, fast, fast/2)
		f.run(s, sprintLook, slow, slow)
	}
	if f.at != 0 {
		t.Fatal("a sprint ended for an exception")
	}
	f.run(s, 7*sprintLook, slow, slow)
	if f.at != -1 {
		t.Fatal("the sprint goes on, although the processor is kept")
	}
	f.run(s, firstQuick+stretch, fast, 0)
	if f.at != -1 {
		t.Error("the next sprint began as early as the first")
	}
	f.run(s, firstQuick+stretch, fast, 0)
	if f.at != 0 {
		t.Fatal("the next sprint did not begin")
	}
	f.run(s, 7*sprintLook, slow, 0)
	if f.at != -1 || s.need != firstQuick {
		t.Errorf("after silence: on %d, %d rounds for the next", f.at, s.need)
	}
	f.run(s, 2*stretch, quickRound+1, 0)
	if f.at != -1 {
		t.Error("a sprint began although rounds are rare")
	}
	f.run(s, firstQuick+stretch, fast, 0)
	s.round(true, func() time.Time { return f.now })
	if f.at != -1 {
		t.Error("a sprint goes on with one connection")
	}
	if f.held != 0 {
		t.Errorf("the thread is held %d times", f.held)
	}
}

// TestSprintIsNotTooLate: need does not grow beyond all bounds.
func TestSprintIsNotTooLate(t *testing.T) {
	s, f := newSprint(&seats{})
	for range 30 {
		f.run(s, lastQuick+2*stretch, fast, 0)
		if f.at != 0 {
			t.Fatalf("no sprint, %d rounds are needed", s.need)
		}
		f.run(s, 7*sprintLook, slow, slow)
	}
}

func TestSeats(t *testing.T) {
	all := &seats{}
	var sprints []*sprint
	var at []int
	for range 3 {
		s, f := newSprint(all)
		f.run(s, 2*firstQuick, fast, 0)
		sprints, at = append(sprints, s), append(at, f.at)
	}
	if at[0] != 0 || at[1] != 1 || at[2] != -1 {
		t.Errorf("three loops on two processors: %v", at)
	}
	sprints[0].end(false)
	s, f := newSprint(all)
	if f.run(s, 2*firstQuick, fast, 0); f.at != 0 {
		t.Errorf("a processor that is free again is not taken: %d", f.at)
	}
}

// TestSprintRefused has a system that does not allow it.
func TestSprintRefused(t *testing.T) {
	s, f := newSprint(&seats{})
	f.refuses = true
	f.run(s, 10*firstQuick, fast, 0)
	if s.hold != nil || len(s.seats.taken) > 0 || f.held != 0 {
		t.Errorf("it is tried again, processors %v, thread held %d times", s.seats.taken, f.held)
	}
}

// state is what a thread has: its policy and how many processors.
func state(t *testing.T) (policy, processors int) {
	t.Helper()
	n, _, errno := unix.RawSyscall(unix.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil || errno != 0 {
		t.Error(err, errno)
	}
	return int(n), set.Count()
}

func TestThread(t *testing.T) {
	th := holdThread()
	if th == nil {
		t.Skip("this system does not let a thread run as in a sprint")
	}
	defer th.release()
	policy, processors := state(t)
	before, err := th.waited()
	if err != nil {
		t.Fatal(err)
	}
	if err := th.enter(th.processor()); err != nil {
		t.Fatal(err)
	}
	if p, n := state(t); p != schedBatch || n != 1 {
		t.Errorf("in a sprint: policy %d, %d processors", p, n)
	}
	if err := th.leave(); err != nil {
		t.Fatal(err)
	}
	if p, n := state(t); p != policy || n != processors {
		t.Errorf("after it: policy %d, %d processors; before %d, %d", p, n, policy, processors)
	}
	if after, err := th.waited(); err != nil || after < before {
		t.Errorf("waited for a processor %v, then %v, %v", before, after, err)
	}
}

// TestSprintOnLoop has several connections keep a loop busy, and looks at its
// thread from within.
func TestSprintOnLoop(t *testing.T) {
	th := holdThread()
	if th == nil {
		t.Skip("this system does not let a thread run as in a sprint")
	}
	th.release()
	l, err := newLoops(1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var sprinted, rested atomic.Int32
	look := func() {
		if p, n := state(t); p == schedBatch && n == 1 {
			sprinted.Add(1)
		} else {
			rested.Add(1)
		}
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		client, c := taken(t, l, "unix")
		go func() { _, _ = echo(c, look) }() // its end is not what is looked at
		all.Go(func() {
			b := []byte("x")
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := client.Write(b)
				if err == nil {
					_, err = io.ReadFull(client, b)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for end := time.Now().Add(time.Minute); sprinted.Load() == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	close(stop)
	all.Wait()
	if sprinted.Load() == 0 || rested.Load() == 0 {
		t.Errorf("%d rounds in a sprint, %d not", sprinted.Load(), rested.Load())
	}
}
