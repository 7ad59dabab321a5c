package daemon

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/internal/evloop"
	"github.com/vmapd/vmapd/lookup/auth"
)

// Server is a line protocol: it answers one connection until it ends. The
// wire packages say how it drains: ctx ends, then the reads fail.
type Server interface {
	ServeConn(ctx context.Context, c net.Conn) error
}

// service speaks a protocol on the connections of a gate.
type service interface {
	// serve returns when g.Accept fails; connections may go on.
	serve(g *gate)
	// drain waits for the connections to end after the gate was closed, and
	// returns early, with connections still open, when ctx ends.
	drain(ctx context.Context, g *gate)
}

// port is one listener at work: a socket, the gate at it, and what is spoken
// there.
type port struct {
	cfg     Listen
	socket  *socket
	gate    *gate
	service service
	done    chan struct{} // the accept loop has ended
}

// start runs the accept loop.
func (p *port) start() {
	p.done = make(chan struct{})
	go func() {
		defer close(p.done)
		p.service.serve(p.gate)
	}()
}

// stop ends the accept loop. The socket stays open: connections that come now
// wait in its backlog for the next port on it.
func (p *port) stop() {
	_ = p.gate.Close()
	if p.done != nil {
		<-p.done
	}
	_ = p.socket.SetDeadline(time.Time{}) // else it is closed
}

// lastWords is for how long a connection may write after ctx has told its
// handler to hurry.
const lastWords = time.Second

// drain lets the connections of a stopped port finish until ctx ends, then
// closes them. It is over lastWords after ctx at the latest.
func (p *port) drain(ctx context.Context) {
	p.service.drain(ctx, p.gate)
	if n := p.gate.open(); n > 0 {
		p.gate.log.Warn("closed connections that did not end in time", zap.Int("connections", n))
		p.gate.kill()
	}
}

// same reports whether two listeners differ in nothing, so that a reload need
// not touch them.
func same(a, b Listen) bool { return reflect.DeepEqual(a, b) }

// servicePort puts a service behind a gate. Connections of line protocols that
// idle are closed when there are too many.
func servicePort(l Listen, s *socket, svc service, log *zap.Logger, m *metrics, loops *evloop.Loops) *port {
	g := newGate(s.stream, l, log, m)
	if lines, ok := svc.(*lines); ok {
		g.evicts, g.spares = true, lines.patient
		if !lines.patient {
			g.loops = loops
		}
	}
	return &port{cfg: l, socket: s, service: svc, gate: g}
}

// lines is the service of a line protocol.
type lines struct {
	server Server
	resume func(ctx context.Context, nc net.Conn, state *auth.Passed) error // nil: connections are not handed over
	// patient: connections are sessions of many requests. At a drain they know by
	// themselves when to end; and they are not closed to let others in.
	patient bool
	wg      sync.WaitGroup
}

func (s *lines) serve(g *gate) {
	for {
		nc, err := g.Accept()
		if err != nil {
			return
		}
		c := nc.(*conn)
		s.wg.Go(func() { s.one(g, c, s.server.ServeConn) })
	}
}

// one serves one connection. A panic costs that connection only.
func (s *lines) one(g *gate, c *conn, serve serveFunc) {
	defer func() { _ = c.Close() }()
	defer func() {
		if p := recover(); p != nil {
			g.metrics.panics.Inc()
			g.log.Error("a connection handler panicked; this is a bug, please report it",
				zap.String("panic", fmt.Sprint(p)), zap.ByteString("stack", debug.Stack()))
		}
	}()
	ctx := c.ctx
	if s.patient {
		ctx = g.ctx
	}
	g.ended(c, serve(&striped{ctx, c.serial}, c))
}

func (s *lines) drain(ctx context.Context, g *gate) {
	switch {
	case s.patient:
	case s.resume != nil: // what a client will say, another process hears
		g.expire((*conn).expire)
	default:
		g.expire((*conn).expireSoon)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.wg.Wait() // ends at the latest after gate.kill
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	select {
	case <-done:
	case <-time.After(lastWords):
	}
}
