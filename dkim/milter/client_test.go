package milter

import (
	"bytes"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"github.com/vmapd/vmapd/dkim/milter/miltertest"
)

// TestAnotherClient has a client that others wrote send two messages in one
// session, with and without the events that may be left out.
func TestAnotherClient(t *testing.T) {
	r := start(t, newServer(t))
	for name, offered := range map[string]milter.OptProtocol{"all events": 0, "few events": 0x7f} {
		t.Run(name, func(t *testing.T) {
			c := milter.NewClientWithOptions("unix", r.path, milter.ClientOptions{ActionMask: milter.OptAddHeader, ProtocolMask: offered})
			s, err := c.Session()
			r.must(err)
			defer s.Close()
			goesOn(t)(s.Conn("client.test", milter.FamilyInet, 40000, "127.0.0.1"))
			goesOn(t)(s.Helo("client.test"))
			for range 2 {
				text := miltertest.Parse("From: Ann <ann@example.org>\r\nSubject: tea\r\n\r\n" + lines(5000))
				r.must(s.Macros(milter.CodeMail, "i", "4Q"))
				goesOn(t)(s.Mail("ann@example.org", nil))
				goesOn(t)(s.Rcpt("bob@far.test", nil))
				for _, f := range text.Fields {
					goesOn(t)(s.HeaderField(f.Name, strings.TrimSpace(f.Raw)))
				}
				goesOn(t)(s.HeaderEnd())
				changes, action, err := s.BodyReadFrom(bytes.NewReader(text.Body))
				goesOn(t)(action, err)
				for _, ch := range changes {
					text.Fields = append([]miltertest.Field{{Name: ch.HeaderName, Raw: " " + strings.ReplaceAll(ch.HeaderValue, "\n", "\r\n")}}, text.Fields...)
				}
				if n := verified(t, text); n != 2 {
					t.Errorf("%d signatures, want 2", n)
				}
				if e := r.event(); e.Result != Signed || e.QueueID != "4Q" {
					t.Errorf("event %+v", e)
				}
				r.must(s.Abort())
			}
			r.must(s.Close())
			if errs := r.ended(); errs[len(errs)-1] != nil {
				t.Errorf("the session ended with %v", errs[len(errs)-1])
			}
		})
	}
}

// goesOn takes what a milter.ClientSession was answered.
func goesOn(t *testing.T) func(*milter.Action, error) {
	t.Helper()
	return func(a *milter.Action, err error) {
		t.Helper()
		if err != nil || a.Code != milter.ActContinue {
			t.Fatalf("the answer is %+v, %v", a, err)
		}
	}
}
