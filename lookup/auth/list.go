package auth

import (
	"context"

	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// maxLists is how many LISTs of a connection may go on at a time. Dovecot's
// server does one.
const maxLists = 8

// listChunk is how many bytes of a LIST gather before they are written.
const listChunk = 8 << 10

// ListRequest asks for the names of users.
type ListRequest struct {
	Service string // of the client, usually doveadm
	Mask    string // with * and ?, as in MatchMask; * if the client gave none
	Peer    Peer
}

// list begins to answer LIST.
func (m *master) list(dst []byte, id uint32, args []byte) []byte {
	var info Info
	m.parser.mask = nil
	m.parser.parse(&info, args)
	r := &ListRequest{Service: info.Service, Mask: string(m.parser.mask), Peer: m.peer}
	if r.Mask == "" {
		r.Mask = "*"
	}
	m.listMu.Lock()
	defer m.listMu.Unlock()
	switch {
	case m.rights&MayList == 0:
		m.forbid("LIST", nil)
		return appendDone(dst, id, true)
	case m.s.List == nil:
		return appendDone(dst, id, true)
	case m.lists[id] != nil || len(m.lists) >= maxLists:
		m.refused("LIST", nil, "too many of the connection go on, or one with this id")
		return appendDone(dst, id, true)
	}
	if m.lists == nil {
		m.lists = make(map[uint32]context.CancelFunc)
	}
	ctx, cancel := context.WithCancel(m.work)
	m.lists[id] = cancel
	m.spawn(func() {
		defer cancel()
		m.send(ctx, id, r)
	})
	return dst
}

// cancelList ends a LIST without a word.
func (m *master) cancelList(id uint32) {
	m.listMu.Lock()
	defer m.listMu.Unlock()
	if cancel := m.lists[id]; cancel != nil {
		cancel()
	}
}

// listing is a LIST that goes on.
type listing struct {
	m    *master
	ctx  context.Context
	id   uint32
	mask string
	buf  []byte
	rows int
	err  error // of the connection
	bad  bool  // a name could not be sent
}

// send answers LIST.
func (m *master) send(ctx context.Context, id uint32, r *ListRequest) {
	l := &listing{m: m, ctx: ctx, id: id, mask: r.Mask, buf: make([]byte, 0, listChunk+1024)}
	err := m.s.List(ctx, r, l.yield)
	if err != nil && ctx.Err() == nil {
		m.refused("LIST", []byte(r.Mask), err.Error())
	}
	m.listMu.Lock()
	delete(m.lists, id)
	m.listMu.Unlock()
	if ctx.Err() != nil || l.err != nil {
		return
	}
	l.buf = appendDone(l.buf, id, err != nil || l.bad)
	l.write()
}

// yield sends one name if the mask matches it, and waits if the client does
// not read.
func (l *listing) yield(user []byte) bool {
	if l.rows++; l.rows%1024 == 0 && l.ctx.Err() != nil {
		return false
	}
	if !MatchMask(l.mask, user) {
		return true
	}
	start := len(l.buf)
	l.buf = append(appendID(append(l.buf, "LIST\t"...), l.id), '\t')
	l.buf = strescape.Append(l.buf, user)
	l.buf = append(l.buf, '\n')
	if n := len(l.buf) - start; n > MaxReply {
		l.buf, l.bad = l.buf[:start], true
		l.m.refused("LIST", user, "the name is too long to be sent")
	}
	if len(l.buf) < listChunk {
		return true
	}
	return l.ctx.Err() == nil && l.write()
}

// write sends the names that have gathered.
func (l *listing) write() bool {
	if _, l.err = l.m.out.write(l.buf, l.m.s.limits().List); l.err != nil {
		l.m.end(l.err)
	}
	l.buf = l.buf[:0]
	return l.err == nil
}

// appendDone appends the end of a LIST.
func appendDone(dst []byte, id uint32, failed bool) []byte {
	dst = append(appendID(append(dst, "DONE\t"...), id), '\t')
	if failed {
		dst = append(dst, "fail"...)
	}
	return append(dst, '\n')
}

// settle ends the LISTs. When the connection drains they get some time.
func (m *master) settle(drain bool) (settled bool) {
	if drain && m.wait(m.s.limits().Drain) {
		return true
	}
	m.quit()
	m.out.hurry()
	return false
}

// MatchMask reports whether a name is one that a mask of LIST means: * stands
// for any bytes, ? for one; case does not matter, as in Dovecot's
// wildcard_match_icase (src/lib/wildcard-match.c).
func MatchMask(mask string, name []byte) bool {
	if mask == "*" {
		return true
	}
	star, from := -1, 0 // the last *, and what it stands for ends here
	m, n := 0, 0
	for n < len(name) {
		switch {
		case m < len(mask) && mask[m] == '*':
			star, from = m, n
			m++
		case m < len(mask) && (mask[m] == '?' || lower(mask[m]) == lower(name[n])):
			m++
			n++
		case star >= 0:
			from++
			m, n = star+1, from
		default:
			return false
		}
	}
	for m < len(mask) && mask[m] == '*' {
		m++
	}
	return m == len(mask)
}

// lower folds the case of ASCII.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
