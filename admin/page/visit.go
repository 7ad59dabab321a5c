package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// visit is a request of somebody who has signed in.
type visit struct {
	p      *page
	w      http.ResponseWriter
	r      *http.Request
	s      *session
	caller *manage.Caller
	m      *manage.Manager
}

// The answers that are no page of their own.
var (
	errNoPage  = &manage.Error{Kind: manage.NotFound, Text: "There is no such page."}
	errOldForm = errors.New("the form is too old")
)

// maxForm is how long a form may be: an alias can have thousands of recipients.
const maxForm = 1 << 20

// visit makes a handler of a route: it asks who it is, whether the page is for
// him, and whether a form is one of his session's.
func (p *page) visit(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{p: p, w: w, r: r, m: p.o.Manager()}
		number := cookieOf(r)
		if v.s = p.sessions.find(number); v.s == nil {
			p.ask(w, r)
			return
		}
		caller, err := v.who(rt.lasts)
		switch {
		case err != nil && rt.lasts:
			caller = v.s.is(nil)
		case err != nil:
			v.caller = v.s.is(nil)
			v.fail(err)
			return
		case caller == nil, !p.same(v.s.is(nil), caller): // deleted, disabled, or with another password
			p.sessions.end(number)
			setCookie(w, r, "")
			p.ask(w, r)
			return
		}
		v.caller = v.s.is(caller)
		if !rt.who(v.caller) {
			v.fail(errNoPage)
			return
		}
		if r.Method == http.MethodPost {
			if err := v.form(); err != nil {
				v.fail(err)
				return
			}
		}
		if err := rt.do(v); err != nil {
			v.fail(err)
		}
	})
}

// same reports whether somebody's password is the one that he signed in with.
func (p *page) same(was, is *manage.Caller) bool {
	old, now := was.Credential(), is.Credential()
	return old == now || p.o.Renewed(old, now)
}

// stays keeps the session of somebody who changed his own password.
func (v *visit) stays() error {
	c, err := v.m.CallerByID(v.r.Context(), v.caller.ID)
	if err == nil && c != nil {
		v.s.is(c)
	}
	return err
}

// who reads whose session it is. A page that needs no database does not wait long
// for one that hangs.
func (v *visit) who(lasts bool) (*manage.Caller, error) {
	ctx, cancel := v.r.Context(), func() {}
	if lasts {
		ctx, cancel = context.WithTimeout(ctx, time.Second)
	}
	defer cancel()
	return v.m.CallerByID(ctx, v.s.account)
}

// form reads a form and checks that it is one of the session's.
func (v *visit) form() error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return &manage.Error{Kind: manage.Invalid, Text: "That is more than a form may hold."}
		}
		return &manage.Error{Kind: manage.Invalid, Text: "The form cannot be read."}
	}
	if !v.s.fits(v.r.PostForm.Get("token")) {
		return errOldForm
	}
	return nil
}

// ask sends a visitor to the sign-in page, which brings him back.
func (p *page) ask(w http.ResponseWriter, r *http.Request) {
	to := "/signin"
	if r.Method == http.MethodGet && r.URL.Path != "/" && r.URL.Path != "/live.json" {
		to += "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
	}
	if r.URL.Path == "/live.json" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// to ends a form: the browser goes on with another page, and a reload does not
// send the form again. What was changed is served by then, if that takes no
// longer than a moment.
func (v *visit) to(path, format string, args ...any) error {
	v.served()
	if format != "" {
		v.s.tell(note{Text: fmt.Sprintf(format, args...)})
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// patience is how long a visitor waits for his change to be served.
const patience = 2 * time.Second

func (v *visit) served() {
	ctx, cancel := context.WithTimeout(v.r.Context(), patience)
	defer cancel()
	_ = v.p.o.Served(ctx) // it is committed, and will be
}

// hold waits before a refusal, and reports whether the visitor is still there.
func hold(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(min(d, longest)):
		return true
	case <-ctx.Done():
		return false
	}
}

// longest is for how long a refusal is held at most; a request may take a minute.
const longest = 20 * time.Second

func noWait(context.Context) error { return nil }

// id is the number in the path. What is none names nothing.
func (v *visit) id() (int64, error) {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, errNoPage
	}
	return id, nil
}

func (v *visit) read(f func(*manage.Tx) error) error {
	return v.m.Read(v.r.Context(), v.caller, f)
}

func (v *visit) write(f func(*manage.Tx) error) error {
	return v.m.Write(v.r.Context(), v.caller, f)
}

// show answers with a page.
func (v *visit) show(status int, body body) error {
	v.p.show(v.w, v.r, v, status, body)
	return nil
}

// fail answers with what went wrong.
func (v *visit) fail(err error) {
	status, f := v.fault(err)
	_ = v.show(status, f)
}

// fault is the page that tells an error. What is no fault of the visitor's is
// reported, and not told in detail.
func (v *visit) fault(err error) (int, *fault) {
	var e *manage.Error
	switch {
	case errors.As(err, &e):
		return statusOf(e), &fault{titleOf(e), e.Error()}
	case errors.Is(err, errOldForm):
		return http.StatusForbidden, &fault{"The form is too old", "It belongs to a session that has ended. Nothing was changed: go back, load the page again and repeat it."}
	case errors.Is(err, ErrNoData):
		return http.StatusServiceUnavailable, &fault{"No data yet", "The database has not been read yet, or not for too long. Try again in a moment."}
	}
	v.report(err)
	return http.StatusServiceUnavailable, &fault{"It did not work", downText}
}

const downText = "The database did not take this, perhaps because it cannot be reached now. Nothing was changed. Try again in a moment; the log of vmapd tells more."

func (v *visit) report(err error) {
	if v.r.Context().Err() == nil { // or the visitor has left
		v.p.o.Report(v.r.Method+" "+v.r.URL.Path, err)
	}
}

// asBlame is an error that the visitor is to blame for, with its status.
func asBlame(err error) (*manage.Error, int) {
	var e *manage.Error
	if !errors.As(err, &e) {
		return nil, 0
	}
	return e, statusOf(e)
}

func statusOf(e *manage.Error) int {
	switch e.Kind {
	case manage.Denied:
		return http.StatusForbidden
	case manage.NotFound:
		return http.StatusNotFound
	case manage.Conflict:
		return http.StatusConflict
	case manage.Exhausted:
		return http.StatusFailedDependency
	}
	return http.StatusUnprocessableEntity
}

func titleOf(e *manage.Error) string {
	switch e.Kind {
	case manage.Denied:
		return "Not allowed"
	case manage.NotFound:
		return "Not found"
	}
	return "That cannot be done"
}
