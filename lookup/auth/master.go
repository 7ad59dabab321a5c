package auth

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// Rights say what a client of auth-master may ask beyond VERSION.
type Rights uint8

// The rights, one for each command.
const (
	MayUser    Rights = 1 << iota // USER
	MayPass                       // PASS
	MayList                       // LIST
	MayRequest                    // REQUEST
	MayFlush                      // CACHE-FLUSH

	UserdbRights = MayUser | MayList                                   // what Dovecot's auth-userdb socket is for
	AllRights    = MayUser | MayPass | MayList | MayRequest | MayFlush // what auth-master is for
)

// UserRequest asks for a user. User and the slices of Info are valid until the
// function that got it has returned.
type UserRequest struct {
	Info
	User []byte // as asked; of a REQUEST, Outcome.User

	// Mechanism is how the user logged in, if this is a REQUEST, else empty.
	Mechanism string

	scratch []byte
}

// NewFields returns empty Fields for the reply to r, in memory that is there
// already.
func (r *UserRequest) NewFields() Fields { return Fields{b: r.scratch[:0]} }

// master is a connection of auth-master.
type master struct {
	*session
	rights Rights

	// known to the loop alone
	greeted bool
	asks    bool // the line at the head of the input asks about a user
	minor   uint32
	parser  infoParser
	request UserRequest

	listMu sync.Mutex
	lists  map[uint32]context.CancelFunc // that go on, by id
}

// newMaster prepares to serve nc until ctx ends.
func (s *Server) newMaster(ctx context.Context, nc net.Conn, rights func(Peer) Rights) *master {
	m := &master{session: s.newSession(ctx, nc), rights: AllRights}
	if rights != nil {
		m.rights = rights(m.peer)
	}
	return m
}

// greeting is what the server says first.
func (m *master) greeting() []byte {
	return []byte("VERSION\t1\t1\nSPID\t" + m.s.spid() + "\n")
}

// Cut finds the end of a line.
func (m *master) Cut(b []byte) (int, error) {
	m.asks = bytes.HasPrefix(b, []byte("USER\t")) || bytes.HasPrefix(b, []byte("PASS\t"))
	return m.cutLine(b)
}

// Prompt reports whether Answer would not wait.
func (m *master) Prompt() bool { return m.asks && m.greeted && m.prompt() }

// Answer does what one line asks for.
func (m *master) Answer(ctx context.Context, dst, request []byte) []byte {
	command, args, _ := cutField(trimEOL(request))
	if !m.greeted {
		m.minor, m.greeted = m.version(command, args)
		return dst
	}
	text, args, more := cutField(args)
	id, ok := parseID(text)
	switch string(command) {
	case "USER", "PASS", "LIST", "REQUEST", "CACHE-FLUSH", "CANCEL":
	default:
		m.fail("client sent the unknown command " + quote(command))
		return dst
	}
	if !ok {
		m.fail("client sent " + string(command) + " without an id")
		return dst
	}
	switch string(command) {
	case "USER":
		return m.lookup(ctx, dst, id, args, MayUser)
	case "PASS":
		return m.lookup(ctx, dst, id, args, MayPass)
	case "LIST":
		return m.list(dst, id, args)
	case "REQUEST":
		return m.handOver(ctx, dst, id, args)
	case "CACHE-FLUSH":
		return m.flushCache(ctx, dst, id, args, more)
	default:
		m.cancelList(id)
		return dst
	}
}

// lookup answers USER and PASS.
func (m *master) lookup(ctx context.Context, dst []byte, id uint32, args []byte, right Rights) []byte {
	user, rest, _ := cutField(args)
	r := m.newRequest()
	m.parser.parse(&r.Info, rest)
	r.Peer, r.User = m.peer, strescape.Unescape(user)
	command, find := "USER", m.s.User
	if right == MayPass {
		command, find = "PASS", m.s.Pass
	}
	switch {
	case len(r.User) == 0:
		m.fail("client sent " + command + " without a user")
		return dst
	case m.rights&right == 0:
		m.forbid(command, r.User)
		return appendFailed(dst, id, "")
	}
	var reply UserReply
	if find != nil {
		reply = find(ctx, r)
	}
	return m.answer(dst, command, id, r, &reply, nil)
}

// newRequest empties the request that is used again and again.
func (m *master) newRequest() *UserRequest {
	scratch := m.request.scratch
	if scratch == nil {
		scratch = make([]byte, 0, 512)
	}
	m.request = UserRequest{scratch: scratch}
	return &m.request
}

// answer appends the reply about a user, with further fields. One that cannot
// be sent is reported and becomes a failure.
func (m *master) answer(dst []byte, command string, id uint32, r *UserRequest, reply *UserReply, more []byte) []byte {
	start := len(dst)
	switch {
	case reply.Verdict == No:
		return appendLine(append(dst, "NOTFOUND\t"...), id)
	case reply.Verdict != Yes:
		dst = appendFailed(dst, id, reply.Reason)
	case command == "PASS":
		dst = appendID(append(dst, "PASS\t"...), id)
		dst = appendName(append(dst, "\tuser="...), reply.User, r.User)
		dst = append(append(dst, reply.Fields.b...), '\n')
	default:
		dst = append(appendID(append(dst, "USER\t"...), id), '\t')
		dst = appendName(dst, reply.User, r.User)
		dst = append(append(append(dst, reply.Fields.b...), more...), '\n')
	}
	problem := reply.Fields.bad
	if n := len(dst) - start; n > MaxReply && problem == nil {
		problem = fmt.Errorf("the reply would be a line of %d bytes, clients read %d", n, MaxReply)
	}
	if problem != nil {
		m.refused(command, r.User, problem.Error())
		return appendFailed(dst[:start], id, "")
	}
	return dst
}

// appendName appends the name of a user, or what was asked for.
func appendName(dst []byte, name string, asked []byte) []byte {
	if name == "" {
		return strescape.Append(dst, asked)
	}
	return strescape.Append(dst, name)
}

// appendFailed appends the reply that it cannot be said.
func appendFailed(dst []byte, id uint32, reason string) []byte {
	return appendFail(dst, id, nil, NoCode, reason, nil)
}

// forbid reports that a right is missing.
func (m *master) forbid(command string, user []byte) {
	m.refused(command, user, fmt.Sprintf("process %d of uid %d may not ask this here", m.peer.PID, m.peer.UID))
}

// flushCache answers CACHE-FLUSH.
func (m *master) flushCache(ctx context.Context, dst []byte, id uint32, args []byte, more bool) []byte {
	var users []string
	for more {
		var user []byte
		if user, args, more = cutField(args); len(user) > 0 {
			users = append(users, string(strescape.Unescape(user)))
		}
	}
	if m.rights&MayFlush == 0 {
		m.forbid("CACHE-FLUSH", nil)
		return appendFailed(dst, id, "")
	}
	n := 0
	if m.s.Flush != nil {
		var err error
		if n, err = m.s.Flush(ctx, users); err != nil {
			return appendFailed(dst, id, err.Error())
		}
	}
	dst = appendID(append(dst, "OK\t"...), id)
	dst = strconv.AppendInt(append(dst, '\t'), int64(max(n, 0)), 10)
	return append(dst, '\n')
}
