//go:build linux

package evloop

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Conn is a connection that an event loop looks after. It is a net.Conn like
// those of package net, and may be used by several goroutines likewise; TryRead
// and Run are for one at a time.
type Conn struct {
	users
	fd            int
	loop          *loop
	local, remote net.Addr

	turn    sync.Mutex // of handler; held while it runs
	handler func() (stay bool)
	back    chan struct{} // the loop has given the connection back to Run

	readable, writable chan struct{} // hold a token once there may be something to do
	gone               chan struct{} // closed by Close
	reading, writing   deadline

	writeMu sync.Mutex // one write at a time
}

// SyscallConn gives the descriptor to those who need it.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return rawConn{c}, nil }

// LocalAddr is that of the connection that was taken.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is that of the connection that was taken.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the deadline of Read and Run.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.reading, t) }

// SetWriteDeadline sets the deadline of Write.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writing, t) }

func (c *Conn) setDeadline(d *deadline, t time.Time) error {
	if !c.enter() {
		return c.failed("set", net.ErrClosed)
	}
	defer c.leave()
	d.set(t)
	return nil
}

// Close closes the connection for this process. Whoever waits for it returns with
// net.ErrClosed.
func (c *Conn) Close() error {
	if !c.close() {
		return c.failed("close", net.ErrClosed)
	}
	c.loop.forget(c)
	close(c.gone)
	c.reading.set(time.Time{})
	c.writing.set(time.Time{})
	c.leave()
	return nil
}

// CloseWrite ends the stream to the peer, as shutdown(2) does.
func (c *Conn) CloseWrite() error {
	if !c.enter() {
		return c.failed("close", net.ErrClosed)
	}
	defer c.leave()
	if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
		return c.failed("close", os.NewSyscallError("shutdown", err))
	}
	return nil
}

// TryRead is a Read that returns 0 and no error if nothing is there. It does not
// heed the deadline.
func (c *Conn) TryRead(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if !c.enter() {
		return 0, c.failed("read", net.ErrClosed)
	}
	defer c.leave()
	n, errno := receive(c.fd, b)
	switch {
	case errno == unix.EAGAIN:
		return 0, nil
	case errno != 0:
		return 0, c.failed("read", os.NewSyscallError("read", errno))
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// TryWrite writes what there is room for at once, and nothing if another
// goroutine is writing. Write must write the rest.
func (c *Conn) TryWrite(b []byte) (int, error) {
	if !c.writeMu.TryLock() {
		return 0, nil
	}
	defer c.writeMu.Unlock()
	return c.write(b)
}

// write writes what there is room for.
func (c *Conn) write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if !c.enter() {
		return 0, c.failed("write", net.ErrClosed)
	}
	defer c.leave()
	n, errno := send(c.fd, b)
	switch {
	case errno == unix.EAGAIN:
		return 0, nil
	case errno != 0:
		return 0, c.failed("write", os.NewSyscallError("write", errno))
	}
	return n, nil
}

// Read reads, and waits for something to read.
func (c *Conn) Read(b []byte) (int, error) {
	for {
		if c.reading.passed() {
			return 0, c.failed("read", os.ErrDeadlineExceeded)
		}
		if n, err := c.TryRead(b); n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case <-c.readable:
		case <-c.reading.wait():
		case <-c.gone:
		}
	}
}

// Write writes all of b, and waits for room.
func (c *Conn) Write(b []byte) (n int, err error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	for watched := false; ; {
		if c.writing.passed() {
			return n, c.failed("write", os.ErrDeadlineExceeded)
		}
		m, err := c.write(b[n:])
		if n += m; n == len(b) || err != nil {
			return n, err
		}
		if !watched { // room was not worth an event until now
			watched = true
			c.loop.watch(c, forRoom)
			defer c.loop.watch(c, forInput)
			continue
		}
		select {
		case <-c.writable:
		case <-c.writing.wait():
		case <-c.gone:
		}
	}
}

// Run has the loop call f whenever something may have come, until f returns
// false; then Run returns nil, and the connection is its caller's again. It
// returns before that with os.ErrDeadlineExceeded when the read deadline passes,
// and with net.ErrClosed when the connection is closed; if f is at work it is
// waited for. f must not wait for anything, nor panic.
func (c *Conn) Run(f func() (stay bool)) error {
	if c.reading.passed() {
		return c.failed("read", os.ErrDeadlineExceeded)
	}
	c.turn.Lock()
	select {
	case <-c.readable: // before the loop was told of f
		c.turn.Unlock()
		return nil
	default:
	}
	c.handler = f
	c.turn.Unlock()
	var why error
	select {
	case <-c.back:
		return nil
	case <-c.reading.wait():
		why = os.ErrDeadlineExceeded
	case <-c.gone:
		why = net.ErrClosed
	}
	c.turn.Lock()
	ours := c.handler != nil
	c.handler = nil
	c.turn.Unlock()
	if !ours {
		<-c.back
		return nil // what f left comes first
	}
	return c.failed("read", why)
}

// happened is called by the loop when something happened. It reports whether it
// has woken a goroutine.
func (c *Conn) happened(events uint32) (woken bool) {
	if events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		woken = put(c.writable)
	}
	if events&^unix.EPOLLOUT == 0 {
		return woken
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.handler == nil {
		return put(c.readable) || woken
	}
	// The end of the stream comes with no other event: the goroutine reads up to it.
	if !c.handler() || events&^(unix.EPOLLIN|unix.EPOLLOUT) != 0 {
		c.handler = nil
		c.back <- struct{}{}
		return true
	}
	return woken
}

// put puts a token into a channel that holds one, and reports whether it did.
func put(ch chan struct{}) bool {
	select {
	case ch <- struct{}{}:
		return true
	default:
		return false
	}
}

// failed words an error as package net does.
func (c *Conn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// receive is read(2) on a descriptor that does not block. So it is over at once, and
// the runtime need not be told of it: that is half of what it costs.
func receive(fd int, b []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// send is send(2) likewise, without a SIGPIPE.
func send(fd int, b []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// rawConn is the descriptor for Control; it is never waited for.
type rawConn struct{ c *Conn }

// Control calls f with the descriptor, which stays open meanwhile.
func (r rawConn) Control(f func(fd uintptr)) error {
	if !r.c.enter() {
		return r.c.failed("raw-control", net.ErrClosed)
	}
	defer r.c.leave()
	f(uintptr(r.c.fd))
	return nil
}

// Read is not to be had: Conn has a Read.
func (r rawConn) Read(func(fd uintptr) bool) error { return errors.ErrUnsupported }

// Write is not to be had: Conn has a Write.
func (r rawConn) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }
