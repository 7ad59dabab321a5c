package alarm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// SignatureHeader holds "sha256=" and, in hexadecimal digits, the HMAC-SHA256 of
// the body under the secret.
const SignatureHeader = "X-Vmapd-Signature"

// Hook tells events to a web server, in a POST of JSON (see Payload). NewHook
// makes one.
type Hook struct {
	url    string
	host   string
	secret []byte
	client *http.Client
	now    func() time.Time
}

// HookOptions say how to reach a web server.
type HookOptions struct {
	URL     string
	Host    string         // of this host
	Secret  []byte         // nil: nothing is signed
	Roots   *x509.CertPool // nil: those of the system
	Timeout time.Duration  // of one request, 15s if 0
}

// NewHook returns a channel to a web server.
func NewHook(o HookOptions) *Hook {
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	return &Hook{url: o.URL, host: o.Host, secret: o.Secret, now: time.Now, client: &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: sameHost,
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true, // there are minutes between two requests
			ForceAttemptHTTP2: true,
		},
	}}
}

// sameHost follows redirections that leave the request and the host as they are.
func sameHost(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || r.Method != first.Method || r.URL.Scheme != first.URL.Scheme || r.URL.Host != first.URL.Host {
		return http.ErrUseLastResponse // its status is no good one
	}
	return nil
}

// Payload is the body of a request.
type Payload struct {
	Version int       `json:"version"` // 1
	Host    string    `json:"host"`    // that tells
	Sent    time.Time `json:"sent"`
	Events  []Told    `json:"events"`
}

// Told is an event in a Payload.
type Told struct {
	Event   string     `json:"event"` // "opened" or "closed"
	ID      string     `json:"id"`    // of the alarm, in both of its events
	Kind    string     `json:"kind"`
	Domain  string     `json:"domain"`  // "": it is about the host
	Mailbox string     `json:"mailbox"` // address, or ""
	Title   string     `json:"title"`
	Detail  string     `json:"detail"`
	Opened  time.Time  `json:"opened"`
	Closed  *time.Time `json:"closed"` // null while it is open
}

// payload writes events as JSON.
func payload(host string, sent time.Time, events []Event) ([]byte, error) {
	p := Payload{Version: 1, Host: host, Sent: sent.UTC(), Events: make([]Told, len(events))}
	for i := range events {
		a := &events[i].Alarm
		t := Told{Event: "opened", ID: events[i].ID, Kind: a.Kind, Domain: a.Domain, Mailbox: a.Mailbox, Title: a.Title, Detail: a.Detail, Opened: a.Opened.UTC()}
		if events[i].Closed {
			closed := a.Closed.UTC()
			t.Event, t.Closed = "closed", &closed
		}
		p.Events[i] = t
	}
	return json.Marshal(p)
}

// Signature is the value of SignatureHeader for a body.
func Signature(secret, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write(body)
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}

// Send posts all events in one request. Any status of 2xx means that they were
// taken; 400, 413 and 422 that they never will be.
func (h *Hook) Send(ctx context.Context, events []Event) error {
	text, err := payload(h.host, h.now(), events)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "vmapd")
	if h.secret != nil {
		r.Header.Set(SignatureHeader, Signature(h.secret, text))
	}
	resp, err := h.client.Do(r)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // politely
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusBadRequest, resp.StatusCode == http.StatusRequestEntityTooLarge, resp.StatusCode == http.StatusUnprocessableEntity:
		return &RefusedError{fmt.Errorf("the webhook answers %s", resp.Status)}
	case resp.StatusCode/100 == 3:
		return fmt.Errorf("the webhook answers %s: redirections to other hosts are not followed", resp.Status)
	}
	return fmt.Errorf("the webhook answers %s", resp.Status)
}

// withoutURL is an error without the address, which may hold a secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return fmt.Errorf("webhook: %w", u.Err)
	}
	return err
}
