package alarm

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is an SMTP server that refuses some recipients and remembers mails.
type server struct {
	net.Listener
	refuse string

	mu    sync.Mutex
	mails []string // with MAIL and RCPT as lines before them
}

func listenSMTP(t *testing.T, refuse string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l, refuse: refuse}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.session(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return s
}

func (s *server) session(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	say := func(line string) { fmt.Fprintf(c, "%s\r\n", line) }
	say("220 ready")
	var text strings.Builder
	data := false
	for in.Scan() {
		line := in.Text()
		switch {
		case data && line == ".":
			data = false
			s.mu.Lock()
			s.mails = append(s.mails, text.String())
			s.mu.Unlock()
			say("250 kept")
		case data:
			text.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
		case strings.HasPrefix(line, "RCPT") && s.refuse != "" && strings.Contains(line, s.refuse):
			say("550 no such user")
		case line == "DATA":
			data = true
			say("354 go on")
		case line == "QUIT":
			say("221 bye")
			return
		default:
			if strings.HasPrefix(line, "MAIL") || strings.HasPrefix(line, "RCPT") {
				text.WriteString(line + "\r\n")
			}
			say("250 yes")
		}
	}
}

func (s *server) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.mails...)
}

func (s *server) mailer(from string, to ...string) *Mailer {
	return &Mailer{
		Network: "tcp", Address: s.Addr().String(), Host: "mail.test", Timeout: 5 * time.Second,
		To: func(context.Context) ([]string, error) { return to, nil }, From: func(context.Context) string { return from },
	}
}

var someEvents = []Event{
	{ID: "1", Alarm: Alarm{Kind: MailboxFull, Domain: "one.test", Mailbox: "ann@one.test", Title: "ann@one.test is 97 % full ü", Detail: "970 of 1000 MB", Opened: time.Unix(1e9, 0)}},
	{ID: "2", Closed: true, Alarm: Alarm{Kind: RedisError, Title: "mail.test: no Redis", Opened: time.Unix(1e9, 0), Closed: time.Unix(1e9+90, 0)}},
}

func TestMail(t *testing.T) {
	s := listenSMTP(t, "nobody@")
	if err := s.mailer("", "nobody@one.test", "adm@one.test").Send(t.Context(), someEvents); err != nil {
		t.Fatal(err)
	}
	if err := s.mailer("noreply@one.test", "adm@one.test").Send(t.Context(), someEvents[:1]); err != nil {
		t.Fatal(err)
	}
	mails := s.got()
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	for i, want := range [][]string{
		{
			"MAIL FROM:<>\r\nRCPT TO:<adm@one.test>\r\n", "From: <vmapd@mail.test>", "Subject: 1 alarms opened, 1 closed (mail.test)", "Auto-Submitted: auto-generated",
			"Opened 2001-09-09 01:46:40 UTC: ann@one.test is 97 % full ü", "970 of 1000 MB", "Closed 2001-09-09 01:48:10 UTC: mail.test: no Redis", "open for 1m30s",
		},
		{"MAIL FROM:<noreply@one.test>\r\nRCPT TO:<adm@one.test>\r\n", "From: <noreply@one.test>", "Subject: =?utf-8?q?"},
	} {
		all := mails[i] + decoded(t, mails[i])
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("mail %d lacks %q:\n%s", i, w, mails[i])
			}
		}
	}
}

// decoded is the body of a mail.
func decoded(t testing.TB, text string) string {
	t.Helper()
	_, text, _ = strings.Cut(text, "From: ")
	m, err := mail.ReadMessage(strings.NewReader("From: " + text))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMailFails(t *testing.T) {
	s := listenSMTP(t, "@one.test")
	if err := s.mailer("", "a@one.test", "b@one.test").Send(t.Context(), someEvents); err == nil || !strings.Contains(err.Error(), "RCPT TO:<b@one.test>: 550") {
		t.Errorf("all recipients are refused: %v", err)
	}
	if err := s.mailer("").Send(t.Context(), someEvents); err != nil {
		t.Errorf("nobody to tell: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	m := s.mailer("", "a@two.test")
	m.Address, m.Timeout = silent.Addr().String(), 50*time.Millisecond
	if err := m.Send(t.Context(), someEvents); err == nil {
		t.Error("a server that hangs takes mail")
	}
}

// TestLongMail does not list more than anybody reads.
func TestLongMail(t *testing.T) {
	events := make([]Event, maxListed+5)
	for i := range events {
		events[i] = someEvents[0]
	}
	if text := body("h", events); strings.Count(text, "Opened") != maxListed || !strings.Contains(text, "and 5 more") {
		t.Errorf("%d listed", strings.Count(text, "Opened"))
	}
}

// FuzzMail wants a mail to keep its shape whatever is in an alarm.
func FuzzMail(f *testing.F) {
	f.Add("ann@one.test is full", "970 of 1000 MB", "mailbox_full")
	f.Add("x\r\nBcc: all@far.test\r\n\r\n.\r\nQUIT", "\x00\xff\u2028", ".")
	f.Add(strings.Repeat("ü", 500), "=?utf-8?q?x?=", "a\nb")
	f.Fuzz(func(t *testing.T, title, detail, kind string) {
		e := []Event{{ID: "1", Alarm: Alarm{Kind: kind, Title: title, Detail: detail, Opened: time.Unix(1e9, 0)}}}
		m := &Mailer{Host: "mail.test", Now: func() time.Time { return time.Unix(1e9, 0) }}
		text := m.compose("", []string{"adm@one.test"}, e)
		msg, err := mail.ReadMessage(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if len(msg.Header) != 9 || msg.Header.Get("Bcc") != "" {
			t.Errorf("header %v", msg.Header)
		}
		if _, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
			t.Errorf("subject: %v", err)
		}
		for line := range strings.SplitSeq(string(text), "\r\n") {
			if len(line) > 400 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
		if b, err := io.ReadAll(quotedprintable.NewReader(msg.Body)); err != nil || strings.Count(string(b), "\r\n") > 5 {
			t.Errorf("%v: %q", err, b)
		}
	})
}
