//go:build drill

package main_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
)

// A quickHost is the host that docs/quickstart.md has made, seen from the
// network that contrib/packages/quickstart.sh gives it.
type quickHost struct {
	t        *testing.T
	password string // of user@example.org
}

// Who is in that network, and who has mail.
const (
	quickAddress = "192.0.2.1"
	quickClient  = "192.0.2.10" // somebody of the world
	quickWorld   = "192.0.2.25:2525"
	quickUser    = "user@example.org"
)

// TestQuickStart sends mail to that host, by it, and reads it there.
// contrib/packages/quickstart.sh runs it, and has made all that it needs.
func TestQuickStart(t *testing.T) {
	h := &quickHost{t: t, password: os.Getenv("VMAPD_QUICKSTART_PASSWORD")}
	if h.password == "" {
		t.Skip("this is for contrib/packages/quickstart.sh: make test-quickstart")
	}
	world := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "world", Address: quickWorld})
	h.receives()
	h.submits(world)
	h.reads()
}

// dial connects from the world.
func (h *quickHost) dial(port string) net.Conn {
	h.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(quickClient)}, Timeout: time.Minute}
	c, err := d.DialContext(h.t.Context(), "tcp", net.JoinHostPort(quickAddress, port))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// smtp begins a session; those of port 465 are inside of TLS from the start.
func (h *quickHost) smtp(port string) *smtp.Client {
	h.t.Helper()
	conn := h.dial(port)
	if port == "465" {
		conn = tls.Client(conn, selfSigned())
	}
	c, err := smtp.NewClient(conn, quickAddress)
	if err == nil {
		err = c.Hello("world.test")
	}
	if err != nil {
		h.t.Fatalf("port %s: %v", port, err)
	}
	return c
}

// selfSigned takes the certificate that Debian made.
func selfSigned() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// refused says what is wrong if an answer is not one of a code.
func (h *quickHost) refused(what string, err error, code string) {
	h.t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), code+" ") {
		h.t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// receives: mail from the world comes in on port 25, for those whom there are.
func (h *quickHost) receives() {
	h.t.Helper()
	c := h.smtp("25")
	if ok, _ := c.Extension("AUTH"); ok {
		h.t.Error("port 25 offers logins")
	}
	if err := c.Mail("sender@world.test"); err != nil {
		h.t.Fatal(err)
	}
	h.refused("an unknown recipient", c.Rcpt("nobody@example.org"), "550")
	h.refused("a recipient elsewhere", c.Rcpt("somebody@elsewhere.test"), "454")
	if err := c.Rcpt("User+news@Example.org"); err != nil {
		h.t.Fatal(err)
	}
	h.data(c, "From: sender@world.test\r\nTo: user@example.org\r\nSubject: from the world\r\n\r\nwelcome\r\n")
}

// data sends a message and ends the session.
func (h *quickHost) data(c *smtp.Client, message string) {
	h.t.Helper()
	w, err := c.Data()
	if err == nil {
		_, err = io.WriteString(w, message)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = c.Quit()
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// submits: users send from their own address, and the world can verify it.
func (h *quickHost) submits(world *mailtest.Sink) {
	h.t.Helper()
	plain := h.smtp("587")
	if ok, _ := plain.Extension("AUTH"); ok {
		h.t.Error("port 587 offers logins without TLS")
	}
	for _, port := range []string{"587", "465"} {
		h.refused("port "+port+", a wrong password", h.login(port, "wrong-Pw-1", func(*smtp.Client) {}), "535")
		err := h.login(port, h.password, func(c *smtp.Client) {
			if err := c.Mail("boss@example.org"); err == nil {
				h.refused("port "+port+", an address of somebody else", c.Rcpt("somebody@elsewhere.test"), "553")
			}
			if err := c.Reset(); err != nil {
				h.t.Error(err)
			}
			if err := c.Mail(quickUser); err != nil {
				h.t.Fatal(err)
			}
			if err := c.Rcpt("somebody@elsewhere.test"); err != nil {
				h.t.Fatal(err)
			}
			h.data(c, "From: "+quickUser+"\r\nTo: somebody@elsewhere.test\r\nSubject: by port "+port+"\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <"+port+"@example.org>\r\n\r\nhello\r\n")
		})
		if err != nil {
			h.t.Errorf("port %s: %v", port, err)
		}
	}
	h.eventually("mail to the world", func() error {
		if n := len(world.Texts()); n != 2 {
			return fmt.Errorf("%d of 2 messages are there", n)
		}
		return nil
	})
	for _, text := range world.Texts() {
		h.verifies(text)
	}
}

// login logs in, and does something then.
func (h *quickHost) login(port, password string, then func(c *smtp.Client)) error {
	h.t.Helper()
	c := h.smtp(port)
	defer c.Close()
	if port == "587" {
		if err := c.StartTLS(selfSigned()); err != nil {
			h.t.Fatal(err)
		}
	}
	err := c.Auth(smtp.PlainAuth("", quickUser, password, quickAddress))
	if err == nil {
		then(c)
	}
	return err
}

// verifies looks for one signature that the published record verifies.
func (h *quickHost) verifies(message string) {
	h.t.Helper()
	var records []struct{ Name, Value string }
	text, err := os.ReadFile(os.Getenv("VMAPD_QUICKSTART_RECORD"))
	if err == nil {
		err = json.Unmarshal(text, &records)
	}
	if err != nil || len(records) != 1 {
		h.t.Fatalf("%d records: %v\n%s", len(records), err, text)
	}
	found, err := msgauth.VerifyWithOptions(strings.NewReader(message), &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if name != strings.TrimSuffix(records[0].Name, ".") {
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		}
		return []string{records[0].Value}, nil
	}})
	if err != nil || len(found) != 1 || found[0].Err != nil || found[0].Domain != "example.org" {
		h.t.Errorf("%d signatures, want one that verifies: %v\n%s", len(found), err, message)
		for _, v := range found {
			h.t.Errorf("d=%s: %v", v.Domain, v.Err)
		}
	}
}

// eventually waits for something that takes a moment.
func (h *quickHost) eventually(what string, check func() error) {
	h.t.Helper()
	var err error
	for range 300 {
		if err = check(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	h.t.Fatalf("%s: %v", what, err)
}

// reads: the user finds what came, by IMAP in TLS.
func (h *quickHost) reads() {
	h.t.Helper()
	if got := h.imap("wrong-Pw-1"); !strings.Contains(got, "NO [AUTHENTICATIONFAILED]") {
		h.t.Errorf("IMAP with a wrong password: %s", got)
	}
	h.eventually("the message", func() error {
		got := h.imap(h.password, "SELECT INBOX", "FETCH 1 BODY[]")
		if !strings.Contains(got, "Subject: from the world") || !strings.Contains(got, "welcome") {
			return fmt.Errorf("IMAP says\n%s", got)
		}
		return nil
	})
}

// imap logs in, gives some commands, and returns all that was said.
func (h *quickHost) imap(password string, commands ...string) string {
	h.t.Helper()
	conn := tls.Client(h.dial("993"), selfSigned())
	defer conn.Close()
	var said bytes.Buffer
	r := bufio.NewReader(io.TeeReader(conn, &said))
	commands = append(append([]string{fmt.Sprintf("LOGIN %s %q", quickUser, password)}, commands...), "LOGOUT")
	for i, command := range commands {
		tag := fmt.Sprintf("a%d ", i)
		if _, err := io.WriteString(conn, tag+command+"\r\n"); err != nil {
			h.t.Fatal(err)
		}
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				h.t.Fatalf("IMAP, %s: %v\n%s", command, err, said.String())
			}
			if strings.HasPrefix(line, tag) {
				break
			}
		}
	}
	return said.String()
}
