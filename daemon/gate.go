package daemon

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/internal/evloop"
)

// deadliner is a listener whose Accept can be made to return.
type deadliner interface{ SetDeadline(time.Time) error }

// gate is the way in of one listener: every connection of every protocol
// comes through its Accept. It refuses those that are not allowed or too
// many, outlasts a lack of file descriptors, and keeps a list of the
// connections so that they can be drained.
type gate struct {
	ln      stream
	cfg     Listen
	log     *zap.Logger
	metrics *metrics
	evicts  bool          // when full, close the connections that idle to let others in
	spares  bool          // but only those that have not sent a byte
	loops   *evloop.Loops // that take the connections; nil: none

	ctx  context.Context // ends when the connections drain
	stop context.CancelFunc

	mu      sync.Mutex
	conns   map[*conn]struct{}
	serial  uint64    // of the latest connection
	victims []*conn   // that may be evicted, as of the last look, best last
	swept   time.Time // when silent ones were last marked

	peers   limiter // lines caused by peers
	trouble limiter // lines about ourselves
}

func newGate(ln stream, cfg Listen, log *zap.Logger, m *metrics) *gate {
	g := &gate{
		ln: ln, cfg: cfg, metrics: m, conns: map[*conn]struct{}{},
		log: log.With(zap.String("protocol", cfg.Protocol), zap.Stringer("address", cfg.endpoint)),
	}
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g
}

// Accept waits for the next connection that may come in. It fails with
// net.ErrClosed after Close; a connection that came at that moment is served.
func (g *gate) Accept() (net.Conn, error) {
	for {
		if g.ctx.Err() != nil {
			return nil, net.ErrClosed
		}
		nc, err := g.ln.Accept()
		switch {
		case err != nil && g.ctx.Err() != nil:
			return nil, net.ErrClosed
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil:
			g.outlast(err)
			continue
		}
		if c := g.admit(nc); c != nil {
			return c, nil
		}
	}
}

// outlast waits a little when a connection cannot be accepted. With EMFILE
// and ENFILE the connection stays in the backlog: it is served when others
// have gone.
func (g *gate) outlast(err error) {
	if errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EINTR) {
		return
	}
	remedy := "it will be tried again"
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		remedy = "too many open files: raise LimitNOFILE= of the systemd unit, or lower max_connections"
	}
	g.trouble.warn(g.log, "cannot accept a connection", zap.Error(cause(err)), zap.String("remedy", remedy))
	select {
	case <-g.ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// admit registers a connection, or closes it and gives nil.
func (g *gate) admit(nc net.Conn) *conn {
	if len(g.cfg.allow) > 0 && !allowed(nc.RemoteAddr(), g.cfg.allow) {
		g.metrics.refused(g.cfg.Protocol, "not_allowed")
		g.peers.warn(g.log, "refused a connection: its address is in no network of allow", peer(nc))
		nc.Close()
		return nil
	}
	c := &conn{Conn: nc, gate: g}
	c.ctx, c.finish = context.WithCancel(context.Background())
	c.state.Store(fresh)
	g.mu.Lock()
	if len(g.conns) >= g.cfg.MaxConnections && !g.evict() {
		g.mu.Unlock()
		g.metrics.refused(g.cfg.Protocol, "too_many")
		g.peers.warn(g.log, "refused a connection: max_connections are open and busy", zap.Int("max_connections", g.cfg.MaxConnections))
		nc.Close()
		return nil
	}
	if g.loops != nil {
		if taken, err := g.loops.Take(nc); err == nil { // else it goes without
			c.Conn, c.loop = taken, taken
		}
	}
	g.serial++
	c.serial = g.serial
	g.conns[c] = struct{}{}
	g.mu.Unlock()
	return c
}

func allowed(a net.Addr, networks []netip.Prefix) bool {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return true // the permissions of a unix socket decide
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

// Close ends Accept but leaves the socket open for another gate; its owner
// closes it. Connections go on.
func (g *gate) Close() error {
	g.stop()
	return g.ln.SetDeadline(time.Unix(1, 0))
}

// Addr is the address of the socket.
func (g *gate) Addr() net.Addr { return g.ln.Addr() }

// open gives the number of connections.
func (g *gate) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// expire ends all connections after the request at hand, see conn.
func (g *gate) expire(how func(*conn)) {
	for _, c := range g.list() {
		how(c)
	}
}

// kill closes every connection, in mid-answer if need be.
func (g *gate) kill() {
	for _, c := range g.list() {
		c.Conn.Close()
	}
}

func (g *gate) list() []*conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]*conn, 0, len(g.conns))
	for c := range g.conns {
		list = append(list, c)
	}
	return list
}

// ended judges how a connection ended: only what a peer did wrong is worth a
// line.
func (g *gate) ended(c *conn, err error) {
	if err == nil || g.ctx.Err() != nil || c.state.Load() == evicted {
		return
	}
	if message := blame(err); message != "" {
		g.metrics.protocolError(g.cfg.Protocol)
		g.peers.warn(g.log, message, peer(c.Conn), zap.Error(err))
		return
	}
	g.log.Debug("connection ended", peer(c.Conn), zap.Error(err))
}

// peer names the other side in a log line.
func peer(nc net.Conn) zap.Field {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return zap.Stringer("peer", a)
	}
	return zap.Skip()
}

// isTimeout reports whether an error is that of a deadline.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
