package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

var (
	_ line.Keeper   = (*session)(nil)
	_ line.Quitter  = (*session)(nil)
	_ line.Prompter = (*session)(nil)
)

// session is one connection as a line.Protocol.
type session struct {
	*Server
	request *Request // the one at the head of the input, once it is complete
	silent  bool     // Decide had no answer: the connection ends
	said    []byte   // see Server.PassOn; nil if the connection is not to be passed on
}

// errSilent ends a connection that gets no answer.
var errSilent = errors.New("no answer")

// Cut finds the end of a request, and takes it apart: one that makes no sense
// ends the connection.
func (s *session) Cut(b []byte) (int, error) {
	limit := s.maxRequest()
	tooLong := func() (int, error) {
		return 0, &ProtocolError{fmt.Sprintf("client sent a request of more than %d bytes: closing", limit)}
	}
	if !complete(b) {
		if len(b) >= limit {
			return tooLong()
		}
		return 0, nil
	}
	s.request = s.blank()
	size, err := s.request.parse(b)
	if err == nil && size <= limit {
		return size, nil
	}
	s.give(s.request)
	if err != nil {
		return 0, err
	}
	return tooLong()
}

// complete reports whether b begins with a whole request: Postfix sends one at a
// time, so most often its end is the end of b.
func complete(b []byte) bool {
	end := []byte("\n\n")
	return len(b) > 0 && b[0] == '\n' || bytes.HasSuffix(b, end) || bytes.Contains(b, end)
}

// Prompt reports whether Answer would not wait.
func (s *session) Prompt() bool { return s.Server.Prompt != nil && s.Server.Prompt(s.request) }

// blank returns a Request from the pool.
func (s *Server) blank() *Request {
	r, ok := s.requests.Get().(*Request)
	if !ok {
		r = new(Request)
	}
	return r
}

// give takes a Request back.
func (s *Server) give(r *Request) {
	*r = Request{}
	s.requests.Put(r)
}

// Answer asks Decide about the request that Cut took apart.
func (s *session) Answer(ctx context.Context, dst, _ []byte) []byte {
	a := s.Decide(ctx, s.request)
	s.give(s.request)
	if a.Verb == VerbNone {
		s.silent = true
		return dst
	}
	dst = append(dst, "action="...)
	dst = a.append(dst)
	return append(dst, "\n\n"...)
}

// Quit ends the connection after a request that got no answer.
func (s *session) Quit() error {
	if s.silent {
		return errSilent
	}
	return nil
}

// Keep writes down what another Server must have read to go on with the
// connection: the beginning of a request.
func (s *session) Keep(rest []byte) { s.said = append([]byte{}, rest...) }
