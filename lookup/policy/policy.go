// Package policy speaks Postfix's policy delegation protocol, both sides of it.
// It knows the wire alone: a [Server] turns bytes into a [Request], asks its
// DecideFunc, and turns the [Action] into bytes.
//
// # Protocol
//
//	request = *( name "=" value LF ) LF
//	reply   = "action=" action LF LF
//
// as in SMTPD_POLICY_README and src/smtpd/smtpd_check.c of Postfix
// (check_policy_service). A value may contain "="; an attribute that nobody
// knows is kept, and can be asked for by its name. Of an attribute that comes
// twice the last counts.
//
// # What is answered
//
// An [Action] can be "look on" ([Dunno]), "later" and "no", but never "yes":
// Postfix takes OK, a number, and an empty action for leave to skip all further
// restrictions of the list, so that a policy service that says yes to the wrong
// request makes an open relay. A text is made one line of UTF-8 without control
// characters.
//
// Whoever cannot say anything says [None]: the connection is closed without a
// reply, and Postfix does what follows.
//
// # What is refused
//
// What is longer than [Server.MaxRequest] bytes, has a line without "=", or is
// no request=smtpd_access_policy ends the connection without a reply: ServeConn
// returns a [ProtocolError]. Postfix then asks once more on a new connection
// and after that does what the entry's default_action says.
//
// # Time and memory
//
// See package line for what a connection costs, and for when a deadline is
// honoured.
package policy

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// DefaultMaxRequest is Server.MaxRequest if zero: addresses, names of
// certificates and all, Postfix sends some two thousand bytes.
const DefaultMaxRequest = 65536

// usualRequest is what a connection has room for: the requests of Postfix 3.7
// have some 700 to 1,500 bytes.
const usualRequest = 4096

// DefaultTimeout is used for Server.RequestTimeout and Server.WriteTimeout if
// zero. Postfix itself gives up after 100 s.
const DefaultTimeout = 10 * time.Second

// DecideFunc says what to do about a request. It must not keep it or what is in
// it. ctx is the one given to ServeConn, and ends when the connection drains: an
// answer at hand is still wanted then. It is called from as many goroutines as
// there are connections.
type DecideFunc = func(ctx context.Context, r *Request) Action

// Server answers policy requests. The fields are set before the first
// connection is served and left alone from then on; a Server must not be copied.
type Server struct {
	// Decide is asked about each request. Required.
	Decide DecideFunc

	// Idle is for how long a client may be silent between two requests before
	// ServeConn returns nil, 0 for ever. It is honoured to a quarter.
	Idle time.Duration

	// RequestTimeout is how long a request that began to arrive may take to
	// arrive completely, DefaultTimeout if zero.
	RequestTimeout time.Duration

	// WriteTimeout is how long a client may take to accept its replies,
	// DefaultTimeout if zero. It is honoured to a quarter.
	WriteTimeout time.Duration

	// MaxRequest is the largest request, in bytes, DefaultMaxRequest if zero.
	MaxRequest int

	// PassOn, if set, is given a connection whose drain left it between two
	// requests: another Server can go on with it, perhaps in another process, see
	// Resume. Postfix waits for a second before it asks again on a connection of
	// its own. The owner closes nc all the same.
	PassOn func(nc net.Conn, said []byte)

	// Prompt reports whether Decide would answer without waiting for anything. Then
	// a connection of package evloop is served on its event loop. If nil, never.
	Prompt func(r *Request) bool

	pool     line.Pool
	requests sync.Pool // of *Request
}

// ServeConn answers the requests of one client in order until it closes the
// connection, ctx ends or the client was idle for too long; it returns nil then.
// The owner closes nc, and to drain it cancels ctx and then calls
// nc.SetReadDeadline with the current time: requests read completely are still
// answered.
//
// A request that Decide has no answer to ends the connection, without an error.
//
// Errors are a *ProtocolError; io.ErrUnexpectedEOF, wrapped, if the client left
// within a request; os.ErrDeadlineExceeded, wrapped, if it was too slow; or what
// nc says. A panic of Decide is not caught.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) error { return s.Resume(ctx, nc, nil) }

// Resume is ServeConn for a connection that another Server has passed on, and said
// is what that one gave to PassOn.
func (s *Server) Resume(ctx context.Context, nc net.Conn, said []byte) error {
	x := &session{Server: s}
	err := line.Resume(ctx, nc, x, line.Limits{
		Idle:           s.Idle,
		RequestTimeout: line.OrDefault(s.RequestTimeout, DefaultTimeout),
		WriteTimeout:   line.OrDefault(s.WriteTimeout, DefaultTimeout),
		MaxFrame:       s.maxRequest(),
		Room:           usualRequest,
	}, &s.pool, said)
	if errors.Is(err, errSilent) {
		return nil
	}
	if x.said != nil && err == nil && s.PassOn != nil {
		s.PassOn(nc, x.said)
	}
	return err
}

func (s *Server) maxRequest() int { return line.OrDefault(s.MaxRequest, DefaultMaxRequest) }

// ProtocolError says what a peer sent that is not the protocol, in words for the
// log of an administrator.
type ProtocolError struct {
	Reason string
}

// Error returns the reason.
func (e *ProtocolError) Error() string { return e.Reason }
