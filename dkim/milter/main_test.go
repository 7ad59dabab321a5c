package milter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKeys are an RSA and an Ed25519 key of example.org, made once.
var testKeys = sync.OnceValues(func() ([]*dkim.Key, error) {
	var keys []*dkim.Key
	for _, k := range []struct {
		selector  string
		algorithm dkim.Algorithm
	}{{"rsa", dkim.RSASHA256}, {"ed", dkim.Ed25519SHA256}} {
		private, err := dkim.Generate(k.algorithm, 0)
		if err != nil {
			return nil, err
		}
		key, err := dkim.NewKey("example.org", k.selector, private)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
})

// signer gives the test's keys for example.org.
func signer(t testing.TB) func(context.Context, string) ([]*dkim.Key, string) {
	t.Helper()
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	return func(_ context.Context, domain string) ([]*dkim.Key, string) {
		if domain == "example.org" {
			return keys, ""
		}
		return nil, ""
	}
}

// rig is a server at work.
type rig struct {
	*Server
	t      testing.TB
	path   string
	drain  context.CancelFunc
	closed func()

	mu     sync.Mutex
	events []Event
	errs   []error
	left   int
}

// newServer is a server with the test's keys and settings.
func newServer(t testing.TB) *Server {
	settings := &Settings{
		Networks:    []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
		DaemonNames: []string{"ORIGINATING"},
	}
	return &Server{Settings: func() *Settings { return settings }, Keys: signer(t)}
}

// start serves on a unix socket until the test ends.
func start(t testing.TB, s *Server) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "milter")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Server: s, t: t, path: filepath.Join(dir, "s")}
	s.Report = func(e *Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, *e)
	}
	ln, err := net.Listen("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.drain = cancel
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.left++
			r.mu.Unlock()
			wg.Go(func() {
				err := s.ServeConn(ctx, nc)
				nc.Close()
				r.mu.Lock()
				defer r.mu.Unlock()
				r.left--
				r.errs = append(r.errs, err)
			})
		}
	})
	r.closed = func() { ln.Close(); cancel(); wg.Wait(); os.RemoveAll(dir) }
	t.Cleanup(r.closed)
	return r
}

// dial connects; the test must have quit when it ends.
func (r *rig) dial(o miltertest.Offer) *miltertest.Conn {
	r.t.Helper()
	c, err := miltertest.Dial("unix", r.path, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// session is a connection of a client that is not signed for by its address.
func (r *rig) session() *miltertest.Conn {
	r.t.Helper()
	c := r.dial(miltertest.Offer{})
	r.must(c.Connect(miltertest.Client{Addr: "192.0.2.1", DaemonName: "mx.test"}))
	return c
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// send has a message filtered.
func (r *rig) send(c *miltertest.Conn, m *miltertest.Message, authType string) *miltertest.Verdict {
	r.t.Helper()
	v, err := c.Send(m, miltertest.Envelope{AuthType: authType, QueueID: "4Q"})
	r.must(err)
	return v
}

// event waits for the only or next event.
func (r *rig) event() Event {
	r.t.Helper()
	var e Event
	eventually(r.t, "an event", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.events) == 0 {
			return false
		}
		e, r.events = r.events[0], r.events[1:]
		return true
	})
	return e
}

// ended waits until no connection is open and gives why they ended.
func (r *rig) ended() []error {
	r.t.Helper()
	var errs []error
	eventually(r.t, "all connections have ended", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		errs = slices.Clone(r.errs)
		return r.left == 0 && len(errs) > 0
	})
	return errs
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// mail is a message by an author of example.org.
func mail(body string) *miltertest.Message {
	return miltertest.Parse("From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: A subject that\r\n is folded\r\nX-Other:none\r\n\r\n" + body)
}

// verified checks the signatures of a message and gives how many there are.
func verified(t testing.TB, m *miltertest.Message) int {
	t.Helper()
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	found, err := msgauth.VerifyWithOptions(bytes.NewReader(m.Bytes()), &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		for _, k := range keys {
			if name == k.Selector+"._domainkey."+k.Domain {
				return []string{dkim.Record(k.Public())}, nil
			}
		}
		return nil, fmt.Errorf("no %s", name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		if v.Err != nil {
			t.Errorf("signature of %s: %v\n%s", v.Domain, v.Err, m.Bytes())
		}
	}
	return len(found)
}

// wantSigned checks that a message has two good signatures.
func wantSigned(t testing.TB, v *miltertest.Verdict) {
	t.Helper()
	if v.Reply != 'c' || v.Event != 'E' {
		t.Errorf("the reply at %q is %q, want 'c' at 'E'", v.Event, v.Reply)
	}
	if n := verified(t, v.Message); n != 2 {
		t.Errorf("%d signatures, want 2\n%s", n, v.Message.Bytes())
	}
}

// wantUnsigned checks that a message passed as it was, and without its body.
func wantUnsigned(t testing.TB, v *miltertest.Verdict) {
	t.Helper()
	if v.Reply != 'a' || v.Event != 'N' || len(v.Changes) != 0 {
		t.Errorf("the reply at %q is %q with changes %v, want 'a' at 'N' and none", v.Event, v.Reply, v.Changes)
	}
}

func isProtocolError(err error) bool {
	var p *ProtocolError
	return errors.As(err, &p)
}

func lines(n int) string { return strings.Repeat("A line of a body, with words in it. \r\n", n) }
