package auth

import (
	"context"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// Limits of the protocols, in bytes, line feeds included.
const (
	MaxLine  = 16384 // that is received (AUTH_CLIENT_MAX_LINE_LENGTH of Dovecot)
	MaxReply = 8191  // that is sent (DOVECOT_AUTH_MAXLINELEN of Exim, which needs one byte for itself)
)

// Limits bound what one connection may cost. Each field that is zero has the
// default that it names.
type Limits struct {
	// Idle is for how long a client may be silent, 0 for ever. A login process
	// whose connection is closed may let its next client wait for 5 seconds,
	// so leave it 0 for auth-client.
	Idle time.Duration

	Read     time.Duration // for a line that began to arrive; 10 s
	Write    time.Duration // for a client to accept its answers; 30 s
	List     time.Duration // the same in the middle of a LIST; 1 h
	Check    time.Duration // for a Rest; then the answer is a temporary failure; 30 s, and never more than 8 s for smtp
	Drain    time.Duration // for what is in flight when ctx ends; 5 s
	Hangup   time.Duration // before a connection of service smtp is closed for a temporary failure; 1 s
	InFlight int           // requests of a connection that have no answer yet; 1000
}

// Rest is the slow part of a check, such as hashing a password. It returns
// soon after ctx has ended, and nobody looks at its outcome then.
type Rest func(ctx context.Context) Outcome

// Server answers both protocols. The fields are set before the first
// connection is served and left alone from then on; a Server must not be
// copied. The functions are called from as many goroutines as there are
// connections, and must be quick, but for Rest and List. Those that are nil
// answer that they cannot say.
type Server struct {
	// Check says whether an Attempt may log in. If that takes long, it returns
	// what is left to do as a Rest, and its Outcome is not looked at.
	Check func(a *Attempt) (Outcome, Rest)

	// User says what is known about a user, for USER and REQUEST.
	User func(ctx context.Context, r *UserRequest) UserReply

	// Pass is the same for PASS: what is known about the login of a user,
	// without the password.
	Pass func(ctx context.Context, r *UserRequest) UserReply

	// List calls yield with the name of each user, in any order, and stops if
	// it returns false. Names that r.Mask does not match need not be given.
	// yield waits for a client that reads slowly.
	List func(ctx context.Context, r *ListRequest, yield func(user []byte) bool) error

	// Flush forgets what is remembered about some users, or all if there are
	// none, and returns how many that were. If it is nil there is no cache.
	Flush func(ctx context.Context, users []string) (int, error)

	// Mechanisms are offered in this order, Plain and Login if empty.
	Mechanisms []Mechanism

	// Limits bound each connection.
	Limits Limits

	// SPID tells clients which server they talk to, the same on both sockets
	// and another one after a restart, unless the logins are adopted. The process
	// id if zero.
	SPID uint32

	// Heritage, if set, is closed when the logins of a Server whose place this
	// one takes have been adopted: until then a REQUEST for a login that is not
	// known waits.
	Heritage <-chan struct{}

	// PassOn, if set, is given a connection whose drain left it between two lines,
	// when nothing is owed to its client: another Server can go on with it, see
	// ResumeClient and ResumeMaster. The owner closes nc all the same.
	PassOn func(nc net.Conn, p *Passed)

	// OnRefused, if set, is told what did not go through although the protocol
	// was kept, always a *RefusedError. It must be quick.
	OnRefused func(error)

	cuid   atomic.Uint32
	logins handover
	// Prompt reports whether Check, User and Pass answer without waiting for
	// anything. Then a connection of package evloop is served on its event loop, as
	// far as it asks them. If nil, never.
	Prompt func() bool

	pool line.Pool
}

// ServeClient speaks auth-client with one client until it closes the
// connection or ctx ends; it returns nil then, and also when it ended the
// connection of Postfix or Exim for a temporary failure. The owner closes nc,
// and to drain it cancels ctx and then calls nc.SetReadDeadline with the
// current time: requests read completely are still answered.
//
// Errors are a *ProtocolError; io.ErrUnexpectedEOF, wrapped, if the client left
// within a line; os.ErrDeadlineExceeded, wrapped, if it was too slow; or what
// nc says. A panic of Check or a Rest is not caught.
func (s *Server) ServeClient(ctx context.Context, nc net.Conn) error {
	c := s.newClient(ctx, nc)
	return c.serve(ctx, c, nil)
}

// ServeMaster speaks auth-master with one client. It ends as ServeClient does.
// rights says what the client may ask; if it is nil, everything.
func (s *Server) ServeMaster(ctx context.Context, nc net.Conn, rights func(Peer) Rights) error {
	m := s.newMaster(ctx, nc, rights)
	return m.serve(ctx, m, nil)
}

// mechanisms is Mechanisms or its default.
func (s *Server) mechanisms() []Mechanism {
	if len(s.Mechanisms) == 0 {
		return []Mechanism{Plain(), Login()}
	}
	return s.Mechanisms
}

// spid is SPID or its default.
func (s *Server) spid() string {
	if s.SPID != 0 {
		return strconv.FormatUint(uint64(s.SPID), 10)
	}
	return strconv.Itoa(os.Getpid())
}

// limits gives the Limits with their defaults.
func (s *Server) limits() Limits {
	l := s.Limits
	l.Read = line.OrDefault(l.Read, 10*time.Second)
	l.Write = line.OrDefault(l.Write, 30*time.Second)
	l.List = line.OrDefault(l.List, time.Hour)
	l.Check = line.OrDefault(l.Check, 30*time.Second)
	l.Drain = line.OrDefault(l.Drain, 5*time.Second)
	l.Hangup = line.OrDefault(l.Hangup, time.Second)
	l.InFlight = line.OrDefault(l.InFlight, 1000)
	return l
}
