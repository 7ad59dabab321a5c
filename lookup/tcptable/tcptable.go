// Package tcptable speaks the protocol of Postfix's tcp tables, both sides of
// it. It knows the wire alone: a [Server] turns bytes into a key, asks its
// [LookupFunc] for it in the one table it serves, and turns the answer into
// bytes.
//
// # Protocol
//
//	request = "get" SP key LF         get user@d1.test
//	reply   = code SP text LF         200 box@example.com
//
// as in tcp_table(5) and src/util/dict_tcp.c of Postfix. In keys and values,
// "%", white space, control bytes and bytes beyond ASCII are written %XX, with
// digits of either case; the values sent here use upper case.
//
//	200 value     found; the value is never empty
//	500 text      not there; also the answer to "put", which is refused
//	400 reason    cannot say; Postfix hangs up and tries again later
//
// Postfix 3.7 logs "query error" for a 400 and drops its reason, so what an
// administrator is to know must be logged on this side.
//
// # What is refused
//
// A line that is no request (another word than get or put, no key, a broken
// %XX, white space or a control byte in the key that is not written %XX) is
// answered 400, and the connection goes on, since the next line is easily
// found. A carriage return before the line feed is such a control byte: Postfix
// never sends one, and whoever types by hand over telnet learns why instead of
// being told that the key does not exist. Bytes beyond ASCII are taken as they
// are. A line of more than [Server.MaxRequest] bytes is a [ProtocolError], and
// the owner of ServeConn closes the connection.
//
// A value that Postfix would misread is never sent, but answered 400 and
// reported to [Server.OnRefused]: one that is empty, is not UTF-8, contains a
// NUL, or makes a reply of more than 4096 bytes with its line feed. The last is
// a limit of the protocol that long lists of recipients meet; socketmap has
// 100,000 bytes.
//
// # Time and memory
//
// See package line for what a connection costs, and for when a deadline is
// honoured.
package tcptable

import (
	"context"
	"net"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// Limits of the protocol, in bytes.
const (
	MaxReply          = 4096  // a reply that Postfix reads, with its line feed
	DefaultMaxRequest = 65536 // Server.MaxRequest if zero: a key of over 20,000 bytes, each as %XX
)

// DefaultTimeout is used for Server.RequestTimeout and Server.WriteTimeout if
// zero. Postfix itself gives up after 100 s.
const DefaultTimeout = 10 * time.Second

// LookupFunc answers one request: it appends the value of key in table to dst,
// which is empty and has room, and returns it; found is false if there is
// none; an error means that it cannot say, and its text becomes the reason of a
// 400. It must not keep dst, table or key. ctx is the one given to ServeConn,
// and ends when the connection drains: an answer at hand is still wanted then.
// It is called from as many goroutines as there are connections.
type LookupFunc = func(ctx context.Context, dst, table, key []byte) (value []byte, found bool, err error)

// Server answers the requests for one table. The fields are set before the
// first connection is served and left alone from then on; a Server must not be
// copied.
type Server struct {
	// Table is the name that Lookup is given with each key.
	Table string

	// Lookup finds the values. Required.
	Lookup LookupFunc

	// Idle is for how long a client may be silent between two requests before
	// ServeConn returns nil, 0 for ever. It is honoured to a quarter.
	Idle time.Duration

	// RequestTimeout is how long a request that began to arrive may take to
	// arrive completely, DefaultTimeout if zero.
	RequestTimeout time.Duration

	// WriteTimeout is how long a client may take to accept its replies,
	// DefaultTimeout if zero. It is honoured to a quarter.
	WriteTimeout time.Duration

	// MaxRequest is the largest request, in bytes with its line feed,
	// DefaultMaxRequest if zero.
	MaxRequest int

	// OnRefused, if set, is told of each value that cannot be sent (a
	// *RefusedError) and of each line that is no request (a *ProtocolError),
	// all answered 400, or 500 for "put". It is called by the goroutines of
	// the connections and must be quick.
	OnRefused func(reason error)

	// Prompt reports whether Lookup would answer without waiting for anything. Then
	// a connection of package evloop is served on its event loop. If nil, never.
	Prompt func() bool

	pool line.Pool
}

// ServeConn answers the requests of one client in order until it closes the
// connection, ctx ends or the client was idle for too long; it returns nil
// then. The owner closes nc, and to drain it cancels ctx and then calls
// nc.SetReadDeadline with the current time: requests read completely are still
// answered.
//
// Errors are a *ProtocolError; io.ErrUnexpectedEOF, wrapped, if the client left
// within a request; os.ErrDeadlineExceeded, wrapped, if it was too slow; or
// what nc says. A panic of Lookup is not caught.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) error {
	return line.Serve(ctx, nc, &wire{s, []byte(s.Table)}, line.Limits{
		Idle:           s.Idle,
		RequestTimeout: line.OrDefault(s.RequestTimeout, DefaultTimeout),
		WriteTimeout:   line.OrDefault(s.WriteTimeout, DefaultTimeout),
		MaxFrame:       s.maxRequest(),
	}, &s.pool)
}

// maxRequest is MaxRequest or its default.
func (s *Server) maxRequest() int { return line.OrDefault(s.MaxRequest, DefaultMaxRequest) }
