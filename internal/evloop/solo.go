//go:build linux

package evloop

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// solo knows whether one connection alone is at work, and asks again as soon as it
// is answered: then its next request is watched for a moment, instead of falling
// asleep and being woken, which takes longer than all the rest.
//
// If nothing comes the loop falls asleep all the same, and it is longer before it
// watches again. While it watches, the processor is offered to others: on a busy
// machine one of them may keep it for milliseconds, and what the loop is woken
// for it would have had much earlier. So after that it is very long.
type solo struct {
	conn *Conn // to which something happened last
	row  int   // how often in a row
	need int   // how long a row must be to be watched after
}

const (
	watchFor  = 30 * time.Microsecond
	keptFor   = 200 * time.Microsecond // a watch that took longer was kept from the processor
	firstNeed = 16
	lastNeed  = 4096
)

// note is told of an event, one of n that came together.
func (s *solo) note(all *Loops, c *Conn, n int) {
	if last := all.last.Load(); n > 1 || c != s.conn || c != last {
		s.conn, s.row = c, 0
		if c != last {
			all.last.Store(c)
		}
		return
	}
	s.row++
}

// alone reports whether the connection is watched for its next request.
func (s *solo) alone() bool { return s.row >= s.need }

// wait waits for events.
func (l *loop) wait(events []unix.EpollEvent) (int, error) {
	s := &l.solo
	if !s.alone() || l.all.last.Load() != s.conn {
		return unix.EpollWait(l.ep, events, -1)
	}
	for begun := time.Now(); ; {
		yield()
		n := look(l.ep, events)
		switch took := time.Since(begun); {
		case took > keptFor:
			s.row, s.need = 0, lastNeed
		case n > 0:
			s.need = firstNeed
		case took > watchFor:
			s.row, s.need = 0, min(2*s.need, lastNeed)
		default:
			continue
		}
		if n > 0 {
			return n, nil
		}
		return unix.EpollWait(l.ep, events, -1)
	}
}

// look is an epoll_wait(2) that does not wait.
func look(ep int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_WAIT, uintptr(ep), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// yield lets whoever waits for the processor have it: maybe the client.
func yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
