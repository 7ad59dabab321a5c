package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// Time and size that one request may take. A bulk request may take more of both.
const (
	requestTime = 50 * time.Second
	bulkTime    = 10 * time.Minute
	requestSize = 1 << 20
	bulkSize    = 16 << 20
)

// call is a request on its way.
type call struct {
	*server
	ctx    context.Context
	route  *Route
	path   func(name string) string
	query  url.Values
	body   []byte // JSON, or empty
	caller *manage.Caller
	old    bool // answers have the shape of Modoboa 1.10
	dryRun bool
	inBulk bool   // the route is an action of a bulk request
	origin string // scheme and host, for links
	record *Record
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := s.o.Now()
	rec := &Record{ID: newID(), Method: r.Method, Path: r.URL.Path, Address: clientAddress(r)}
	strict(w.Header(), rec.ID)
	a := s.protect(w, r, rec)
	rec.Status, rec.Took = a.status, s.o.Now().Sub(began)
	a.write(w, r, rec.ID)
	s.o.Done(*rec)
}

// protect turns what must not happen into an answer.
func (s *server) protect(w http.ResponseWriter, r *http.Request, rec *Record) (a *answer) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(p)
			}
			a = failure(rec, fmt.Errorf("panic: %v", p))
		}
	}()
	if a, ok := s.docs.find(r); ok {
		rec.Route = "documentation"
		return a
	}
	c, err := s.admit(w, r, rec)
	if err == nil {
		a, err = c.do()
	}
	if err != nil {
		return failure(rec, err)
	}
	return a
}

// admit finds out who wants what, and reads the body of those who may want it.
func (s *server) admit(w http.ResponseWriter, r *http.Request, rec *Record) (*call, error) {
	c := &call{server: s, ctx: r.Context(), query: r.URL.Query(), old: wantsOld(r), origin: origin(r), record: rec}
	var err error
	if c.caller, err = s.authenticate(r, rec); err != nil {
		return nil, err
	}
	rec.Caller = c.caller.Name
	m := s.find(r.Method, r.URL)
	if allow := m.allowed(); allow != "" {
		w.Header().Set("Allow", allow)
		return nil, refuse(http.StatusMethodNotAllowed, "Method %q not allowed.", r.Method)
	}
	if m.route == nil {
		return nil, refuse(http.StatusNotFound, "There is no such path: see /docs/api/.")
	}
	c.route, c.path = m.route, m.path
	rec.Route, rec.Write = c.route.Name, c.route.Write()
	if !c.route.May(c.caller) {
		return nil, errForbidden
	}
	if c.route.Name == "bulk" {
		rc := http.NewResponseController(w) // what cannot be set stays as it is
		_, _ = rc.SetReadDeadline(s.o.Now().Add(bulkTime)), rc.SetWriteDeadline(s.o.Now().Add(bulkTime+requestTime))
	}
	c.body, err = readBody(w, r, c.route)
	return c, err
}

// errForbidden is what Modoboa says.
var errForbidden = &refusal{status: http.StatusForbidden, text: "You do not have permission to perform this action."}

// do carries the request out, in the time that it may take.
func (c *call) do() (*answer, error) {
	limit := requestTime
	if c.route.Name == "bulk" {
		limit = bulkTime
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, limit, errTooLong)
	defer cancel()
	c.ctx = ctx
	if w := c.query.Get("wait"); w != "" && w != "served" {
		return nil, badField("wait", "%q is not served.", w)
	}
	a, err := c.answer()
	if err == nil {
		c.serve(a)
	}
	return a, err
}

func (c *call) answer() (*answer, error) {
	if c.route.ask != nil {
		return c.route.ask(c)
	}
	step, err := c.route.plan(c)
	if err != nil {
		return nil, err
	}
	return c.run(step)
}

var errTooLong = errors.New("the request took too long")

// run runs a step in a transaction of its own.
func (c *call) run(do step) (a *answer, err error) {
	m := c.o.Manager()
	in := m.Read
	if c.route.Write() {
		in = m.Write
	}
	err = in(c.ctx, c.caller, func(t *manage.Tx) error {
		a, err = do(t)
		return err
	})
	return a, err
}

// serve waits until a change is being served, if it was asked for (?wait=served).
// The change stands whatever comes of it: X-Served says what that was.
func (c *call) serve(a *answer) {
	if c.query.Get("wait") == "" || !c.route.Write() {
		return
	}
	served := "no daemon"
	if c.o.Sync != nil {
		served = "yes"
		if err := c.o.Sync(c.ctx); err != nil {
			served, c.record.Err = "not yet", fmt.Errorf("wait for what was changed: %w", err)
		}
	}
	a.set("X-Served", served)
}

// strict sets the headers of every answer: nothing of it is to be kept, guessed
// at or run.
func strict(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Vary", "Authorization, Accept")
}

func newID() string {
	b := make([]byte, 8)
	rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// wantsOld reports whether answers shall look as those of Modoboa 1.10:
// ?compat=1.10, or "Accept: application/json; version=1.10".
func wantsOld(r *http.Request) bool {
	if v := r.URL.Query().Get("compat"); v != "" {
		return v == "1.10"
	}
	_, version, _ := strings.Cut(strings.ReplaceAll(r.Header.Get("Accept"), " ", ""), ";version=")
	return version == "1.10"
}
