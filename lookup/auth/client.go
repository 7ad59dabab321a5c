package auth

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
)

// client is a connection of auth-client.
type client struct {
	*session
	cuid       uint32
	cookie     string // in hexadecimal
	limits     Limits
	mechanisms []Mechanism

	// known to the loop alone
	stage   stage
	minor   uint32
	parser  infoParser
	scratch *request // for requests that are answered at once

	cpid uint32 // written once by the loop, before anything is kept

	mu      sync.Mutex
	open    map[uint32]*request // without an answer, by id
	due     agenda              // those of them that wait for a time
	pumping bool                // a goroutine looks after due
	wake    chan struct{}       // tells it that the first of due is another one
	over    chan struct{}       // closed when it is to end
	closing closing
	joined  bool // the handover knows about kept
	kept    keptLogins

	resumed   bool   // another Server had it before
	severed   bool   // a temporary failure of service smtp is due: the end tells
	exchanges []byte // what was said in exchanges that went on when it drained
}

// stage is how far the client's handshake has come.
type stage uint8

const (
	wantVersion stage = iota
	wantCPID
	ready
)

// closing is how a connection ends.
type closing uint8

const (
	serving  closing = iota
	draining         // what is in flight is answered, nothing is held back
	closed           // nothing is answered
)

// newClient prepares to serve nc until ctx ends.
func (s *Server) newClient(ctx context.Context, nc net.Conn) *client {
	return &client{
		session: s.newSession(ctx, nc), cuid: s.cuid.Add(1), cookie: newToken(16),
		limits: s.limits(), mechanisms: s.mechanisms(),
		wake: make(chan struct{}, 1), over: make(chan struct{}),
	}
}

// greeting is what the server says first.
func (c *client) greeting() []byte {
	var b bytes.Buffer
	b.WriteString("VERSION\t1\t2\n")
	for _, m := range c.mechanisms {
		b.WriteString("MECH\t" + m.Name)
		for _, f := range m.Flags {
			b.WriteString("\t" + f)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "SPID\t%s\nCUID\t%d\nCOOKIE\t%s\nDONE\n", c.s.spid(), c.cuid, c.cookie)
	return b.Bytes()
}

// Cut finds the end of a line.
func (c *client) Cut(b []byte) (int, error) { return c.cutLine(b) }

// cutLine is the Cut of both protocols.
func (x *session) cutLine(b []byte) (int, error) {
	if x.bad != nil {
		return 0, x.bad
	}
	n := bytes.IndexByte(b, '\n') + 1
	if n > MaxLine || n == 0 && len(b) >= MaxLine {
		return 0, &ProtocolError{fmt.Sprintf("client sent a line of more than %d bytes", MaxLine)}
	}
	return n, nil
}

// Prompt reports whether Answer would not wait.
func (c *client) Prompt() bool { return c.prompt() && c.stage == ready }

// prompt is what both protocols need for that: data, and a client that reads.
func (x *session) prompt() bool {
	return x.s.Prompt != nil && x.out.backlog.Load() == 0 && x.s.Prompt()
}

// Answer does what one line asks for.
func (c *client) Answer(_ context.Context, dst, request []byte) []byte {
	start := len(dst)
	known := c.known(request)
	if dst = c.answer(dst, request); known && bytes.HasPrefix(dst[start:], []byte("CONT\t")) {
		return dst[:start]
	}
	return dst
}

func (c *client) answer(dst, request []byte) []byte {
	command, args, _ := cutField(trimEOL(request))
	switch {
	case c.stage == ready && string(command) == "AUTH":
		return c.auth(dst, args)
	case c.stage == ready && string(command) == "CONT":
		return c.cont(dst, args)
	case c.stage == ready && string(command) == "CANCEL":
		return c.cancel(dst, args)
	case c.stage == wantVersion:
		minor, ok := c.version(command, args)
		if ok {
			c.minor, c.stage = minor, wantCPID
		}
	case c.stage == wantCPID && string(command) == "CPID":
		pid, ok := parseID(args)
		if !ok || pid == 0 {
			c.fail("client sent the process id " + quote(args))
			return dst
		}
		c.cpid, c.stage = pid, ready
	case c.stage == wantCPID:
		c.fail("client sent " + quote(command) + " where CPID should be")
	default:
		c.fail("client sent the unknown command " + quote(command))
	}
	return dst
}

// quote makes what a client sent fit for a log.
func quote(b []byte) string { return fmt.Sprintf("%q", short(b)) }
