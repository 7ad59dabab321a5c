// Package socketmap speaks the protocol of Postfix's socketmap tables, both
// sides of it. It knows the wire alone: a [Server] turns bytes into a table
// name and a key, asks its [LookupFunc], and turns the answer into bytes.
//
// # Protocol
//
//	request = netstring( table SP key )       20:aliases user@d1.test,
//	reply   = netstring( status SP text )     18:OK box@example.com,
//
// as in socketmap_table(5) and src/util/dict_sockmap.c of Postfix. A netstring
// is a number of bytes, ":", the bytes, ","; leading zeros are accepted, as
// Postfix does (src/util/netstring.c), up to ten digits. The table name ends at
// the first space; the key is the rest, verbatim, and may be empty or contain
// spaces, colons, line feeds and bytes that are not UTF-8.
//
//	OK value       found; the value is never empty
//	NOTFOUND       (followed by a space) not there
//	TEMP reason    cannot say; Postfix logs the reason and tries again later
//
// PERM and TIMEOUT are never sent: Postfix treats PERM as a configuration error
// (451, and a mail to the postmaster), not as a refusal of the address.
//
// # What is refused
//
// A request that announces more than [Server.MaxRequest] bytes, or is not a
// netstring, leaves no way to find the next one: ServeConn returns a
// [ProtocolError] and its owner closes the connection. A netstring without a
// space names no table: it is answered TEMP.
//
// A value that Postfix would misread is never sent, but answered TEMP and
// reported to [Server.OnRefused]: one that is empty, is not UTF-8, contains a
// NUL, or makes a reply of more than 100,000 bytes.
//
// # Time and memory
//
// See package line for what a connection costs, and for when a deadline is
// honoured.
package socketmap

import (
	"context"
	"net"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// Limits of the protocol, in bytes.
const (
	MaxReply          = 100000       // payload of a reply that Postfix reads (socketmap_max_reply_size)
	MaxValue          = MaxReply - 3 // value in it, after "OK "
	DefaultMaxRequest = 65536        // Server.MaxRequest if zero; Postfix 3.12 sends keys of at most 10,000
)

// DefaultTimeout is used for Server.RequestTimeout and Server.WriteTimeout if
// zero. Postfix itself gives up after 100 s.
const DefaultTimeout = 10 * time.Second

// LookupFunc answers one request: it appends the value of key in table to dst,
// which is empty and has room, and returns it; found is false if there is
// none; an error means that it cannot say, and its text becomes the reason of a
// TEMP. It must not keep dst, table or key. ctx is the one given to ServeConn,
// and ends when the connection drains: an answer at hand is still wanted then.
// It is called from as many goroutines as there are connections.
type LookupFunc = func(ctx context.Context, dst, table, key []byte) (value []byte, found bool, err error)

// Server answers socketmap requests. The fields are set before the first
// connection is served and left alone from then on; a Server must not be
// copied.
type Server struct {
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

	// MaxRequest is the largest payload of a request, in bytes,
	// DefaultMaxRequest if zero.
	MaxRequest int

	// OnRefused, if set, is told of each value that cannot be sent (a
	// *RefusedError) and of each request that names no table (a
	// *ProtocolError), all answered TEMP. It is called by the goroutines of
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
	return line.Serve(ctx, nc, wire{s}, line.Limits{
		Idle:           s.Idle,
		RequestTimeout: line.OrDefault(s.RequestTimeout, DefaultTimeout),
		WriteTimeout:   line.OrDefault(s.WriteTimeout, DefaultTimeout),
		MaxFrame:       maxDigits + len(":") + s.maxRequest() + len(","),
	}, &s.pool)
}

// maxRequest is MaxRequest or its default.
func (s *Server) maxRequest() int { return line.OrDefault(s.MaxRequest, DefaultMaxRequest) }
