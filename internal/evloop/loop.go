//go:build linux

package evloop

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Loops are event loops, among which connections are shared out.
type Loops struct {
	loops []*loop
	next  atomic.Uint32
	seats seats
	pace  time.Duration // of rounds before a sprint
	wg    sync.WaitGroup
	ended atomic.Bool
}

// New starts n loops.
func New(n int) (*Loops, error) { return newLoops(n, quickRound) }

func newLoops(n int, pace time.Duration) (*Loops, error) {
	l := &Loops{pace: pace}
	for range n {
		one, err := newLoop(l)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("event loop: %w", err)
		}
		l.loops = append(l.loops, one)
	}
	processors(n)
	for _, one := range l.loops {
		l.wg.Go(one.run)
	}
	return l, nil
}

// Close ends the loops. Connections that were taken must be closed before.
func (l *Loops) Close() {
	if l == nil || l.ended.Swap(true) {
		return
	}
	for _, one := range l.loops {
		one.end()
	}
	l.wg.Wait()
	for _, one := range l.loops {
		one.close()
	}
	processors(-len(l.loops))
}

var processorsMu sync.Mutex // of what GOMAXPROCS is read from and written to

// processors gives the runtime n more, or fewer.
func processors(n int) {
	processorsMu.Lock()
	defer processorsMu.Unlock()
	runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)+n))
}

// Take makes a Conn of a connection of package net, which is closed: nobody else
// may use it. If it returns an error nc is as it was.
func (l *Loops) Take(nc net.Conn) (*Conn, error) {
	s, ok := nc.(syscall.Conn)
	if !ok || len(l.loops) == 0 {
		return nil, errors.ErrUnsupported
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	// The runtime would be told of all that happens to nc, and only forgets it with
	// its descriptor.
	fd := -1
	ctl := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(ctl, err); err != nil {
		return nil, fmt.Errorf("duplicate the descriptor of a connection: %w", err)
	}
	c := &Conn{
		fd: fd, loop: l.loops[int(l.next.Add(1))%len(l.loops)], local: nc.LocalAddr(), remote: nc.RemoteAddr(),
		back: make(chan struct{}, 1), readable: make(chan struct{}, 1), writable: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	c.finish = func() { _ = unix.Close(fd) }
	if err := c.loop.take(c); err != nil {
		c.finish()
		return nil, err
	}
	_ = nc.Close()
	return c, nil
}

// loop is one thread that waits for many connections.
type loop struct {
	ep, wake int // epoll(7), and an eventfd(2) that ends the loop
	solo     solo
	sprint   sprint
	place    place

	mu    sync.Mutex
	conns map[int32]*Conn // by descriptor
}

// What a connection is registered for.
const (
	forInput = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	forRoom  = forInput | unix.EPOLLOUT
)

func newLoop(all *Loops) (*loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &loop{ep: ep, wake: -1, sprint: sprint{hold: holdThread, need: firstQuick, pace: all.pace, seats: &all.seats}, place: place{hold: holdThread}, conns: map[int32]*Conn{}}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		l.close()
		return nil, os.NewSyscallError("eventfd2", err)
	}
	if err := l.control(unix.EPOLL_CTL_ADD, l.wake, unix.EPOLLIN); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loop) control(op, fd int, events uint32) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.ep, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
}

// take registers a connection.
func (l *loop) take(c *Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[int32(c.fd)] = c
	err := l.control(unix.EPOLL_CTL_ADD, c.fd, forInput)
	if err != nil {
		delete(l.conns, int32(c.fd))
	}
	return err
}

// watch says anew what a connection is registered for. That it is told once more
// of what it knows does no harm.
func (l *loop) watch(c *Conn, events uint32) {
	if c.enter() {
		_ = l.control(unix.EPOLL_CTL_MOD, c.fd, events) // fails only for want of memory: then the deadline helps
		c.leave()
	}
}

// forget undoes take. Another process may have the connection as well, so closing
// the descriptor would not do. The descriptor must still be open.
func (l *loop) forget(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.control(unix.EPOLL_CTL_DEL, c.fd, 0) // it is registered
	delete(l.conns, int32(c.fd))
}

func (l *loop) end() { _, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (l *loop) close() {
	_ = unix.Close(l.ep)
	if l.wake >= 0 {
		_ = unix.Close(l.wake)
	}
}

// run is the loop.
func (l *loop) run() {
	defer func() {
		if l.sprint.on() {
			l.sprint.end(false)
		}
		l.place.pause()
	}()
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(l.ep, events, -1)
		if err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			panic(os.NewSyscallError("epoll_wait", err)) // of a descriptor that is ours
		}
		woken := false
		for _, e := range events[:n] {
			if int(e.Fd) == l.wake {
				return
			}
			l.mu.Lock()
			c := l.conns[e.Fd]
			l.mu.Unlock()
			if c != nil && c.happened(e.Events) {
				woken = true
			}
			l.solo.note(c)
		}
		alone := l.solo.alone()
		l.sprint.round(alone, time.Now)
		l.place.round(alone, time.Now)
		if woken {
			runtime.Gosched() // else they would wait until somebody takes this processor away
		}
	}
}
