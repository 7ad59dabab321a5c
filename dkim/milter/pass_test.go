package milter

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/vmapd/vmapd/dkim/milter/miltertest"
)

// recorder keeps what is written to a connection.
type recorder struct {
	net.Conn
	all bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.all.Write(b)
	return r.Conn.Write(b)
}

// transcript is all that a client says in a session with four messages: two of a
// network that is signed for, one authenticated, and one that is not ours; then
// it quits.
func transcript(t *testing.T) []byte {
	t.Helper()
	r := start(t, newServer(t))
	nc, err := net.Dial("unix", r.path)
	r.must(err)
	rec := &recorder{Conn: nc}
	c, err := miltertest.New(rec, miltertest.Offer{})
	r.must(err)
	r.must(c.Connect(miltertest.Client{Addr: "127.0.0.1", DaemonName: "mx.test"}))
	wantSigned(t, r.send(c, mail("Hello.\r\n"), ""))
	wantSigned(t, r.send(c, mail("More.\r\n"), "PLAIN"))
	wantUnsigned(t, r.send(c, miltertest.Parse("From: <x@example.net>\r\n\r\nHello.\r\n"), "PLAIN"))
	wantSigned(t, r.send(c, mail(""), ""))
	r.must(c.Quit())
	c.Close()
	return rec.all.Bytes()
}

// codes are those of the replies in what a server has said.
func codes(t *testing.T, said []byte) string {
	t.Helper()
	var all []byte
	for len(said) > 4 {
		n := int(binary.BigEndian.Uint32(said))
		if n == 0 || 4+n > len(said) {
			t.Fatalf("%d bytes of a reply of %d", len(said), 4+n)
		}
		all = append(all, said[4])
		said = said[4+n:]
	}
	return string(all)
}

// playPassedOn plays a transcript to a server, has it drain after cut bytes, and
// serves the rest by another if it passes the session on. It returns what the
// client got, and whether it was passed on.
func playPassedOn(t *testing.T, text []byte, cut int) (replies string, passed bool) {
	t.Helper()
	client, server := socketPair(t)
	defer client.Close()
	first, next := newServer(t), newServer(t)
	var state []byte
	first.PassOn = func(nc net.Conn, p *Passed) bool {
		state, _ = json.Marshal(p) // as to another process
		return true
	}
	ctx, drain := context.WithCancel(t.Context())
	defer drain()
	var all sync.WaitGroup
	all.Go(func() {
		defer server.Close()
		err := first.ServeConn(ctx, server)
		if state != nil {
			p := new(Passed)
			if err := json.Unmarshal(state, p); err != nil {
				t.Error(err)
			}
			err = next.ResumeConn(t.Context(), server, p)
		}
		if err != nil {
			t.Errorf("cut at %d: %v", cut, err)
		}
	})
	all.Go(func() {
		_, _ = client.Write(text[:cut])
		drain()
		_, _ = client.Write(text[cut:])
	})
	said, err := io.ReadAll(client)
	all.Wait()
	if err != nil {
		t.Errorf("cut at %d: %v", cut, err)
	}
	return codes(t, said), state != nil
}

// socketPair connects a client with a server.
func socketPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("unix", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// TestPassOn has a session go from one server to another at every byte: the MTA
// must not notice.
func TestPassOn(t *testing.T) {
	text := transcript(t)
	want, _ := playPassedOn(t, text, len(text))
	if want == "" {
		t.Fatal("no replies")
	}
	n := 0
	for cut := range len(text) {
		got, passed := playPassedOn(t, text, cut)
		if got != want {
			t.Errorf("cut at %d: replies %q, want %q", cut, got, want)
		}
		if passed {
			n++
		}
	}
	if n < len(text)/2 {
		t.Errorf("of %d sessions %d were passed on", len(text), n)
	}
}

// TestPassOnNobody: a session that nobody takes lingers.
func TestPassOnNobody(t *testing.T) {
	s := newServer(t)
	asked := make(chan *Passed, 10)
	s.PassOn = func(_ net.Conn, p *Passed) bool { asked <- p; return false }
	r := start(t, s)
	c := r.session()
	wantSigned(t, r.send(c, mail("Hello.\r\n"), "PLAIN"))
	r.drain()
	if p := <-asked; p.Answered != len(p.Said) || p.Answered == 0 {
		t.Errorf("%+v", p)
	}
	wantSigned(t, r.send(c, mail("Hello.\r\n"), "PLAIN"))
	r.must(c.Quit())
	for _, err := range r.ended() {
		if err != nil {
			t.Error(err)
		}
	}
	if len(asked) != 0 {
		t.Error("asked again")
	}
}
