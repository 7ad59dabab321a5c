package milter

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
)

func TestSigns(t *testing.T) {
	r := start(t, newServer(t))
	c := r.session()
	if c.Agreed.Version != 2 || c.Macros[2] != "i {auth_type}" {
		t.Errorf("agreed on %+v with macros %v", c.Agreed, c.Macros)
	}
	v := r.send(c, mail(lines(5000)), "PLAIN")
	wantSigned(t, v)
	if c.Replies != 2 {
		t.Errorf("%d replies were waited for, want 2: at the end of the header, and of the message", c.Replies)
	}
	if s := v.Message.Values("DKIM-Signature")[0]; !strings.Contains(s, "a=rsa-sha256") {
		t.Errorf("RSA does not stand on top, but %q", s)
	}
	e := r.event()
	slices.Sort(e.Selectors)
	if e.Result != Signed || e.Domain != "example.org" || !slices.Equal(e.Selectors, []string{"ed", "rsa"}) || e.QueueID != "4Q" || e.Err != nil || e.Took <= 0 || e.Facts.BodyBytes == 0 {
		t.Errorf("event %+v", e)
	}
	r.must(c.Quit())
	if errs := r.ended(); errs[0] != nil {
		t.Errorf("the session ended with %v", errs[0])
	}
}

func TestWhoIsSignedFor(t *testing.T) {
	r := start(t, newServer(t))
	for _, c := range []struct {
		name, addr, daemon, auth string
		signed                   bool
	}{
		{"a stranger with our From", "192.0.2.1", "mx.test", "", false},
		{"authenticated", "192.0.2.1", "mx.test", "PLAIN", true},
		{"in a network", "127.0.0.1", "mx.test", "", true},
		{"in an IPv6 network", "2001:db8::7", "mx.test", "", true},
		{"mapped into IPv6", "::ffff:127.0.0.1", "mx.test", "", true},
		{"in another IPv6 network", "2001:db9::7", "mx.test", "", false},
		{"by the name of the daemon", "192.0.2.1", "ORIGINATING", "", true},
		{"by a name like it", "192.0.2.1", "originating", "", false},
		{"no address", "unknown", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := r.dial(miltertest.Offer{})
			r.must(conn.Connect(miltertest.Client{Addr: c.addr, DaemonName: c.daemon}))
			v := r.send(conn, mail("Hello.\r\n"), c.auth)
			if c.signed {
				wantSigned(t, v)
			} else {
				wantUnsigned(t, v)
			}
			if e := r.event(); (e.Result == Signed) != c.signed || !c.signed && e.Result != Foreign {
				t.Errorf("result %q", e.Result)
			}
		})
	}
}

// TestSessions is about state: what belongs to the connection lasts, and what
// belongs to a message does not.
func TestSessions(t *testing.T) {
	r := start(t, newServer(t))
	other := miltertest.Parse("From: <x@other.test>\n\nHello.\n")
	for _, c := range []struct {
		name string
		run  func(t *testing.T, c *miltertest.Conn)
	}{
		{"a message after one that was passed over", func(t *testing.T, c *miltertest.Conn) {
			wantUnsigned(t, r.send(c, other, "")) // by the name of the daemon
			wantSigned(t, r.send(c, mail("1\r\n"), ""))
			wantUnsigned(t, r.send(c, other, ""))
			wantSigned(t, r.send(c, mail("2\r\n"), ""))
		}},
		{"abort within the body", func(t *testing.T, c *miltertest.Conn) {
			partly(c, 'B')
			r.must(c.Raw('A'))
			wantSigned(t, r.send(c, mail("1\r\n"), ""))
		}},
		{"two aborts", func(t *testing.T, c *miltertest.Conn) {
			r.must(c.Raw('A'))
			wantSigned(t, r.send(c, mail("1\r\n"), ""))
			r.must(c.Raw('A'))
			r.must(c.Raw('A'))
			wantSigned(t, r.send(c, mail("2\r\n"), ""))
		}},
		{"no abort between messages", func(t *testing.T, c *miltertest.Conn) {
			for range 3 {
				v, err := c.Filter(mail("1\r\n"), miltertest.Envelope{})
				r.must(err)
				wantSigned(t, v)
			}
		}},
		{"a new MAIL within a message", func(t *testing.T, c *miltertest.Conn) {
			partly(c, 'L')
			wantSigned(t, r.send(c, mail("1\r\n"), ""))
			partly(c, 'B')
			wantSigned(t, r.send(c, mail("2\r\n"), ""))
		}},
		{"an end without a message", func(t *testing.T, c *miltertest.Conn) {
			for _, event := range []byte{'N', 'E'} {
				if reply, err := c.Event(event, nil); reply != 'c' || err != nil {
					t.Errorf("the reply to %q is %q, %v", event, reply, err)
				}
			}
			wantSigned(t, r.send(c, mail("1\r\n"), ""))
		}},
		{"no end of the header", func(t *testing.T, c *miltertest.Conn) {
			partly(c, 'L')
			c.Event('B', nil, "lost\r\n")
			if reply, err := c.Event('E', nil); err != nil || reply != 'i' && reply != 'c' {
				t.Errorf("the reply is %q, %v", reply, err)
			}
		}},
		{"quit within the body", func(t *testing.T, c *miltertest.Conn) { partly(c, 'B') }},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := r.dial(miltertest.Offer{})
			r.must(conn.Connect(miltertest.Client{Addr: "192.0.2.1", DaemonName: "ORIGINATING"}))
			c.run(t, conn)
			r.must(conn.Quit())
		})
	}
	for _, err := range r.ended() {
		if err != nil {
			t.Errorf("a session ended with %v", err)
		}
	}
}

// partly sends a message up to an event.
func partly(c *miltertest.Conn, last byte) {
	for _, e := range []struct {
		code byte
		data string
	}{{'M', "<ann@example.org>\x00"}, {'R', "<bob@far.test>\x00"}, {'L', "From\x00 ann@example.org\x00"}, {'N', ""}, {'B', lines(100)}} {
		c.Event(e.code, nil, e.data)
		if e.code == last {
			return
		}
	}
}

// TestAuthenticationIsOfTheMessage: a session may lose it, and gain it.
func TestAuthenticationIsOfTheMessage(t *testing.T) {
	r := start(t, newServer(t))
	c := r.session()
	wantUnsigned(t, r.send(c, mail("1\r\n"), ""))
	wantSigned(t, r.send(c, mail("2\r\n"), "LOGIN"))
	wantUnsigned(t, r.send(c, mail("3\r\n"), ""))
}

// TestSettingsOfTheMoment: settings change while a session lasts.
func TestSettingsOfTheMoment(t *testing.T) {
	s := newServer(t)
	now := make(chan *Settings, 1)
	s.Settings = func() *Settings { return <-now }
	r := start(t, s)
	c := r.session()
	now <- &Settings{DaemonNames: []string{"mx.test"}}
	wantSigned(t, r.send(c, mail("1\r\n"), ""))
	now <- &Settings{}
	wantUnsigned(t, r.send(c, mail("2\r\n"), ""))
}

// TestOffers talks to MTAs that can do less than Postfix.
func TestOffers(t *testing.T) {
	for _, canon := range []dkim.Canon{dkim.Relaxed, dkim.Simple} {
		s := newServer(t)
		settings := &Settings{Options: dkim.Options{HeaderCanon: canon, BodyCanon: canon}}
		s.Settings = func() *Settings { return settings }
		r := start(t, s)
		for _, o := range []struct {
			name string
			miltertest.Offer
		}{
			{"everything", miltertest.Offer{}},
			{"version 2", miltertest.Offer{Version: 2, Actions: 0x3f, Protocol: 0x7f}},
			{"no macros", miltertest.Offer{Actions: 0x3f}},
			{"no leading space", miltertest.Offer{Protocol: miltertest.AllProtocol &^ miltertest.LeadSpace}},
			{"all replies", miltertest.Offer{Protocol: miltertest.LeadSpace | miltertest.Skip | 0x37f}},
			{"nothing", miltertest.Offer{Protocol: 1 << 31}},
		} {
			t.Run(canon.String()+" "+o.name, func(t *testing.T) {
				c := r.dial(o.Offer)
				r.must(c.Connect(miltertest.Client{Addr: "192.0.2.1"}))
				m := mail(lines(4000))
				if c.Agreed.Protocol&miltertest.LeadSpace == 0 {
					m.Fields = slices.DeleteFunc(m.Fields, func(f miltertest.Field) bool { return f.Raw[0] != ' ' }) // nobody knows
				}
				wantSigned(t, r.send(c, m, "PLAIN"))
				wantUnsigned(t, r.send(c, m, ""))
			})
		}
	}
}

// TestSwitches turns off what may be turned off.
func TestSwitches(t *testing.T) {
	s := newServer(t)
	s.EveryReply, s.KeepSpaces, s.AnyMacros = true, true, true
	r := start(t, s)
	c := r.session()
	if c.Agreed.Protocol&(miltertest.LeadSpace|0xff080) != 0 || c.Macros != nil || c.Agreed.Actions != miltertest.AddHeaders {
		t.Errorf("agreed on %+v, macros %v", c.Agreed, c.Macros)
	}
	wantSigned(t, r.send(c, mail("Hello.\r\n"), "PLAIN"))
}

// TestBodyIsDeclined: where the MTA sends on after all, it hears that it need
// not, if it can hear it.
func TestBodyIsDeclined(t *testing.T) {
	s := newServer(t)
	s.EveryReply = true
	r := start(t, s)
	for protocol, want := range map[uint32]byte{miltertest.AllProtocol: 's', miltertest.AllProtocol &^ miltertest.Skip: 'c'} {
		c := r.dial(miltertest.Offer{Protocol: protocol})
		r.must(c.Connect(miltertest.Client{Addr: "192.0.2.1"}))
		partly(c, 'N')
		for range 2 {
			if reply, err := c.Event('B', nil, lines(10)); reply != want || err != nil {
				t.Errorf("the reply to a chunk is %q, %v; want %q", reply, err, want)
			}
		}
		if reply, err := c.Event('E', nil); reply != 'c' || err != nil {
			t.Errorf("the reply at the end is %q, %v", reply, err)
		}
	}
}

func TestReasons(t *testing.T) {
	s := newServer(t)
	good := s.Keys
	s.Keys = func(ctx context.Context, domain string) ([]*dkim.Key, string) {
		if domain == "loading.test" {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) > KeyWait {
				return nil, "may wait for too long"
			}
			<-ctx.Done()
			return nil, KeyLoading
		}
		return good(ctx, domain)
	}
	r := start(t, s)
	c := r.session()
	for text, want := range map[string]string{
		"From: <x@other.test>\n\n":                              NoKey,
		"From: <x@loading.test>\n\n":                            KeyLoading,
		"To: <x@other.test>\n\n":                                string(dkim.NoFrom),
		"From: a@example.org\nFrom: b@example.org\n\n":          string(dkim.ManyFrom),
		"From: a@example.org, b@example.org\n\n":                string(dkim.ManyAuthors),
		"From: nobody\n\n":                                      string(dkim.Malformed),
		"From: a@example.org\nSubject: " + huge(2<<20) + "\n\n": string(dkim.Oversized),
	} {
		wantUnsigned(t, r.send(c, miltertest.Parse(text), "PLAIN"))
		if e := r.event(); e.Result != want {
			t.Errorf("%.60q: %q, want %q", text, e.Result, want)
		}
	}
}

// huge is a value of so many bytes, in fields that fit into a packet.
func huge(n int) string {
	line := strings.Repeat("x", 900<<10)
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(line + "\nSubject: ")
	}
	return b.String()
}

// TestSecondPass: what a content filter gives back is not signed again, unless
// it was changed.
func TestSecondPass(t *testing.T) {
	r := start(t, newServer(t))
	c := r.session()
	v := r.send(c, mail("Hello.\r\n"), "PLAIN")
	wantSigned(t, v)
	r.event()
	again := r.send(c, v.Message, "PLAIN")
	if len(again.Changes) != 0 || again.Reply != 'c' {
		t.Errorf("changes at the second pass: %v, reply %q", again.Changes, again.Reply)
	}
	if e := r.event(); e.Result != AlreadySigned {
		t.Errorf("result %q", e.Result)
	}
	changed := *v.Message
	changed.Body = []byte("Hello, world.\r\n")
	if v := r.send(c, &changed, "PLAIN"); len(v.Changes) != 2 {
		t.Errorf("%d signatures on a changed message, want 2", len(v.Changes))
	}
	r.event()
	one := *v.Message
	one.Fields = one.Fields[1:]
	if v := r.send(c, &one, "PLAIN"); len(v.Changes) != 1 {
		t.Errorf("%d signatures on a message that lacks one", len(v.Changes))
	} else if n := verified(t, v.Message); n != 2 {
		t.Errorf("%d good signatures, want 2", n)
	}
	if e := r.event(); e.Result != Signed || len(e.Selectors) != 1 {
		t.Errorf("event %+v", e)
	}
}

// TestPanics: a panic costs a message its signature, and nobody else anything.
func TestPanics(t *testing.T) {
	s := newServer(t)
	good := s.Keys
	s.Keys = func(ctx context.Context, domain string) ([]*dkim.Key, string) {
		switch domain {
		case "panic.test":
			panic("oh")
		case "nil.test":
			return []*dkim.Key{nil}, ""
		}
		return good(ctx, domain)
	}
	r := start(t, s)
	c, other := r.session(), r.session()
	for _, domain := range []string{"panic.test", "nil.test"} {
		v := r.send(c, miltertest.Parse("From: <x@"+domain+">\n\nHello.\n"), "PLAIN")
		if len(v.Changes) != 0 || v.Reply != 'a' && v.Reply != 'c' {
			t.Errorf("%s: reply %q, changes %v", domain, v.Reply, v.Changes)
		}
		var p *PanicError
		if e := r.event(); e.Result != Failed || !errors.As(e.Err, &p) || len(p.Stack) == 0 {
			t.Errorf("%s: event %+v", domain, e)
		}
		for _, c := range []*miltertest.Conn{c, other} {
			wantSigned(t, r.send(c, mail("Hello.\r\n"), "PLAIN"))
			r.event()
		}
	}
}

// TestDrain: once ctx has ended, a message that began is served to its end, and
// connections between two messages end soon.
func TestDrain(t *testing.T) {
	s := newServer(t)
	s.Linger = 10 * time.Millisecond
	r := start(t, s)
	idle, busy := r.session(), r.session()
	wantSigned(t, r.send(idle, mail("Hello.\r\n"), "PLAIN"))
	silent, err := net.Dial("unix", r.path)
	r.must(err)
	defer silent.Close()
	m := mail(lines(2000))
	busy.Event('M', map[string]string{"{auth_type}": "PLAIN"}, "<a@example.org>\x00")
	for _, f := range m.Fields {
		busy.Event('L', nil, f.Name+"\x00"+strings.ReplaceAll(f.Raw, "\r\n", "\n")+"\x00")
	}
	if reply, err := busy.Event('N', nil); reply != 'c' || err != nil {
		t.Fatalf("reply %q, %v", reply, err)
	}
	r.drain()
	for name, nc := range map[string]net.Conn{"idle": idle, "silent": silent} {
		nc.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := nc.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%s: read %d, %v; want the end", name, n, err)
		}
	}
	time.Sleep(20 * s.Linger) // longer than a connection lasts that does not wait for the rest of a message
	busy.Event('B', nil, string(m.Body))
	if reply, err := busy.Event('E', nil); reply != 'i' || err != nil {
		t.Errorf("reply at the end of the message: %q, %v; want signatures", reply, err)
	}
	for _, err := range r.ended() {
		if err != nil {
			t.Errorf("a session ended with %v", err)
		}
	}
}

func TestTimeLimits(t *testing.T) {
	const short = 10 * time.Millisecond
	for _, c := range []struct {
		name string
		set  func(*Server)
		do   func(*miltertest.Conn)
		good bool
	}{
		{"idle", func(s *Server) { s.Idle = 200 * short }, func(*miltertest.Conn) {}, true},
		{"within a message", func(s *Server) { s.MessageTimeout = short }, func(c *miltertest.Conn) { partly(c, 'N') }, false},
		{"within a small packet", func(s *Server) { s.RequestTimeout = short }, func(c *miltertest.Conn) { io.WriteString(c.Conn, "\x00\x00\x00\x09M<a") }, false},
		{"within a length", func(s *Server) { s.RequestTimeout, s.Idle = short, 200*short }, func(c *miltertest.Conn) { io.WriteString(c.Conn, "\x00\x00") }, false},
		{"within a large packet", func(s *Server) { s.RequestTimeout = short }, func(c *miltertest.Conn) {
			partly(c, 'N')
			io.WriteString(c.Conn, "\x00\x00\xff\xffB"+lines(1000))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			c.set(s)
			r := start(t, s)
			conn := r.dial(miltertest.Offer{})
			r.must(conn.Connect(miltertest.Client{Addr: "127.0.0.1"}))
			c.do(conn)
			err := r.ended()[0]
			if c.good && err != nil || !c.good && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the session ended with %v", err)
			}
		})
	}
}

// TestSlowReader: a client that takes no replies is not waited for.
func TestSlowReader(t *testing.T) {
	s := newServer(t)
	s.RequestTimeout = 10 * time.Millisecond
	ours, theirs := net.Pipe()
	defer theirs.Close()
	done := make(chan error, 1)
	go func() { done <- s.ServeConn(t.Context(), ours) }()
	io.WriteString(theirs, "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the session ended with %v", err)
	}
}

// TestDropped drops connections at every place, and looks for what is left of
// them. Goroutines are counted when all tests have ended.
func TestDropped(t *testing.T) {
	r := start(t, newServer(t))
	wantSigned(t, r.send(r.session(), mail("Hello.\r\n"), "PLAIN"))
	before := descriptors(t)
	for range 20 {
		for _, last := range []byte("MRLNB") {
			c := r.session()
			partly(c, last)
			r.must(c.Raw('A'))
			partly(c, last)
			r.must(c.Raw('D', "M")) // what was written goes out
			c.Close()
		}
		c := r.session()
		io.WriteString(c.Conn, "\x00\x00")
		c.Close()
	}
	eventually(t, "all but one connection have ended", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.left == 1
	})
	r.mu.Lock()
	for _, err := range r.errs {
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("a session ended with %v", err)
		}
	}
	r.mu.Unlock()
	if after := descriptors(t); after > before {
		t.Errorf("%d files are open, %d before", after, before)
	}
	wantSigned(t, r.send(r.session(), mail("Hello.\r\n"), "PLAIN"))
}

// descriptors counts the open files of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

// TestGarbage sends what is not the protocol.
func TestGarbage(t *testing.T) {
	r := start(t, newServer(t))
	control := r.session()
	const offer = "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"
	for name, bytes := range map[string]string{
		"no length":            "\x00\x00\x00\x00",
		"4 GiB":                "\xff\xff\xff\xffO",
		"HTTP":                 "GET / HTTP/1.0\r\n\r\n",
		"a command first":      "\x00\x00\x00\x04M<>\x00",
		"a short offer":        "\x00\x00\x00\x03O\x00\x00",
		"version 1":            "\x00\x00\x00\x0dO\x00\x00\x00\x01\x00\x00\x01\xff\x00\x1f\xff\xff",
		"no new fields":        "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x00\x00\x1f\xff\xff",
		"an unknown command":   offer + "\x00\x00\x00\x01\x7f",
		"a command beyond 127": offer + "\x00\x00\x00\x01\xc3",
		"an unknown SMTP verb": offer + "\x00\x00\x00\x06UXFOO\x00",
		"an empty CONNECT":     offer + "\x00\x00\x00\x01C",
		"an empty macro":       offer + "\x00\x00\x00\x01D",
		"2 MiB":                offer + "\x00\x20\x00\x00B",
	} {
		t.Run(name, func(t *testing.T) {
			r.mu.Lock()
			r.errs = nil
			r.mu.Unlock()
			nc, err := net.Dial("unix", r.path)
			r.must(err)
			defer nc.Close()
			io.WriteString(nc, bytes)
			nc.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.ReadAll(nc); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Error(err)
			}
			eventually(t, "it has ended", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.errs) == 1 })
			if err := r.errs[0]; !isProtocolError(err) {
				t.Errorf("the session ended with %v", err)
			}
			wantSigned(t, r.send(control, mail("Hello.\r\n"), "PLAIN"))
		})
	}
}

// TestSenseless sends packets that say nothing, at which a session goes on.
func TestSenseless(t *testing.T) {
	r := start(t, newServer(t))
	for name, p := range map[string]string{
		"MAIL without its end": "M<a", "an empty MAIL": "M", "a field without value": "LX\x00", "a field without end": "LX",
		"an empty field": "L", "a field without a name": "L\x00v\x00", "an odd macro": "DCa\x00b\x00c\x00", "RCPT": "R", "HELO": "H",
		"a chunk first": "Bx\r\n", "CONNECT without a port": "Ch\x004", "CONNECT of a unix socket": "Ch\x00L/tmp\x00", "DATA": "T",
	} {
		t.Run(name, func(t *testing.T) {
			c := r.session()
			r.must(c.Raw(p[0], p[1:]))
			if slices.Contains([]string{"H", "T", "R"}, p) { // not agreed on: there is a reply
				_, _, err := c.Next()
				r.must(err)
			}
			// Whatever it was, the session can begin anew.
			r.must(c.Raw('A'))
			wantSigned(t, r.send(c, mail("Hello.\r\n"), "PLAIN"))
		})
	}
}
