package line

import (
	"sync"
	"sync/atomic"
)

const (
	smallSize = 1 << 10   // input buffer of a connection, if its Limits do not say otherwise
	midSize   = 8 << 10   // for the few requests that are longer
	outSize   = 4 << 10   // reply buffer to begin with; it grows to what the values need
	keepSize  = 256 << 10 // a reply buffer that grew beyond this is not kept
)

// FlushSize is how many bytes of replies gather before they are written, and
// how many a Streamer should let gather.
const FlushSize = 16 << 10

// Pool keeps the buffers of connections that ended or wait, for the next ones
// of the same server. The zero value is ready; a Pool must not be copied.
type Pool struct {
	conns, mids, larges, outs sync.Pool

	last atomic.Pointer[conn] // that was read from, see conn.letOthers
}

// buffer is a byte slice that can be put into a sync.Pool without allocating.
type buffer struct{ b []byte }

// conn returns a connection state with empty buffers.
func (p *Pool) conn(l Limits) *conn {
	c, _ := p.conns.Get().(*conn)
	if size := OrDefault(l.Room, smallSize); c == nil || len(c.small) != size {
		c = &conn{small: make([]byte, size)}
	}
	c.pool, c.limits = p, l
	c.in = c.small
	return c
}

// release takes a connection state back with all it borrowed.
func (p *Pool) release(c *conn) {
	p.putIn(c.borrowed)
	p.putOut(c.out)
	*c = conn{small: c.small}
	p.conns.Put(c)
}

// getIn returns an input buffer larger than have bytes, of at most limit
// bytes.
func (p *Pool) getIn(have, limit int) *buffer {
	from, size := &p.mids, midSize
	if have >= midSize || limit <= midSize {
		from, size = &p.larges, limit
	}
	b, _ := from.Get().(*buffer)
	if b == nil || len(b.b) < size {
		b = &buffer{make([]byte, size)}
	}
	return b
}

// putIn takes back what getIn gave; nil is nothing.
func (p *Pool) putIn(b *buffer) {
	switch {
	case b == nil:
	case len(b.b) == midSize:
		p.mids.Put(b)
	default:
		p.larges.Put(b)
	}
}

// getOut returns an empty reply buffer.
func (p *Pool) getOut() *buffer {
	b, _ := p.outs.Get().(*buffer)
	if b == nil {
		b = &buffer{make([]byte, 0, outSize)}
	}
	return b
}

// putOut takes back what getOut gave, however it grew; nil is nothing.
func (p *Pool) putOut(b *buffer) {
	if b == nil || cap(b.b) > keepSize {
		return
	}
	b.b = b.b[:0]
	p.outs.Put(b)
}
