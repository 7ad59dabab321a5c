package milter

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/emersion/go-milter"
)

// Passed is a session that one Server leaves to another, which takes its place.
type Passed struct {
	// Said is what the other Server must read before what comes: the client's
	// offer and what it said of itself. It knows the replies to the first Answered
	// bytes.
	Said     []byte `json:"said"`
	Answered int    `json:"answered"`
}

// maxSaid bounds what is remembered of a client; more than that no MTA says of
// an SMTP client.
const maxSaid = 16 << 10

// past is a deadline that is over.
var past = time.Unix(1, 0)

// ResumeConn is ServeConn for a session that another Server has passed on.
func (s *Server) ResumeConn(ctx context.Context, nc net.Conn, p *Passed) error {
	w := s.newWire(ctx, nc)
	w.in.Reset(io.MultiReader(bytes.NewReader(p.Said), nc))
	w.known = p.Answered
	return s.serve(ctx, w)
}

// remember keeps a packet, whose beginning is head, if it belongs to what a
// session begins with: the offer, and the client with its macros.
func (w *wire) remember(head []byte) {
	switch {
	case w.code == byte(milter.CodeOptNeg):
		w.said = w.said[:0]
	case w.code == byte(milter.CodeConn):
	case w.code == byte(milter.CodeMacro) && len(head) > lengthSize+1 && head[lengthSize+1] == byte(milter.CodeConn):
	default:
		return
	}
	if len(head) < w.size || len(w.said)+w.size > maxSaid {
		w.stays = true // a strange client
		return
	}
	w.said = append(w.said, head[:w.size]...)
}

// passable reports whether another Server might take the session over: no
// message is under way, nor announced by its macros.
func (w *wire) passable() bool {
	return w.server.PassOn != nil && !w.stays && !w.busy() && w.code != byte(milter.CodeMacro)
}

// drained reports whether a session that waited was woken to be passed on.
func (w *wire) drained(err error) bool {
	return w.ctx.Err() != nil && w.passable() && errors.Is(err, os.ErrDeadlineExceeded)
}

// passOn leaves the session to another Server, if there is one.
func (w *wire) passOn() bool {
	rest, _ := w.in.Peek(w.in.Buffered())
	passed := w.server.PassOn(w.Conn, &Passed{Said: append(bytes.Clone(w.said), rest...), Answered: len(w.said)})
	w.stays = !passed
	return passed
}

// answer sends the replies to the packet before, unless the client knows them.
func (w *wire) answer() bool {
	if w.known > 0 {
		w.out = w.out[:0]
		w.known = max(0, w.known-w.size)
		return true
	}
	return w.flush()
}
