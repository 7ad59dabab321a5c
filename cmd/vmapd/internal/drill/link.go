package drill

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// link is one connection through a Proxy.
type link struct {
	client, server net.Conn
	over           chan struct{} // closed when no byte passes any more
	once           sync.Once
	forgotten      atomic.Bool // neither side learns that it is over
}

// copy passes bytes on until a side ends; then the other does too, once bytes
// move.
func (p *Proxy) copy(l *link, dst, src net.Conn, fromServer bool) {
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		for rest := buf[:n]; len(rest) > 0; {
			if !p.wait(l) {
				l.drain(src)
				return
			}
			now := p.allow(len(rest), fromServer)
			if _, werr := dst.Write(rest[:now]); werr != nil {
				l.end()
				return
			}
			rest = rest[now:]
		}
		if err != nil {
			if p.wait(l) || !fromServer {
				l.end()
			}
			return
		}
	}
}

// drain reads what nobody is to get, until the client hangs up.
func (l *link) drain(src net.Conn) {
	_, _ = io.Copy(io.Discard, src)
	if src == l.client {
		l.end()
	}
}

// end closes both sides. It may be called more than once.
func (l *link) end() {
	l.once.Do(func() { close(l.over) })
	l.client.Close()
	if l.server != nil {
		l.server.Close()
	}
}

func (l *link) forget() {
	l.forgotten.Store(true)
	l.once.Do(func() { close(l.over) })
}

func (l *link) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// reset makes the end of the client's side a reset instead of an orderly one.
func (l *link) reset() {
	if tcp, ok := l.client.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
