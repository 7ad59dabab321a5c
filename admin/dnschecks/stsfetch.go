package dnschecks

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks/record"
)

// fetchTime is how long the fetch of a policy may take.
const fetchTime = 10 * time.Second

// policyError is why senders cannot use a policy.
type policyError struct{ text, remedy string }

func (e *policyError) Error() string { return e.text }

func (r *run) policyURL() string {
	return "https://mta-sts." + r.domain + "/.well-known/mta-sts.txt"
}

// fetchPolicy gets the policy file as senders do (RFC 8461 3.3): over TLS with a
// certificate for the host, without following redirects. An error that is no
// *policyError means that it may be there.
func (r *run) fetchPolicy(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.c.o.FetchTime, fetchTime))
	defer cancel()
	transport := &http.Transport{
		DialContext:     r.dialPolicy,
		TLSClientConfig: &tls.Config{RootCAs: r.c.o.Roots, MinVersion: tls.VersionTLS12},
		Protocols:       new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.policyURL(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", "vmapd")
	answer, err := client.Do(req)
	if err != nil {
		return "", r.judgeFetch(err)
	}
	defer answer.Body.Close()
	return r.readPolicy(answer)
}

func (r *run) readPolicy(answer *http.Response) (string, error) {
	if answer.StatusCode != http.StatusOK {
		if answer.StatusCode >= 500 {
			return "", fmt.Errorf("the server of the policy answers %d", answer.StatusCode)
		}
		return "", &policyError{fmt.Sprintf("the server of the policy answers %d, and senders follow no redirects", answer.StatusCode), "serve the policy at " + r.policyURL()}
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return "", &policyError{"the policy is not served as text/plain", "have the server send Content-Type: text/plain"}
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, record.MaxPolicySize+1))
	return string(text), err
}

// judgeFetch tells what senders could not get over from what may be a
// passing failure.
func (r *run) judgeFetch(err error) error {
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var op *net.OpError
	var wrong *policyError
	switch {
	case errors.As(err, &wrong):
		return wrong
	case errors.As(err, &certificate):
		return &policyError{"the certificate of the server of the policy is not accepted: " + certificate.Err.Error(), "give mta-sts." + r.domain + " a certificate for its name"}
	case errors.As(err, &header), errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &op) && strings.HasSuffix(op.Op, " error"): // "remote error", an alert
		return &policyError{"the server of the policy does not speak TLS as it should: " + err.Error(), "serve " + r.policyURL() + " over HTTPS"}
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return &policyError{"the certificate of the server of the policy is signed by nobody known", "give mta-sts." + r.domain + " a certificate for its name"}
	}
	return fmt.Errorf("the policy cannot be fetched: %w", err)
}

// dialPolicy connects to the host of the policy, at an address that others could
// connect to as well: who may write a domain's DNS must not make this machine
// connect to its neighbours.
func (r *run) dialPolicy(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	six := *r.s
	six.IPv6 = true
	all := &run{asker: r.asker, c: r.c, s: &six, fresh: r.fresh}
	found, err := all.addresses(ctx, host)
	if len(found.addresses) == 0 {
		if err != nil {
			return nil, err
		}
		return nil, &policyError{"the host " + host + " has no address", "give it the address of the server that has the policy"}
	}
	last := error(&policyError{"the host " + host + " has no address that is public", "give it one"})
	for _, a := range found.addresses {
		if !public(a) && !r.c.o.Private {
			continue
		}
		dialer := net.Dialer{Timeout: fetchTime / 2}
		conn, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(a, cmp.Or(r.c.o.Port, 443)).String())
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}
