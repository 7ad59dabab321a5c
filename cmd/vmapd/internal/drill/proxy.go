package drill

import (
	"net"
	"sync"
	"testing"
)

// Proxy is the network between a daemon and a database server: it passes bytes
// on until told otherwise.
type Proxy struct {
	Addr string // ip:port to connect to

	target string
	all    sync.WaitGroup

	mu     sync.Mutex
	ln     net.Listener
	links  map[*link]bool
	cut    bool
	closed bool
	moving chan struct{} // closed while bytes move
	budget int           // bytes from the server until it stalls; < 0: no end
	spent  chan struct{} // closed when the budget is
}

// NewProxy listens on addr until the test ends.
func NewProxy(t testing.TB, addr, target string) *Proxy {
	t.Helper()
	p := &Proxy{Addr: addr, target: target, links: map[*link]bool{}, moving: make(chan struct{}), budget: -1}
	close(p.moving)
	if err := p.listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// Stall keeps all connections and moves no byte. Who connects finds that the
// connection is made, and no more.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isMoving() {
		p.moving = make(chan struct{})
	}
}

// StallAfter stalls when n more bytes have come from the server; the channel is
// closed then. This is how to stop in the middle of something.
func (p *Proxy) StallAfter(n int) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget, p.spent = n, make(chan struct{})
	return p.spent
}

// Cut closes all connections and refuses new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	if p.ln != nil {
		p.ln.Close()
		p.ln = nil
	}
	for l := range p.links {
		if !l.forgotten.Load() || p.closed {
			l.reset()
			l.end()
		}
	}
}

// Forget makes the connections there are hang for ever, as when a firewall has
// lost them or another server took over the address. New ones are not
// concerned.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.forget()
	}
}

// Resume ends Stall, StallAfter and Cut.
func (p *Proxy) Resume() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget = -1
	if !p.isMoving() {
		close(p.moving)
	}
	if !p.cut {
		return nil
	}
	p.cut = false
	return p.listen()
}

func (p *Proxy) isMoving() bool {
	select {
	case <-p.moving:
		return true
	default:
		return false
	}
}

// listen begins to accept. p.mu is held, or nobody else knows p yet.
func (p *Proxy) listen() error {
	ln, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return err
	}
	p.ln = ln
	p.all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.serve(c) })
		}
	})
	return nil
}

// serve connects through, as soon as bytes move.
func (p *Proxy) serve(c net.Conn) {
	l := &link{client: c, over: make(chan struct{})}
	defer c.Close()
	if !p.add(l) {
		l.reset()
		return
	}
	defer p.remove(l)
	if !p.wait(l) {
		l.drain(c)
		return
	}
	s, err := net.Dial("tcp", p.target)
	if err != nil {
		l.reset()
		return
	}
	defer s.Close()
	p.mu.Lock()
	l.server = s
	p.mu.Unlock()
	if l.isOver() && !l.forgotten.Load() {
		return // cut meanwhile
	}
	var up sync.WaitGroup
	up.Go(func() { p.copy(l, s, c, false) })
	p.copy(l, c, s, true)
	up.Wait()
}

// wait blocks while bytes do not move. It reports false for a link that is
// over.
func (p *Proxy) wait(l *link) bool {
	for {
		p.mu.Lock()
		moving := p.moving
		p.mu.Unlock()
		select {
		case <-l.over:
			return false
		case <-moving:
		}
		p.mu.Lock()
		still := p.moving == moving
		p.mu.Unlock()
		if still {
			return !l.isOver()
		}
	}
}

// allow takes n bytes off the budget and returns how many may pass; with the
// last one the proxy stalls.
func (p *Proxy) allow(n int, fromServer bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !fromServer || p.budget < 0 {
		return n
	}
	n = min(n, p.budget)
	if p.budget -= n; p.budget == 0 {
		p.budget = -1
		if p.isMoving() {
			p.moving = make(chan struct{})
		}
		close(p.spent)
	}
	return n
}

func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.cut {
		return false
	}
	p.links[l] = true
	return true
}

func (p *Proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Cut()
	p.all.Wait()
}
