package milter

import (
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-milter"

	"github.com/vmapd/vmapd/dkim"
)

// What a session does for one message.

// mail begins a message.
func (s *session) mail() {
	s.forget()
	s.busy = true
	s.queueID()
	settings := s.server.Settings()
	if settings.eligible(s.client, s.daemonName, s.macros.authType) {
		s.message = s.server.newMessage()
		s.message.Reset(&settings.Options)
	}
	s.answer(milter.OptNoMailReply, goOn)
}

// field takes a field of the header.
func (s *session) field(name, value string) {
	s.answer(milter.OptNoHeaderReply, goOn)
	if s.message != nil {
		defer s.rescue()
		s.message.Field(name, value, s.protocol&milter.OptHeaderLeadingSpace != 0)
	}
}

// endHeader says whether the body is wanted.
func (s *session) endHeader() {
	if !s.busy { // no MAIL
		s.wire.reply(goOn)
		return
	}
	s.queueID()
	if s.decide(); s.message == nil {
		s.wire.reply(accept)
		return
	}
	s.wire.reply(goOn)
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

// endMessage signs. To go on is as good as to accept.
func (s *session) endMessage() {
	s.queueID()
	if s.busy && s.keys == nil { // a client that says nothing of the header's end
		s.decide()
	}
	if s.message != nil && s.keys != nil {
		s.sign()
	}
	s.wire.reply(goOn)
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
