package milter

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/emersion/go-milter"

	"github.com/vmapd/vmapd/dkim"
)

// session is what the packets of one connection make known.
type session struct {
	server   *Server
	ctx      context.Context
	wire     *wire
	opened   bool               // there was an offer
	protocol milter.OptProtocol // agreed

	client     netip.Addr
	daemonName string
	macros     macros // of the event that comes

	// The message under way.
	busy    bool
	message *dkim.Message // nil if it is not to be signed
	keys    []*dkim.Key
	event   Event
	decided time.Time // when the header had ended
}

// macros are what the MTA says beside an event, as far as it is looked at.
type macros struct{ daemonName, authType, queueID string }

// The replies.
const (
	goOn   = byte(milter.ActContinue)
	accept = byte(milter.ActAccept) // no more of this message
	skip   = byte(milter.ActSkip)   // no more of its body
)

// packet takes a packet, or a piece of a body, and reports whether it makes sense.
func (s *session) packet(code byte, data []byte) bool {
	if !s.opened && code != byte(milter.CodeOptNeg) {
		return false
	}
	switch milter.Code(code) {
	case milter.CodeOptNeg:
		s.open(data)
	case milter.CodeMacro:
		return s.define(data)
	case milter.CodeConn:
		return s.connect(data)
	case milter.CodeMail:
		s.mail()
	case milter.CodeHeader:
		s.field(cutText(data))
	case milter.CodeEOH:
		s.endHeader()
	case milter.CodeBody:
		s.chunk(data)
	case milter.CodeEOB:
		s.endMessage()
	case milter.CodeAbort:
		s.forget()
		s.macros = macros{}
	case milter.CodeQuit, milter.CodeQuitNewConn: // the same, as far as we are concerned
		s.wire.end(nil)
	case milter.CodeHelo, milter.CodeRcpt, milter.CodeData: // of clients that cannot leave them out
		s.wire.reply(goOn)
	default:
		return false
	}
	return true
}

// cutText takes the first two of the texts in a packet, each of which ends with
// NUL.
func cutText(data []byte) (first, second string) {
	first, rest, _ := strings.Cut(string(data), "\x00")
	second, _, _ = strings.Cut(rest, "\x00")
	return first, second
}

// answer gives a reply, or none where it was agreed that there is none.
func (s *session) answer(none milter.OptProtocol, r byte) {
	if s.protocol&none == 0 {
		s.wire.reply(r)
	}
}

// open agrees on an offer.
func (s *session) open(data []byte) {
	o, err := readOffer(data)
	if err != nil {
		s.wire.end(err)
		return
	}
	agreed := s.server.agree(o)
	s.opened, s.protocol = true, agreed.protocol
	s.wire.reply(byte(milter.CodeOptNeg), agreed.text())
}

// define takes the macros of the event that comes: its code, then names and
// values. Those of the event before are over.
func (s *session) define(data []byte) bool {
	s.macros = macros{}
	if len(data) == 0 {
		return false
	}
	for rest := string(data[1:]); rest != ""; {
		var name, value string
		name, rest, _ = strings.Cut(rest, "\x00")
		value, rest, _ = strings.Cut(rest, "\x00")
		switch name {
		case "{daemon_name}":
			s.macros.daemonName = value
		case "{auth_type}":
			s.macros.authType = value
		case "i":
			s.macros.queueID = value
		}
	}
	return true
}

// connect takes the SMTP client: its name, a letter for the family of its
// address, a port of two bytes if there is one, the address. Postfix gives
// 127.0.0.1 for mail of sendmail(1).
func (s *session) connect(data []byte) bool {
	_, rest, ok := bytes.Cut(data, []byte{0})
	if !ok || len(rest) == 0 {
		return false
	}
	family, rest := milter.ProtoFamily(rest[0]), rest[1:]
	s.client = netip.Addr{}
	if (family == milter.FamilyInet || family == milter.FamilyInet6) && len(rest) > 2 {
		address, _ := cutText(rest[2:])
		s.client, _ = netip.ParseAddr(address)
		s.client = s.client.Unmap()
	}
	s.daemonName = s.macros.daemonName
	s.answer(milter.OptNoConnReply, goOn)
	return true
}
