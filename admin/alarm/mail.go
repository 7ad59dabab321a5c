package alarm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"strings"
	"time"
	"unicode"
)

// Mailer tells events by mail.
type Mailer struct {
	// Network and Address are of the mail server: "tcp" or "unix". Nothing is
	// encrypted: it is meant to be this host's.
	Network, Address string
	Host             string // of this host, for HELO and identifiers
	// To returns the recipients. None: there is nobody to tell.
	To func(ctx context.Context) ([]string, error)
	// From returns the sender of envelope and header; "" is the null sender.
	From    func(ctx context.Context) string
	Timeout time.Duration    // of one delivery, 1 minute if 0
	Now     func() time.Time // nil: time.Now
}

// maxListed is how many events a mail lists.
const maxListed = 200

// Send sends one mail about all events.
func (m *Mailer) Send(ctx context.Context, events []Event) error {
	to, err := m.To(ctx)
	if err != nil {
		return fmt.Errorf("find whom to tell: %w", err)
	}
	if len(to) == 0 {
		return nil
	}
	limit := m.Timeout
	if limit <= 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	from := m.From(ctx)
	if err := m.deliver(ctx, from, to, m.compose(from, to, events)); err != nil {
		return fmt.Errorf("SMTP to %s: %w", m.Address, err)
	}
	return nil
}

// deliver speaks SMTP. Recipients that are refused are left out as long as one is
// not.
func (m *Mailer) deliver(ctx context.Context, from string, to []string, text []byte) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, m.Network, m.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end) // what fails will
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, err := smtp.NewClient(conn, m.Host)
	if err != nil {
		return err
	}
	if err := c.Hello(helloName(m.Host)); err != nil {
		return err
	}
	if err := c.Mail(from); err != nil {
		return fmt.Errorf("MAIL FROM:<%s>: %w", from, err)
	}
	var refused []error
	for _, r := range to {
		if err := c.Rcpt(r); err != nil {
			refused = append(refused, fmt.Errorf("RCPT TO:<%s>: %w", r, err))
		}
	}
	if len(refused) == len(to) {
		return errors.Join(refused...)
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("after DATA: %w", err)
	}
	_ = c.Quit() // it has the mail
	return nil
}

// helloName is what HELO may say.
func helloName(host string) string {
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "localhost"
	}
	return host
}

// compose writes the mail. Nothing of an alarm reaches the header but encoded.
func (m *Mailer) compose(from string, to []string, events []Event) []byte {
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	if from == "" {
		from = "vmapd@" + helloName(m.Host)
	}
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", "<" + from + ">"},
		{"To", strings.Join(to, ",\r\n ")},
		{"Subject", folded(subject(m.Host, events))},
		{"Date", now().Format(time.RFC1123Z)},
		{"Message-ID", "<" + messageID(events) + "@" + helloName(m.Host) + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	fmt.Fprint(w, strings.ReplaceAll(body(m.Host, events), "\n", "\r\n"))
	_ = w.Close()
	return b.Bytes()
}

// messageID is the same for the same events, so that a mail that comes twice can
// be known.
func messageID(events []Event) string {
	h := sha256.New()
	for _, e := range events {
		fmt.Fprintf(h, "%s %v\n", e.ID, e.Closed)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func subject(host string, events []Event) string {
	if len(events) == 1 {
		return printable(word(&events[0]) + ": " + strings.TrimPrefix(events[0].Alarm.Title, host+": ") + " (" + host + ")")
	}
	closed := 0
	for i := range events {
		if events[i].Closed {
			closed++
		}
	}
	return printable(fmt.Sprintf("%d alarms opened, %d closed (%s)", len(events)-closed, closed, host))
}

// folded is a text in a header: short, and encoded where it must be.
func folded(text string) string {
	if runes := []rune(text); len(runes) > 150 {
		text = string(runes[:150]) + "..."
	}
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", text), "?= =?", "?=\r\n =?")
}

func word(e *Event) string {
	if e.Closed {
		return "closed"
	}
	return "alarm"
}

func body(host string, events []Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "vmapd on %s tells of alarms.\n", printable(host))
	for i := range events[:min(len(events), maxListed)] {
		e := &events[i]
		a := &e.Alarm
		what := "Opened"
		if e.Closed {
			what = "Closed"
		}
		fmt.Fprintf(&b, "\n%s %s: %s\n", what, e.at().UTC().Format("2006-01-02 15:04:05 UTC"), printable(a.Title))
		if a.Detail != "" && !e.Closed {
			fmt.Fprintf(&b, "  %s\n", printable(a.Detail))
		}
		if e.Closed {
			fmt.Fprintf(&b, "  it was open for %s\n", a.Closed.Sub(a.Opened).Round(time.Second))
		}
		fmt.Fprintf(&b, "  kind %s\n", printable(a.Kind))
	}
	if n := len(events) - maxListed; n > 0 {
		fmt.Fprintf(&b, "\nand %d more: see the page of alarms, or \"vmapd alarm list\".\n", n)
	}
	return b.String()
}

// printable makes one line of a text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
