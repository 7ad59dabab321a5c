package guard

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// PolicyOptions are the ways of a PolicyHandler. The zero value is good behind
// a unix socket or on loopback.
type PolicyOptions struct {
	// Key, if set, is what a request must bring as "X-API-Key: KEY" or
	// "Authorization: Bearer KEY" (Dovecot: auth_policy_server_api_header =
	// KEY). Who can report without a key can have others refused.
	Key string
	// Fold gives an account the one spelling of Attempt.Account: Dovecot sends
	// what the client typed. strings.ToLower if nil.
	Fold func(string) string
	// MaxDelay bounds the delays that Dovecot is asked for: 6 s. It adds its
	// auth_failure_delay of two seconds, and Postfix gives up after ten.
	MaxDelay time.Duration
	// Uncertain, if set, says that passwords cannot be judged at present, so
	// that failures prove nothing. Dovecot 2.3 reports an outage of its passdb
	// as it does a wrong password.
	Uncertain func() bool
	// OnError, if set, is told why a request was not understood. It must not
	// block.
	OnError func(error)
}

// maxPolicyBody is the longest body that is read; Dovecot's has 200 bytes and
// what the client made of its name and password.
const maxPolicyBody = 16 << 10

// PolicyHandler answers Dovecot's auth_policy_server_url, both commands of it:
// "allow" before and after Dovecot looks at a password, "report" when it is done
// (dovecot src/auth/auth-policy.c). Its pwhash, twelve bits of a hash with a
// nonce, serves as the password.
//
// No error of ours is to stop a login: what is not understood is answered with
// status 0, "go on", and counts nothing. The exception is a wrong Key, 401;
// with that too Dovecot goes on, and says so in its log.
func PolicyHandler(g *Guard, o PolicyOptions) http.Handler {
	if o.Fold == nil {
		o.Fold = strings.ToLower
	}
	if o.MaxDelay <= 0 {
		o.MaxDelay = 6 * time.Second
	}
	return &policy{g: g, o: o, key: sha256.Sum256([]byte(o.Key))}
}

type policy struct {
	g   *Guard
	o   PolicyOptions
	key [sha256.Size]byte
}

// policyRequest is what we read of a body. Version 2.4 adds fail_type.
type policyRequest struct {
	Login  *string `json:"login"`
	PwHash string  `json:"pwhash"`
	Remote string  `json:"remote"`

	Success      *bool  `json:"success"`
	PolicyReject bool   `json:"policy_reject"`
	FailType     string `json:"fail_type"`
}

// ServeHTTP answers one request.
func (p *policy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.authorized(r) {
		p.complain(errors.New("wrong or missing key: compare auth_policy_server_api_header"))
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "wrong or missing key", http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "use POST", http.StatusMethodNotAllowed)
		return
	}
	v, err := p.serve(w, r)
	if err != nil {
		p.complain(err)
		v = Verdict{}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(p.answer(v)) // a client that has gone needs no answer
}

func (p *policy) complain(err error) {
	if p.o.OnError != nil {
		p.o.OnError(fmt.Errorf("auth policy request: %w", err))
	}
}

// authorized compares hashes, which have one length, in constant time.
func (p *policy) authorized(r *http.Request) bool {
	if p.o.Key == "" {
		return true
	}
	key := r.Header.Get("X-API-Key")
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); key == "" && ok && strings.EqualFold(scheme, "Bearer") {
		key = strings.TrimSpace(token)
	}
	sum := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(sum[:], p.key[:]) == 1
}

// command finds the command of a request. To a URL that ends in "&" Dovecot
// appends it without a "?", so it may be part of the path.
func command(r *http.Request) string {
	if c := r.URL.Query().Get("command"); c != "" {
		return c
	}
	_, c, _ := strings.Cut(r.URL.Path, "&command=")
	return c
}

func (p *policy) serve(w http.ResponseWriter, r *http.Request) (Verdict, error) {
	c := command(r)
	if c != "allow" && c != "report" {
		return Verdict{}, fmt.Errorf("unknown command %.20q: want allow or report", c)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPolicyBody))
	if err != nil {
		return Verdict{}, err
	}
	var q policyRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return Verdict{}, errors.New("the body is not the JSON that Dovecot sends") // err may quote it
	}
	if q.Login == nil {
		return Verdict{}, errors.New("no login in the body: compare auth_policy_request_attributes")
	}
	a := p.attempt(&q)
	if c == "allow" {
		return p.g.Before(a), nil
	}
	return Verdict{}, p.report(a, &q)
}

func (p *policy) attempt(q *policyRequest) Attempt {
	a := Attempt{Account: p.o.Fold(*q.Login)}
	if q.PwHash != "" {
		a.Fingerprint = p.g.Fingerprint(a.Account, []byte(q.PwHash))
	}
	a.Remote, _ = netip.ParseAddr(q.Remote) // none for "doveadm auth test"
	return a
}

// report counts what Dovecot found out. The types of failure are those of
// auth_policy_fail_type in 2.4; before there were none.
func (p *policy) report(a Attempt, q *policyRequest) error {
	switch {
	case q.Success == nil:
		return errors.New("no success in the body of a report")
	case *q.Success:
		p.g.After(a, true)
	case q.PolicyReject, q.FailType == "policy", // refused by us, and not to be counted again
		q.FailType == "internal", p.o.Uncertain != nil && p.o.Uncertain(), // nobody looked at the password
		q.FailType == "expired", q.FailType == "disabled": // no guess: the account is closed
		p.g.Cancel(a)
	default:
		p.g.After(a, false)
	}
	return nil
}

// answer writes a verdict as Dovecot reads it: below zero refuse, above it
// wait so many seconds.
func (p *policy) answer(v Verdict) []byte {
	status := int64((min(v.Delay, p.o.MaxDelay) + time.Second - 1) / time.Second)
	if v.Refuse {
		status = -1
	}
	message, _ := json.Marshal(v.Message) // a string always works
	b := strconv.AppendInt([]byte(`{"status":`), status, 10)
	return append(append(append(b, `,"msg":`...), message...), '}')
}
