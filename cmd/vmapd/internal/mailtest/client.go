package mailtest

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// tagHeader names the header by which the sinks recognise a message.
const tagHeader = "X-Mailtest-Tag"

// Service is one of the SMTP services of an instance.
type Service int

// The services. SubmissionOld exists only with Maps.OldSenderLogin.
const (
	MX Service = iota
	Submission
	SubmissionOld
)

// Message is one SMTP transaction of a client.
type Message struct {
	Name string // of the scenario
	// From is the envelope sender. "" stands for a new address of another host,
	// "<>" for the null sender.
	From    string
	To      []string
	Login   string // "name:password" to authenticate with, or ""
	Service Service
	// Size is what the client announces in bytes, 0 if nothing.
	Size int64
	// Text is header and body with CRLF line ends; "" stands for a short one whose
	// author is the sender.
	Text string
}

// replies is what the client was told.
type replies struct {
	auth, mail, data string // "" = the command was not given
	rcpt             []string
}

// send plays the message over one connection to address.
func (m *Message) send(address, from, tag string) (*replies, error) {
	s, err := dial(address)
	if err != nil {
		return nil, err
	}
	defer s.conn.Close()
	r := &replies{auth: s.login(m.Login)}
	s.transaction(m, from, tag, r)
	s.cmd("QUIT")
	return r, s.err
}

// Session is one SMTP session of a client, for one message after the other.
type Session struct{ smtp *smtpSession }

// Dial begins a session, with login "name:password" unless that is empty.
func (p *Postfix) Dial(service Service, login string) (*Session, error) {
	s, err := dial(p.Address(service))
	if err != nil {
		return nil, err
	}
	reply := s.login(login)
	if s.err == nil && login != "" && reply[0] != '2' {
		s.err = fmt.Errorf("AUTH: %s", reply)
	}
	if s.err != nil {
		s.conn.Close()
		return nil, s.err
	}
	return &Session{s}, nil
}

// Send sends a message, and returns the reply to its text, or to the command
// that was refused. Login and Service of the message do not count.
func (s *Session) Send(m *Message, tag string) (reply string, err error) {
	s.smtp.transaction(m, m.From, tag, &replies{})
	return s.smtp.last, s.smtp.err
}

// Quit ends the session.
func (s *Session) Quit() error {
	s.smtp.cmd("QUIT")
	s.smtp.conn.Close()
	return s.smtp.err
}

// smtpSession remembers the last reply and the first error of a session.
type smtpSession struct {
	conn *textproto.Conn
	last string
	err  error
}

// cmd sends a line and returns the reply, or "" after an error.
func (s *smtpSession) cmd(line string) string {
	if s.err == nil {
		s.err = s.conn.PrintfLine("%s", line)
	}
	return s.read()
}

// dial connects, and greets.
func dial(address string) (*smtpSession, error) {
	c, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	s := &smtpSession{conn: textproto.NewConn(c)}
	s.read() // greeting
	s.cmd("EHLO client.far.test")
	return s, nil
}

// login authenticates with "name:password", and returns the reply; "" if there is
// nothing to do.
func (s *smtpSession) login(login string) string {
	if login == "" {
		return ""
	}
	return s.cmd("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+strings.Replace(login, ":", "\x00", 1))))
}

// transaction sends one message.
func (s *smtpSession) transaction(m *Message, from, tag string, r *replies) {
	option := ""
	if !ascii(from + strings.Join(m.To, "")) {
		option = " SMTPUTF8"
	}
	if m.Size > 0 {
		option += fmt.Sprintf(" SIZE=%d", m.Size)
	}
	r.mail = s.cmd("MAIL FROM:<" + from + ">" + option)
	accepted := false
	for _, to := range m.To {
		reply := s.cmd("RCPT TO:<" + to + ">")
		accepted = accepted || strings.HasPrefix(reply, "2")
		r.rcpt = append(r.rcpt, reply)
	}
	if !accepted {
		return
	}
	if reply := s.cmd("DATA"); s.err == nil && reply[0] != '3' {
		r.data = reply
		return
	}
	text := m.Text
	if text == "" {
		text = fmt.Sprintf("From: <%s>\r\nSubject: %s\r\n\r\nA test.\r\n", from, m.Name)
	}
	r.data = s.cmd(fmt.Sprintf("%s: %s\r\n%s.", tagHeader, tag, strings.ReplaceAll(text, "\r\n.", "\r\n..")))
}

// read returns a reply in one line.
func (s *smtpSession) read() string {
	if s.err != nil {
		return ""
	}
	code, text, err := s.conn.ReadResponse(0)
	if err != nil {
		s.err = fmt.Errorf("after %q: %w", s.last, err)
		return ""
	}
	s.last = fmt.Sprintf("%d %s", code, strings.ReplaceAll(text, "\n", " "))
	return s.last
}

// ascii reports whether s needs no SMTPUTF8.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
