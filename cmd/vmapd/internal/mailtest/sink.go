package mailtest

import (
	"cmp"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Delivery is one message that a sink took for one recipient.
type Delivery struct {
	Sink      string // SinkOptions.Name
	Sender    string // envelope sender, "" for a bounce
	Recipient string // envelope recipient as spelled by Postfix
	Tag       string // the tag header of the message, or of the message that a bounce returns
	Bounce    bool   // made by a mail system, not by the client
}

// SinkOptions describe a Sink.
type SinkOptions struct {
	Name string // of the sink, in its deliveries
	// Socket is the path of a unix socket; "" listens on Address, or else on a port
	// of 127.0.0.1.
	Socket, Address string
	LMTP            bool // speak LMTP (RFC 2033) instead of SMTP
	// Users, if not nil, are the addresses that exist, in lower case and without
	// quotes; all others, looked up with and without +extension, are refused
	// with 550, as Dovecot's LMTP does.
	Users []string
	// Refuse are addresses that do not exist where Users is nil.
	Refuse []string
}

// Sink is a mail server that remembers what it was given. It accepts
// SMTPUTF8 and knows no TLS.
type Sink struct {
	SinkOptions
	listener net.Listener

	mu         sync.Mutex
	deliveries []Delivery
	texts      []string
}

// ListenSink starts a sink that serves until the test ends.
func ListenSink(t testing.TB, o SinkOptions) *Sink {
	t.Helper()
	s := &Sink{SinkOptions: o}
	s.listener = listen(t, o.Socket, cmp.Or(o.Address, "127.0.0.1:0"))
	serve(t, s.listener, s.session)
	return s
}

// listen opens a unix socket that everybody may use, or without one a TCP port.
func listen(t testing.TB, socket, address string) net.Listener {
	t.Helper()
	network := "tcp"
	if socket != "" {
		network, address = "unix", socket
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if socket != "" {
		if err := os.Chmod(socket, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// serve runs session on every connection until the test ends.
func serve(t testing.TB, l net.Listener, session func(net.Conn)) {
	var open sync.Map
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, nil)
			wg.Go(func() {
				defer open.Delete(c)
				defer c.Close()
				session(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		wg.Wait()
	})
}

// NextHop is the sink's address as a transport map writes it: "[ip]:port".
func (s *Sink) NextHop() string {
	a := s.listener.Addr().(*net.TCPAddr)
	return fmt.Sprintf("[%s]:%d", a.IP, a.Port)
}

// Deliveries returns what was delivered so far.
func (s *Sink) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// Texts returns the messages that were delivered so far, with CRLF line ends.
func (s *Sink) Texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.texts)
}

// knows reports whether the sink accepts mail for an address.
func (s *Sink) knows(address string) bool {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return s.Users == nil
	}
	local, domain := strings.ToLower(strings.Trim(address[:at], `"`)), strings.ToLower(address[at:])
	base, _, _ := strings.Cut(local, "+")
	if s.Users == nil {
		return !slices.Contains(s.Refuse, local+domain)
	}
	return slices.Contains(s.Users, local+domain) || slices.Contains(s.Users, base+domain)
}

// session is one SMTP or LMTP session.
func (s *Sink) session(c net.Conn) {
	var (
		conn   = textproto.NewConn(c)
		sender string
		rcpts  []string
	)
	say := func(lines ...string) {
		for _, l := range lines {
			conn.W.WriteString(l + "\r\n")
		}
		conn.W.Flush()
	}
	say("220 sink ready")
	for {
		line, err := conn.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "LHLO", "EHLO":
			say("250-sink", "250-PIPELINING", "250-8BITMIME", "250-SMTPUTF8", "250 ENHANCEDSTATUSCODES")
		case "MAIL":
			sender, rcpts = path(rest), nil
			say("250 2.1.0 Ok")
		case "RCPT":
			if r := path(rest); s.knows(r) {
				rcpts = append(rcpts, r)
				say("250 2.1.5 Ok")
			} else {
				say("550 5.1.1 User doesn't exist")
			}
		case "DATA":
			if len(rcpts) == 0 {
				say("503 5.5.1 No valid recipients")
				continue
			}
			say("354 Go ahead")
			text, err := conn.ReadDotLines()
			if err != nil {
				return
			}
			say(s.take(sender, rcpts, text)...)
		case "RSET", "NOOP":
			rcpts = nil
			say("250 2.0.0 Ok")
		case "QUIT":
			say("221 2.0.0 Bye")
			return
		default:
			say("502 5.5.2 Unknown command")
		}
	}
}

// take records a message and returns the replies to it: LMTP has one for each
// recipient (RFC 2033 section 4.2).
func (s *Sink) take(sender string, rcpts, text []string) []string {
	d := Delivery{Sink: s.Name, Sender: sender}
	for _, line := range text {
		if tag, ok := strings.CutPrefix(line, tagHeader+": "); ok {
			d.Tag = tag
			break
		}
		// A bounce carries the headers of the returned message below its own.
		d.Bounce = d.Bounce || line == ""
	}
	replies := []string{"250 2.0.0 Saved"}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, strings.Join(text, "\r\n")+"\r\n")
	for i, r := range rcpts {
		d.Recipient = r
		s.deliveries = append(s.deliveries, d)
		if s.LMTP && i > 0 {
			replies = append(replies, replies[0])
		}
	}
	return replies
}

// path returns the address between the angle brackets of MAIL and RCPT. A
// quoted local part may hold ">" (RFC 5321 section 4.1.2).
func path(arg string) string {
	_, s, _ := strings.Cut(arg, "<")
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return s[:i]
		}
	}
	return s
}
