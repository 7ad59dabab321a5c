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

	// The message under way.
	busy    bool
	message *dkim.Message // nil if it is not to be signed
	keys    []*dkim.Key
	event   Event
	decided time.Time // when the header had ended
}

// The replies. Each leaves go-milter's idea of the session alone.
type reply byte

const (
	goOn   = reply(milter.ActContinue)
	accept = reply(milter.ActAccept) // no more of this message
	skip   = reply(milter.ActSkip)   // no more of its body
)

func (r reply) Response() *milter.Message { return &milter.Message{Code: byte(r)} }
func (r reply) Continue() bool            { return true }

// answer gives a reply, or none where it was agreed that there is none.
func (s *session) answer(none milter.OptProtocol, r reply) milter.Response {
	if s.protocol&none != 0 {
		return nil
	}
	return r
}

// Connect implements milter.Milter. Postfix gives the address of the SMTP
// client, or 127.0.0.1 for mail of sendmail(1).
func (s *session) Connect(_, _ string, _ uint16, addr net.IP, m *milter.Modifier) (milter.Response, error) {
	client, _ := netip.AddrFromSlice(addr)
	s.client = client.Unmap()
	s.daemonName = m.Macros["{daemon_name}"]
	return s.answer(milter.OptNoConnReply, goOn), nil
}

// Helo implements milter.Milter.
func (s *session) Helo(string, *milter.Modifier) (milter.Response, error) {
	return s.answer(milter.OptNoHeloReply, goOn), nil
}

// MailFrom implements milter.Milter: a message begins.
func (s *session) MailFrom(_ string, m *milter.Modifier) (milter.Response, error) {
	s.forget()
	s.busy = true
	s.queueID(m)
	settings := s.server.Settings()
	if settings.eligible(s.client, s.daemonName, m.Macros["{auth_type}"]) {
		s.message = s.server.newMessage()
		s.message.Reset(&settings.Options)
	}
	return s.answer(milter.OptNoMailReply, goOn), nil
}

// RcptTo implements milter.Milter.
func (s *session) RcptTo(string, *milter.Modifier) (milter.Response, error) {
	return s.answer(milter.OptNoRcptReply, goOn), nil
}

// Header implements milter.Milter.
func (s *session) Header(name, value string, _ *milter.Modifier) (r milter.Response, _ error) {
	r = s.answer(milter.OptNoHeaderReply, goOn)
	if s.message != nil {
		defer s.rescue()
		s.message.Field(name, value, s.protocol&milter.OptHeaderLeadingSpace != 0)
	}
	return r, nil
}

// Headers implements milter.Milter: the header has ended. go-milter's own idea
// of the fields is of no use, it has lost their order.
func (s *session) Headers(_ textproto.MIMEHeader, m *milter.Modifier) (milter.Response, error) {
	if !s.busy {
		return goOn, nil // no MAIL
	}
	s.queueID(m)
	if s.decide(); s.message == nil {
		return accept, nil
	}
	return goOn, nil
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

// BodyChunk implements milter.Milter, where there is a reply to chunks.
func (s *session) BodyChunk(chunk []byte, _ *milter.Modifier) (r milter.Response, _ error) {
	r = s.answer(milter.OptNoBodyReply, goOn)
	if s.message == nil || s.keys == nil {
		if s.protocol&milter.OptSkip != 0 {
			r = s.answer(milter.OptNoBodyReply, skip)
		}
		return r, nil
	}
	s.chunk(chunk)
	return r, nil
}

// chunk adds a piece of the body.
func (s *session) chunk(b []byte) {
	if s.message == nil || s.keys == nil {
		return
	}
	defer s.rescue()
	s.message.Body(b)
}

// Body implements milter.Milter: the message has ended. The reply is that we go
// on, which is as good as to accept, and for which go-milter does not forget the
// session.
func (s *session) Body(m *milter.Modifier) (milter.Response, error) {
	s.queueID(m)
	if s.busy && s.keys == nil { // a client that says nothing of the header's end
		s.decide()
	}
	if s.message != nil && s.keys != nil {
		s.sign(m)
	}
	return goOn, nil
}

// sign adds the signatures that the message does not have yet.
func (s *session) sign(m *milter.Modifier) {
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
		if err := m.InsertHeader(0, "DKIM-Signature", v); err != nil {
			s.fail(err)
			return
		}
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
	return nil
}

// queueID notes the queue id once the MTA has one.
func (s *session) queueID(m *milter.Modifier) {
	if id := m.Macros["i"]; id != "" {
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
