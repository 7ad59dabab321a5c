package auth

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// session is what the two kinds of connections share: reading, writing, and
// the goroutines that belong to a connection.
type session struct {
	s    *Server
	nc   net.Conn
	peer Peer
	out  *output

	loop context.Context // reading; ends with the caller's, or by stop
	stop context.CancelFunc
	work context.Context // everything else; ends with the connection
	quit context.CancelFunc
	wg   sync.WaitGroup

	bad    *ProtocolError // why reading ends; known to the loop alone
	kept   bool           // it ended between two lines, of which the second begins with rest
	rest   []byte
	replay int // bytes of the input that another Server has answered

	endMu sync.Mutex
	over  bool  // something else than reading ended it
	ended error // why, nil if that is no error
	panic any   // what a goroutine panicked with
}

// newSession prepares to serve nc until ctx ends.
func (s *Server) newSession(ctx context.Context, nc net.Conn) *session {
	x := &session{s: s, nc: nc, peer: peerOf(nc), out: newOutput(nc, s.limits().Write)}
	x.loop, x.stop = context.WithCancel(ctx)
	x.work, x.quit = context.WithCancel(context.WithoutCancel(ctx))
	return x
}

// connection is what the two kinds do in their own ways.
type connection interface {
	line.Keeper
	line.Prompter
	greeting() []byte
	settle(drain bool) (settled bool) // ends what is open; whether nothing was cut short
	passed() *Passed
}

// serve greets, unless another Server did, and serves. When reading has ended,
// for a drain or because the client is gone, it settles what is open, waits for
// the goroutines, and passes the connection on if that is possible.
func (x *session) serve(ctx context.Context, c connection, from *Passed) (err error) {
	var said []byte
	if from == nil {
		if _, err := x.out.Write(c.greeting()); err != nil {
			x.stop()
			x.quit()
			return err
		}
	} else {
		said, x.replay = from.Said, from.Answered
	}
	drain := false
	defer func() {
		settled := c.settle(drain)
		x.quit()
		x.stop()
		x.wg.Wait()
		if x.panic != nil {
			panic(x.panic) // where the caller can catch it
		}
		if err == nil {
			err = x.ended
		}
		if settled && drain && x.kept && !x.over && x.s.PassOn != nil {
			x.s.PassOn(x.nc, c.passed())
		}
	}()
	l := x.s.limits()
	err = line.Resume(x.loop, x.out, c, line.Limits{
		Idle: l.Idle, RequestTimeout: l.Read, WriteTimeout: l.Write, MaxFrame: MaxLine,
	}, &x.s.pool, said)
	if x.bad != nil {
		return x.bad
	}
	drain = err == nil && ctx.Err() != nil
	return err
}

// fail ends reading because of what the client sent. Only the loop calls it.
func (x *session) fail(reason string) {
	if x.bad == nil {
		x.bad = &ProtocolError{reason}
	}
	x.stop()
}

// end ends the connection from another goroutine, for a reason or for none.
func (x *session) end(err error) {
	x.endMu.Lock()
	if x.ended == nil {
		x.ended = err
	}
	x.over = true
	x.endMu.Unlock()
	x.stop() // first, see package line
	_ = x.out.SetReadDeadline(time.Unix(1, 0))
}

// throttle waits if the client does not read its answers. Only the loop calls
// it.
func (x *session) throttle() {
	if x.out.backlog.Load() <= maxBacklog {
		return
	}
	if _, err := x.out.write(nil, x.out.patience); err != nil {
		x.end(err)
	}
}

// flush writes what is queued, from another goroutine than the loop's.
func (x *session) flush() {
	if err := x.out.flush(); err != nil {
		x.end(err)
	}
}

// spawn runs f in a goroutine of the connection.
func (x *session) spawn(f func()) {
	x.wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				x.endMu.Lock()
				x.panic = p
				x.endMu.Unlock()
				x.end(nil)
			}
		}()
		f()
	})
}

// refused tells the owner of the Server.
func (x *session) refused(command string, user []byte, reason string) {
	if x.s.OnRefused != nil {
		x.s.OnRefused(&RefusedError{Command: command, User: short(user), Reason: reason})
	}
}

// version reads the first line of a client.
func (x *session) version(command, args []byte) (minor uint32, ok bool) {
	major, rest, _ := cutField(args)
	if string(command) != "VERSION" {
		x.fail("client began with " + quote(command) + ", not with VERSION")
		return 0, false
	}
	text, _, _ := cutField(rest)
	if string(major) != "1" {
		x.fail("client speaks version " + quote(major) + " of the protocol, this is version 1")
		return 0, false
	}
	if minor, ok = parseID(text); !ok {
		x.fail("client sent the minor version " + quote(text))
	}
	return minor, ok
}
