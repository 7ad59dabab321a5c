package dict

import (
	"bytes"
	"context"
	"fmt"
	"net"

	"github.com/vmapd/vmapd/lookup/internal/line"
	"github.com/vmapd/vmapd/lookup/internal/peer"
)

var (
	_ line.Streamer = (*session)(nil)
	_ line.Settler  = (*session)(nil)
	_ line.Keeper   = (*session)(nil)
	_ line.Prompter = (*session)(nil)
)

// session is one connection as a line.Protocol.
type session struct {
	*Server
	nc    net.Conn
	flush func(dst []byte) (rest []byte, ok bool)

	seen     int     // bytes of the line at the head of the input that are known to hold no LF
	cmd      command // the line at the head, once it is complete
	client   *Client // nil before H
	owner    []byte  // the user of H
	dict     Dict
	refused  error // why Open gave no dict
	reported fault // kinds of refusals that OnRefused was told of

	request Request        // handed to the dict, here to save the allocation
	rows    IterateRequest // the same

	open    map[uint32]*open
	bytes   int // in open
	pending []pending

	said []byte // see Server.PassOn; nil if the connection is not to be passed on
}

// Stream keeps flush for iterations.
func (s *session) Stream(flush func([]byte) ([]byte, bool)) { s.flush = flush }

// Cut finds the end of a line and takes it apart.
func (s *session) Cut(b []byte) (int, error) {
	n := bytes.IndexByte(b[s.seen:], '\n')
	if n < 0 {
		s.seen = len(b)
	} else {
		n += s.seen
		s.seen = 0
	}
	if limit := s.maxLine(); n > limit || n < 0 && len(b) > limit {
		return 0, &ProtocolError{fmt.Sprintf("client sent a line of more than %d bytes: closing", limit)}
	}
	if n < 0 {
		return 0, nil
	}
	major := 0
	if s.client != nil {
		major = s.client.Major
	}
	if err := s.cmd.parse(b[:n], major); err != nil {
		return 0, err
	}
	return n + 1, nil
}

// Prompt reports whether Answer would not wait: transactions wait for their
// commits, and rows for the client.
func (s *session) Prompt() bool {
	switch s.cmd.letter {
	case 'H', 'I', 'C', 'D':
		return false
	}
	return len(s.pending) == 0 && s.Server.Prompt != nil && s.Server.Prompt()
}

// Answer does what the line says that Cut took apart.
func (s *session) Answer(ctx context.Context, dst, _ []byte) []byte {
	switch s.cmd.letter {
	case 'H':
		s.hello()
	case 'L':
		return s.lookup(ctx, s.settle(dst))
	case 'I':
		return s.iterate(ctx, s.settle(dst))
	case 'C', 'D':
		return s.commit(ctx, dst)
	default:
		s.collect()
	}
	return dst
}

// hello has the dict opened.
func (s *session) hello() {
	c := &Client{
		Name: string(s.cmd.name), User: string(s.cmd.user),
		Major: s.cmd.major, Minor: s.cmd.minor,
	}
	c.Peer, c.PeerKnown = peer.Of(s.nc)
	s.client, s.owner = c, []byte(c.User)
	if s.dict, s.refused = s.Open(c); s.refused != nil {
		s.refuse(faultOpen, nil, s.refused.Error())
	}
}

// lookup answers an L. The value is appended to the reply buffer itself and
// escaped there, so that it is copied once.
func (s *session) lookup(ctx context.Context, dst []byte) []byte {
	key, user := s.cmd.key, s.user()
	if reason := s.unfit(key, user); reason != "" {
		return appendFail(dst, reason)
	}
	start := len(dst)
	dst = append(dst, room...)
	slot := dst[len(dst):]
	s.request = Request{Client: s.client, User: user, Key: key}
	value, found, err := s.dict.Lookup(ctx, &s.request, slot)
	switch {
	case err != nil:
		return appendFail(dst[:start], err.Error())
	case !found:
		return appendNotFound(dst[:start])
	case hasNUL(value):
		return appendFail(dst[:start], s.refuse(0, key, "the value "+errNUL))
	}
	if cap(slot) > 0 && len(value) > 0 && &slot[:1][0] == &value[0] {
		dst = dst[:len(dst)+len(value)]
	} else {
		dst = append(dst, value...)
	}
	return sealFound(dst, start)
}

// user is whom the command is about.
func (s *session) user() []byte {
	if s.client.Major == 2 {
		return s.owner
	}
	return s.cmd.user
}

// unfit says why a key or path is not for the dict, "" if it is.
func (s *session) unfit(key, user []byte) string {
	switch {
	case s.refused != nil:
		return s.refused.Error()
	case bytes.HasPrefix(key, []byte("shared/")):
		return ""
	case !bytes.HasPrefix(key, []byte("priv/")):
		return s.refuse(faultKey, key, "the key begins neither with priv/ nor with shared/")
	case len(user) == 0:
		return s.refuse(faultUser, key, "a priv/ key needs a user")
	}
	return ""
}

// fault is a kind of refusal that is reported once a connection.
type fault uint8

const (
	faultOpen fault = 1 << iota
	faultKey
	faultUser
	faultTransaction
	faultTwice
	faultTooMuch
	faultAppend
)

// refuse reports why a request is answered F, once if it is a fault, and returns
// reason.
func (s *session) refuse(once fault, key []byte, reason string) string {
	if s.reported&once != 0 || s.OnRefused == nil {
		return reason
	}
	s.reported |= once
	s.OnRefused(&RefusedError{Name: s.client.Name, Key: string(key[:min(len(key), 200)]), Reason: reason})
	return reason
}
