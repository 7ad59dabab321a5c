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
	c, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	s := &smtpSession{conn: textproto.NewConn(c)}
	s.read() // greeting
	s.cmd("EHLO client.far.test")
	r := &replies{}
	if m.Login != "" {
		r.auth = s.cmd("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+strings.Replace(m.Login, ":", "\x00", 1))))
	}
	option := ""
	if !ascii(from + strings.Join(m.To, "")) {
		option = " SMTPUTF8"
	}
	r.mail = s.cmd("MAIL FROM:<" + from + ">" + option)
	accepted := false
	for _, to := range m.To {
		reply := s.cmd("RCPT TO:<" + to + ">")
		accepted = accepted || strings.HasPrefix(reply, "2")
		r.rcpt = append(r.rcpt, reply)
	}
	if accepted {
		s.cmd("DATA")
		text := m.Text
		if text == "" {
			text = fmt.Sprintf("From: <%s>\r\nSubject: %s\r\n\r\nA test.\r\n", from, m.Name)
		}
		s.cmd(fmt.Sprintf("%s: %s\r\n%s.", tagHeader, tag, strings.ReplaceAll(text, "\r\n.", "\r\n..")))
		r.data = s.last
	}
	s.cmd("QUIT")
	return r, s.err
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
