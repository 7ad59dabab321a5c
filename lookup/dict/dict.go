// Package dict speaks the server side of Dovecot's dict protocol, the one of
// its "proxy" dict driver. It knows the wire alone: a [Server] turns bytes into
// typed requests, hands them to a [Dict], and turns its answers into bytes.
//
// # Protocol
//
// A line is a command letter, fields separated by TAB, and LF, as in
// src/lib-dict/dict-client.c of Dovecot. In each field NUL, \x01, TAB, LF and CR
// are written \x01 and one of "0", "1", "t", "n", "r".
//
//	H<major> <minor> <type> <user> <dict name>   once, first; no reply
//	L<key> <user>                                look up
//	I<flags> <max rows> <path> <user>            iterate
//	B<id> <user> <expire>                        begin a transaction; no reply, as
//	S<id> <key> <value>                          set
//	U<id> <key>                                  unset
//	A<id> <key> <diff>                           add to a number
//	T<id> <seconds> <nanoseconds>                the time of the writes
//	V<id> yes|no                                 keep the values out of logs
//	R<id>                                        roll back
//	C<id>                                        commit; D<id> in old clients
//
// Three dialects are taken. Major 2 (Dovecot 2.2 to 2.3.16) names the user in H
// alone and may give several paths to I; major 3 (2.3.17 to 2.3.21) names the
// user in each command; major 4 (2.4) adds expire, in seconds, to B.
//
//	O<value>              found
//	N                     not there, for good: Dovecot says "no such user"
//	F<text>               cannot say: Dovecot says "try again"
//	O<key> <value>        a row; the empty line or F<text> ends the rows
//	O<id>                 committed
//	N<id>                 committed, but a key to add to was not there
//	F<id> <text>          not committed
//	W<id> <text>          may have been committed or not
//
// Replies leave in the order of the commands, without timing fields and without
// numbers (*<n>, +<n>), which are optional. The reply to D has an A before it.
// Several values of one key (M) are not offered.
//
// # What can leave
//
// Dovecot 2.3 crashes on replies outside this grammar: on another first letter,
// on a row without a TAB, on a row that does not begin with the path that was
// asked for. Replies are therefore written by one function for each kind and by
// nothing else. A value or key that contains a NUL, which Dovecot would cut
// there, and a row outside the path are not sent but become F, and are reported
// to [Server.OnRefused].
//
// # What is refused
//
// A line outside the grammar (an unknown letter, a missing field, a number that
// is none, a second H, more than [Server.MaxLine] bytes) leaves the sides out of
// step: ServeConn returns a [ProtocolError] and its owner closes the connection.
// What is in the grammar and cannot be served is answered F, when a reply is
// due: a key that begins neither with priv/ nor with shared/, a priv/ key without
// a user, a transaction that is not open or too large, a dict that
// [Server.Open] refuses. OnRefused is told once a connection of each kind.
//
// # Commits
//
// All commits that arrived together are begun, in order, before the first is
// waited for, so that they can share one fsync. A lookup or an iteration waits
// for the commits before it and so sees their effects.
//
// # Time and memory
//
// See package line for what a connection costs, and for when a deadline is
// honoured. Rows are written as they come, 16 KiB at a time: a client that does
// not read stops its own iteration, and ends after [Server.WriteTimeout].
// Dovecot keeps connections open on purpose (idle_msecs, dict_proxy_idle_timeout),
// and loses a lookup that meets one being closed, so Idle should be minutes.
package dict

import (
	"context"
	"net"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// Defaults of the fields of Server that are zero.
const (
	DefaultMaxLine       = 1 << 20          // bytes; Dovecot's own server takes 64 KiB
	DefaultTimeout       = 30 * time.Second // RequestTimeout, WriteTimeout; after it Dovecot gives up too
	DefaultCommitTimeout = 20 * time.Second // Dovecot waits for 30 s, and mail with it
)

// Limits of what one connection may leave open.
const (
	MaxTransactions = 64      // at once
	MaxOperations   = 1000    // of one transaction
	MaxBytes        = 4 << 20 // keys and values of all open transactions
)

// Server answers dict requests. The fields are set before the first connection
// is served and left alone from then on; a Server must not be copied.
type Server struct {
	// Open finds the dict that a client names. It is asked once a connection.
	// An error is for good: that the name is unknown, or that this peer may not
	// use it. All requests are then answered F with its text. What may change,
	// such as data that is not loaded yet, is the Dict's to say. Required.
	Open func(c *Client) (Dict, error)

	// Idle is for how long a client may be silent between two commands before
	// ServeConn returns nil, 0 for ever. It is honoured to a quarter.
	Idle time.Duration

	// RequestTimeout is how long a line that began to arrive may take to
	// arrive completely, DefaultTimeout if zero.
	RequestTimeout time.Duration

	// WriteTimeout is how long a client may take to accept what is written at
	// once, DefaultTimeout if zero. It is honoured to a quarter.
	WriteTimeout time.Duration

	// CommitTimeout is how long a commit is waited for before it is answered W,
	// DefaultCommitTimeout if zero.
	CommitTimeout time.Duration

	// MaxLine is the longest line in bytes, without its LF, DefaultMaxLine if
	// zero.
	MaxLine int

	// OnRefused, if set, is told of requests that cannot be served, once of
	// each kind a connection, and of each answer that cannot be sent: a
	// *RefusedError. It is called by the goroutines of the connections and must
	// be quick.
	OnRefused func(error)

	// PassOn, if set, is given a connection whose drain left it between two
	// commands, when nothing is owed to its client: another Server can go on with
	// it, perhaps in another process, see Resume. The owner closes nc all the same.
	PassOn func(nc net.Conn, said []byte)

	// Prompt reports whether lookups are answered without waiting for anything. Then
	// a connection of package evloop is served on its event loop, as far as it
	// looks up. If nil, never.
	Prompt func() bool

	pool line.Pool
}

// ServeConn answers the commands of one client in order until it closes the
// connection, ctx ends or the client was idle for too long; it returns nil
// then. Transactions that were not committed are forgotten, unless the connection
// is passed on. The owner closes
// nc, and to drain it cancels ctx and then calls nc.SetReadDeadline with the
// current time: commands read completely are still answered.
//
// Errors are a *ProtocolError; io.ErrUnexpectedEOF, wrapped, if the client left
// within a line; os.ErrDeadlineExceeded, wrapped, if it was too slow; or what
// nc says. A panic of the Dict is not caught.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) error { return s.Resume(ctx, nc, nil) }

// Resume is ServeConn for a connection that another Server has passed on, and said
// is what that one gave to PassOn.
func (s *Server) Resume(ctx context.Context, nc net.Conn, said []byte) error {
	x := &session{Server: s, nc: nc}
	err := line.Resume(ctx, nc, x, line.Limits{
		Idle:           s.Idle,
		RequestTimeout: line.OrDefault(s.RequestTimeout, DefaultTimeout),
		WriteTimeout:   line.OrDefault(s.WriteTimeout, DefaultTimeout),
		MaxFrame:       s.maxLine() + len("\n"),
	}, &s.pool, said)
	if x.said != nil && err == nil && s.PassOn != nil {
		s.PassOn(nc, x.said)
	}
	return err
}

// maxLine is MaxLine or its default.
func (s *Server) maxLine() int { return line.OrDefault(s.MaxLine, DefaultMaxLine) }
