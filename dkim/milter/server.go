package milter

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vmapd/vmapd/dkim"
)

// The results of messages that this package decides. Other results are what
// [dkim.Message.Author] and [Server.Keys] say why a message is not signed.
const (
	Signed        = "signed"
	AlreadySigned = "already_signed" // by every key there is: a second pass, as after a content filter
	Foreign       = "foreign"        // not eligible
	NoKey         = "no_key"         // for the author's domain
	KeyLoading    = "key_loading"    // and was not there within KeyWait
	Failed        = "error"          // Event.Err
)

// KeyWait is for how long a message waits for its keys.
const KeyWait = time.Second

// The limits of a Server whose fields are zero.
const (
	DefaultTimeout        = 10 * time.Second // Server.RequestTimeout
	DefaultMessageTimeout = time.Hour        // Server.MessageTimeout
	DefaultLinger         = 2 * time.Second  // Server.Linger
)

// Settings say who is signed for, and how. They are not changed once a Server
// has them.
type Settings struct {
	Networks    []netip.Prefix // clients
	DaemonNames []string       // values of {daemon_name}
	Options     dkim.Options
}

// eligible reports whether a message may be signed.
func (s *Settings) eligible(client netip.Addr, daemonName, authType string) bool {
	if authType != "" || slices.Contains(s.DaemonNames, daemonName) {
		return true
	}
	for _, n := range s.Networks {
		if n.Contains(client) {
			return true
		}
	}
	return false
}

// Event is what became of one message.
type Event struct {
	Result    string        // Signed, or why it is not
	Err       error         // of Failed
	Domain    string        // of the author; "" if it was not looked at, or there is none
	Selectors []string      // of the signatures that were added
	QueueID   string        // "" if the MTA did not say
	Facts     dkim.Facts    // of what was looked at of the message
	Took      time.Duration // from the end of the header; the MTA's own time is in it if there was a body
}

// PanicError is the Event.Err of a message at which a handler panicked.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns what the panic was about.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// ProtocolError says how a client broke the protocol.
type ProtocolError struct{ Reason string }

// Error returns the reason.
func (e *ProtocolError) Error() string { return "milter: " + e.Reason }

// Server has the messages of its clients signed. The fields are set before the
// first connection is served and left alone from then on; a Server must not be
// copied.
type Server struct {
	// Settings gives the settings in effect; it is asked at each message.
	// Required.
	Settings func() *Settings

	// Keys gives the keys that sign for a domain (an A-label in lower case), or
	// why there are none: a Result. It must not wait longer than ctx. Required.
	Keys func(ctx context.Context, domain string) (keys []*dkim.Key, why string)

	// Report, if set, is told of each message that came to its end, by the
	// goroutine of its connection: it must be quick, and keep nothing of the
	// event.
	Report func(*Event)

	// Idle is for how long a client may be silent between two messages before
	// ServeConn returns nil, 0 for ever. A session of Postfix is silent for as
	// long as its SMTP client is.
	Idle time.Duration

	// MessageTimeout is for how long a client may be silent within a message,
	// DefaultMessageTimeout if zero. Postfix is between MAIL and the header: it
	// passes a message on when it has the whole of it.
	MessageTimeout time.Duration

	// RequestTimeout is how long a packet that began to arrive may take to
	// arrive completely, and a client to accept replies, DefaultTimeout if zero.
	RequestTimeout time.Duration

	// Linger is for how long a client may be silent between two messages once
	// ctx has ended, DefaultLinger if zero: a session that is closed under an
	// SMTP client makes trouble for its next message.
	Linger time.Duration

	// PassOn, if set, is asked once ctx has ended to leave a session between two
	// messages to another Server (see ResumeConn), and reports whether it did. If
	// not the session lingers.
	PassOn func(nc net.Conn, p *Passed) bool

	// EveryReply, KeepSpaces and AnyMacros turn off what is asked of the MTA if
	// it offers it: to wait for few replies only, to leave the blank after the
	// colon of a field, and to send these macros alone.
	EveryReply, KeepSpaces, AnyMacros bool

	messages sync.Pool // *dkim.Message
	wires    sync.Pool // *bufio.Reader
	pieces   sync.Pool // *[pieceSize]byte
}

// ServeConn serves the messages of one client until it quits or closes the
// connection, or was idle for too long, or ctx ends; it returns nil then. The
// owner closes nc. To drain it cancels ctx: messages that have begun are still
// served to their end; then the session is passed on, or goes on with messages
// that begin within Linger.
//
// Errors are a *ProtocolError; io.ErrUnexpectedEOF, wrapped, if the client left
// within a message; os.ErrDeadlineExceeded, wrapped, if it was too slow; or what
// nc says. Panics of Keys and of what signs are caught: see PanicError.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) error {
	return s.serve(ctx, s.newWire(ctx, nc))
}

func (s *Server) serve(ctx context.Context, w *wire) error {
	makeRoom(0)
	defer w.release()
	defer context.AfterFunc(ctx, w.drain)()
	session := &session{server: s, ctx: context.WithoutCancel(ctx), wire: w}
	w.busy = func() bool { return session.busy }
	w.run(session.packet)
	session.forget()
	return w.err
}

// makeRoom makes the stack of a new goroutine as large as a signature needs it, at
// once and while it is nearly empty. Else it would be copied again and again, with
// all that stands on it, as crypto/rsa calls its way down.
//
//go:noinline
func makeRoom(i int) byte {
	var frame [9 << 10]byte
	return frame[i]
}

// orDefault returns v, or def if v is not positive.
func orDefault(v, def time.Duration) time.Duration {
	if v > 0 {
		return v
	}
	return def
}
