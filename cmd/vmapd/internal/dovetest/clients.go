package dovetest

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// session is a conversation in lines. Whatever goes wrong with the connection
// is its last line, "closed: ...", and all that follow.
type session struct {
	t    testing.TB
	conn *textproto.Conn
}

// patience is how long a reply may take. Dovecot itself gives up after a minute.
const patience = 90 * time.Second

func (d *Dovecot) dial(t testing.TB, port int) *session {
	t.Helper()
	nc, err := net.Dial("tcp", d.address(port))
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	s := &session{t, textproto.NewConn(nc)}
	t.Cleanup(func() { s.conn.Close() })
	return s
}

// Close ends the connection.
func (s *session) Close() { s.conn.Close() }

// send sends lines, without waiting.
func (s *session) send(format string, args ...any) { _ = s.conn.PrintfLine(format, args...) }

// line reads the next line.
func (s *session) line() string {
	line, err := s.conn.ReadLine()
	if err != nil {
		return "closed: " + err.Error()
	}
	return line
}

// until reads to the line that ends a reply, and returns it and those before.
func (s *session) until(last func(line string) bool) (line string, before []string) {
	for {
		line = s.line()
		if last(line) || strings.HasPrefix(line, "closed: ") {
			return line, before
		}
		before = append(before, line)
	}
}

// IMAP is a client of the protocol.
type IMAP struct {
	*session
	tag int
}

// IMAP connects.
func (d *Dovecot) IMAP(t testing.TB) *IMAP {
	t.Helper()
	c := &IMAP{d.dial(t, portIMAP), 0}
	if greeting := c.line(); !strings.HasPrefix(greeting, "* OK") {
		t.Errorf("IMAP greeting: %s", greeting)
	}
	return c
}

// Cmd gives a command; the result is what the server says with its tag, "OK
// ...", "NO ...", and the lines before that.
func (c *IMAP) Cmd(format string, args ...any) (result string, lines []string) {
	c.tag++
	tag := fmt.Sprintf("t%d ", c.tag)
	c.send("%s"+format, append([]any{tag}, args...)...)
	last, lines := c.until(func(line string) bool { return strings.HasPrefix(line, tag) })
	return strings.TrimPrefix(last, tag), lines
}

// Login gives the result of LOGIN.
func (c *IMAP) Login(user, password string) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	result, _ := c.Cmd(`LOGIN "%s" "%s"`, quote.Replace(user), quote.Replace(password))
	return result
}

// Append puts a message into a mailbox (RFC 7888 spares the wait).
func (c *IMAP) Append(mailbox, message string) string {
	result, _ := c.Cmd("APPEND %s {%d+}\r\n%s", mailbox, len(message), message)
	return result
}

// LogInAndOut is a session of IMAP with nothing in it, for those who count how
// many there can be in a second: it fails no test.
func (d *Dovecot) LogInAndOut(user, password string) error {
	nc, err := net.Dial("tcp", d.address(portIMAP))
	if err != nil {
		return err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(nc)
	for _, step := range []struct{ send, want string }{
		{"", "* OK "}, {"a LOGIN " + user + " " + password + "\r\n", "a OK "}, {"b LOGOUT\r\n", "b OK "},
	} {
		if _, err := nc.Write([]byte(step.send)); err != nil {
			return err
		}
		for line := ""; !strings.HasPrefix(line, step.want); {
			if line, err = in.ReadString('\n'); err != nil {
				return fmt.Errorf("IMAP: %q: %w", step.send[:min(2, len(step.send))], err)
			}
			if status := step.want[:2]; strings.HasPrefix(line, status+"NO") || strings.HasPrefix(line, status+"BAD") {
				return fmt.Errorf("IMAP: %s", line)
			}
		}
	}
	return nil
}

// POP3 is a client of the protocol.
type POP3 struct{ *session }

// POP3 connects.
func (d *Dovecot) POP3(t testing.TB) *POP3 {
	t.Helper()
	c := &POP3{d.dial(t, portPOP3)}
	if greeting := c.line(); !strings.HasPrefix(greeting, "+OK") {
		t.Errorf("POP3 greeting: %s", greeting)
	}
	return c
}

// Cmd gives a command and returns the line that answers.
func (c *POP3) Cmd(format string, args ...any) string {
	c.send(format, args...)
	return c.line()
}

// Login gives the answer to PASS.
func (c *POP3) Login(user, password string) string {
	c.Cmd("USER %s", user)
	return c.Cmd("PASS %s", password)
}

// SieveLogin logs in to ManageSieve and returns the answer, "OK ..." or "NO ...".
func (d *Dovecot) SieveLogin(t testing.TB, user, password string) string {
	t.Helper()
	c := d.dial(t, portSieve)
	defer c.Close()
	status := func(line string) bool {
		return strings.HasPrefix(line, "OK") || strings.HasPrefix(line, "NO") || strings.HasPrefix(line, "BYE")
	}
	if greeting, _ := c.until(status); !strings.HasPrefix(greeting, "OK") {
		t.Errorf("ManageSieve greeting: %s", greeting)
	}
	c.send(`AUTHENTICATE "PLAIN" "%s"`, plain(user, password))
	last, _ := c.until(status)
	return last
}

// SubmissionLogin logs in to Dovecot's submission server and returns the reply.
func (d *Dovecot) SubmissionLogin(t testing.TB, user, password string) string {
	t.Helper()
	c := d.dial(t, portSubmission)
	defer c.Close()
	c.reply()
	c.send("EHLO client.test")
	c.reply()
	c.send("AUTH PLAIN %s", plain(user, password))
	return c.reply()
}

// LMTP delivers a message and returns a reply for each recipient: that of RCPT
// if it was a refusal, else the one after the message.
func (d *Dovecot) LMTP(t testing.TB, message string, to ...string) map[string]string {
	t.Helper()
	c := d.dial(t, portLMTP)
	defer c.Close()
	c.reply()
	for _, line := range []string{"LHLO mx.test", "MAIL FROM:<sender@far.test>"} {
		c.send("%s", line)
		if r := c.reply(); !strings.HasPrefix(r, "2") {
			t.Errorf("LMTP %s: %s", line, r)
		}
	}
	replies, accepted := map[string]string{}, []string{}
	for _, rcpt := range to {
		c.send("RCPT TO:<%s>", rcpt)
		if replies[rcpt] = c.reply(); strings.HasPrefix(replies[rcpt], "2") {
			accepted = append(accepted, rcpt)
		}
	}
	if len(accepted) > 0 {
		c.send("DATA")
		c.reply()
		c.send("%s\r\n.", strings.TrimSuffix(message, "\r\n"))
		for _, rcpt := range accepted {
			replies[rcpt] = c.reply()
		}
	}
	c.send("QUIT")
	c.reply()
	return replies
}

// reply reads an SMTP reply and returns its last line.
func (s *session) reply() string {
	last, _ := s.until(func(line string) bool { return len(line) < 4 || line[3] == ' ' })
	return last
}

// Message is one of about size bytes.
func Message(subject string, size int) string {
	line := strings.Repeat("x", 76) + "\r\n"
	return fmt.Sprintf("From: sender@far.test\r\nTo: somebody@home.test\r\nSubject: %s\r\nMessage-ID: <%s@far.test>\r\n\r\n", subject, strings.ReplaceAll(subject, " ", "-")) +
		strings.Repeat(line, size/len(line)+1)
}

// plain is the response of SASL's PLAIN (RFC 4616).
func plain(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
}

// Policy asks the service quota-status, as Postfix does at RCPT, and returns its
// answer, "action=...".
func (d *Dovecot) Policy(t testing.TB, recipient string, size int) string {
	t.Helper()
	nc, err := net.Dial("unix", d.Queue+"/private/quota-status")
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	s := &session{t, textproto.NewConn(nc)}
	defer s.Close()
	s.send("request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nrecipient=%s\nsize=%d\n", recipient, size)
	return s.line()
}
