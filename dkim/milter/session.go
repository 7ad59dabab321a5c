package milter

import (
	"context"
	"net"
	"net/netip"
	"net/textproto"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-milter"

	"github.com/vmapd/vmapd/dkim"
)

// session is one connection: a milter.Milter that lives as long as it.
type session struct {
	server   *Server
	ctx      context.Context
	wire     *wire
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

// reply gives a reply. It goes past go-milter, which would begin a new session
// after some, and is told that there is none.
func (s *session) reply(r byte) (milter.Response, error) {
	s.wire.reply(r)
	return nil, nil
}

// answer gives a reply, or none where it was agreed that there is none.
func (s *session) answer(none milter.OptProtocol, r byte) (milter.Response, error) {
	if s.protocol&none == 0 {
		s.wire.reply(r)
	}
	return nil, nil
}

// direct takes the packets that do not come by way of go-milter.
func (s *session) direct(code byte, data []byte) bool {
	switch milter.Code(code) {
	case milter.CodeMacro:
		return s.define(data)
	case milter.CodeHeader:
		name, value, _ := strings.Cut(string(data), "\x00")
		value, _, _ = strings.Cut(value, "\x00")
		s.field(name, value)
	case milter.CodeBody:
		s.chunk(data)
	}
	return true
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

// Connect implements milter.Milter. Postfix gives the address of the SMTP
// client, or 127.0.0.1 for mail of sendmail(1).
func (s *session) Connect(_, _ string, _ uint16, addr net.IP, _ *milter.Modifier) (milter.Response, error) {
	client, _ := netip.AddrFromSlice(addr)
	s.client = client.Unmap()
	s.daemonName = s.macros.daemonName
	return s.answer(milter.OptNoConnReply, goOn)
}

// Helo implements milter.Milter.
func (s *session) Helo(string, *milter.Modifier) (milter.Response, error) {
	return s.answer(milter.OptNoHeloReply, goOn)
}

// MailFrom implements milter.Milter: a message begins.
func (s *session) MailFrom(string, *milter.Modifier) (milter.Response, error) {
	s.forget()
	s.busy = true
	s.queueID()
	settings := s.server.Settings()
	if settings.eligible(s.client, s.daemonName, s.macros.authType) {
		s.message = s.server.newMessage()
		s.message.Reset(&settings.Options)
	}
	return s.answer(milter.OptNoMailReply, goOn)
}

// RcptTo implements milter.Milter.
func (s *session) RcptTo(string, *milter.Modifier) (milter.Response, error) {
	return s.answer(milter.OptNoRcptReply, goOn)
}

// Header implements milter.Milter, and is not called: see field.
func (s *session) Header(string, string, *milter.Modifier) (milter.Response, error) { return nil, nil }

// BodyChunk implements milter.Milter, and is not called: see chunk.
func (s *session) BodyChunk([]byte, *milter.Modifier) (milter.Response, error) { return nil, nil }

// field takes a field of the header.
func (s *session) field(name, value string) {
	s.answer(milter.OptNoHeaderReply, goOn)
	if s.message != nil {
		defer s.rescue()
		s.message.Field(name, value, s.protocol&milter.OptHeaderLeadingSpace != 0)
	}
}

// Headers implements milter.Milter: the header has ended.
func (s *session) Headers(textproto.MIMEHeader, *milter.Modifier) (milter.Response, error) {
	if !s.busy {
		return s.reply(goOn) // no MAIL
	}
	s.queueID()
	if s.decide(); s.message == nil {
		return s.reply(accept)
	}
	return s.reply(goOn)
}

// decide finds the keys, or ends the message.
func (s *session) decide() {
	s.decided = time.Now()
	if s.message == nil {
		s.done(Foreign)
		return
	}
	defer s.rescue()
	domain, why := s.message.Author()
	if why != "" {
		s.done(string(why))
		return
	}
	s.event.Domain = domain
	ctx, cancel := context.WithTimeout(s.ctx, KeyWait)
	defer cancel()
	keys, reason := s.server.Keys(ctx, domain)
	if len(keys) == 0 {
		if reason == "" {
			reason = NoKey
		}
		s.done(reason)
		return
	}
	s.keys = keys
	s.message.StartBody(keys)
}

// chunk takes a piece of a chunk of the body. There is a reply to the whole.
func (s *session) chunk(b []byte) {
	wanted := s.message != nil && s.keys != nil
	if s.wire.left == 0 {
		r := goOn
		if !wanted && s.protocol&milter.OptSkip != 0 {
			r = skip
		}
		s.answer(milter.OptNoBodyReply, r)
	}
	if wanted {
		defer s.rescue()
		s.message.Body(b)
	}
}

// Body implements milter.Milter: the message has ended. The reply is that we go
// on, which is as good as to accept, and for which go-milter does not forget the
// session.
func (s *session) Body(*milter.Modifier) (milter.Response, error) {
	s.queueID()
	if s.busy && s.keys == nil { // a client that says nothing of the header's end
		s.decide()
	}
	if s.message != nil && s.keys != nil {
		s.sign()
	}
	return s.reply(goOn)
}

// sign adds the signatures that the message does not have yet.
func (s *session) sign() {
	defer s.rescue()
	keys := s.keys
	if slices.ContainsFunc(keys, s.signedBy) {
		keys = slices.DeleteFunc(slices.Clone(keys), s.signedBy)
	}
	if len(keys) == 0 {
		s.done(AlreadySigned)
		return
	}
	values, err := s.message.SignWith(s.ctx, keys)
	if err != nil {
		s.fail(err)
		return
	}
	for _, v := range values {
		if s.protocol&milter.OptHeaderLeadingSpace == 0 {
			v = strings.TrimPrefix(v, " ") // the MTA puts it there
		}
		// Index 0 is the top, above Postfix's own Received, which filters do not see.
		s.wire.reply(byte(milter.ActInsertHeader), "\x00\x00\x00\x00", "DKIM-Signature\x00", v, "\x00")
	}
	for _, k := range keys {
		s.event.Selectors = append(s.event.Selectors, k.Selector)
	}
	s.done(Signed)
}

func (s *session) signedBy(k *dkim.Key) bool { return s.message.Signed(k.Domain, k.Selector) }

// Abort implements milter.Milter.
func (s *session) Abort(*milter.Modifier) error {
	s.forget()
	s.macros = macros{}
	return nil
}

// queueID notes the queue id once the MTA has one.
func (s *session) queueID() {
	if id := s.macros.queueID; id != "" {
		s.event.QueueID = id
	}
}

// rescue catches a panic: the message passes unsigned, and what was known of it
// is not used again.
func (s *session) rescue() {
	if p := recover(); p != nil {
		s.message = nil
		s.fail(&PanicError{p, debug.Stack()})
	}
}

func (s *session) fail(err error) {
	s.event.Err = err
	s.done(Failed)
}

// done tells what became of the message, and is ready for the next.
func (s *session) done(result string) {
	if s.server.Report != nil {
		e := s.event
		e.Result, e.Took = result, time.Since(s.decided)
		if s.message != nil {
			e.Facts = s.message.Facts()
		}
		s.server.Report(&e)
	}
	s.forget()
}

// forget drops the message.
func (s *session) forget() {
	if s.message != nil {
		s.server.messages.Put(s.message)
	}
	s.busy, s.message, s.keys, s.event = false, nil, nil, Event{}
}

func (s *Server) newMessage() *dkim.Message {
	if m, ok := s.messages.Get().(*dkim.Message); ok {
		return m
	}
	return new(dkim.Message)
}
