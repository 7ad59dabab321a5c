package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"net"
	"strconv"
)

// Passed is a connection that one Server leaves to another, which takes its
// place.
type Passed struct {
	CUID   uint32 `json:",omitempty"` // of auth-client: which connection it is
	Cookie string `json:",omitempty"` // and its cookie

	// Said is what the other Server must read before what comes. Of the replies
	// to its first Answered bytes those that ask for more are known to the client.
	Said     []byte `json:",omitempty"`
	Answered int    `json:",omitempty"`
}

// ResumeClient is ServeClient for a connection that another Server has passed on,
// whose logins, if it left any, have been adopted.
func (s *Server) ResumeClient(ctx context.Context, nc net.Conn, p *Passed) error {
	c := s.newClient(ctx, nc)
	c.cuid, c.cookie, c.resumed = p.CUID, p.Cookie, true
	return c.serve(ctx, c, p)
}

// ResumeMaster is ServeMaster for a connection that another Server has passed on.
func (s *Server) ResumeMaster(ctx context.Context, nc net.Conn, rights func(Peer) Rights, p *Passed) error {
	m := s.newMaster(ctx, nc, rights)
	return m.serve(ctx, m, p)
}

// Keep takes note that the connection ended between two lines.
func (x *session) Keep(rest []byte) { x.kept, x.rest = true, bytes.Clone(rest) }

// passed is what another Server has to know.
func (m *master) passed() *Passed {
	p := &Passed{}
	if m.greeted {
		p.Said = appendVersion(nil, m.minor)
	}
	p.finish(m.session)
	return p
}

// passed is what another Server has to know. Exchanges that go on begin again
// there, with what the client has said in them so far.
func (c *client) passed() *Passed {
	p := &Passed{CUID: c.cuid, Cookie: c.cookie}
	if c.stage > wantVersion {
		p.Said = appendVersion(nil, c.minor)
	}
	if c.stage > wantCPID {
		p.Said = appendLine(append(p.Said, "CPID\t"...), c.cpid)
	}
	p.Said = append(p.Said, c.exchanges...)
	p.finish(c.session)
	return p
}

// finish adds what was not answered.
func (p *Passed) finish(x *session) {
	p.Answered = len(p.Said)
	p.Said = append(p.Said, x.rest...)
}

func appendVersion(dst []byte, minor uint32) []byte {
	return appendLine(append(dst, "VERSION\t1\t"...), minor)
}

// known reports whether the client knows the replies to a line that was read.
func (x *session) known(line []byte) bool {
	before := x.replay
	x.replay = max(0, x.replay-len(line))
	return before > 0
}

// remember keeps what a client has said in an exchange that goes on, which is
// nothing secret: that ends an exchange.
func (r *request) remember(response []byte) {
	if r.said == nil {
		r.said = append(append(r.said, "AUTH\t"...), r.head...)
		if response == nil {
			r.said = append(r.said, '\n')
			return
		}
		r.said = append(r.said, "\tresp="...)
	} else {
		r.said = append(strconv.AppendUint(append(r.said, "CONT\t"...), uint64(r.id), 10), '\t')
	}
	if len(response) == 0 {
		r.said = append(r.said, '=')
	}
	r.said = append(base64.StdEncoding.AppendEncode(r.said, response), '\n')
}
