package page

import (
	"net/http"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// signInPage asks who it is.
type signInPage struct {
	Name, Next, Error string
}

func (*signInPage) template() string { return "signin" }
func (*signInPage) title() string    { return "Sign in" }

func (p *page) signInForm(w http.ResponseWriter, r *http.Request) {
	if s := p.sessions.find(cookieOf(r)); s != nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.show(w, r, nil, http.StatusOK, &signInPage{Next: nextOf(r.URL.Query().Get("next"))})
}

// nextOf is a page of ours that a visitor wanted, "/" for anything else: a
// browser takes "//host" and "/\host" for other places.
func nextOf(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}

// signIn begins a session. The guard counts wrong passwords and says for how
// long to hold the answer; a refusal never tells why.
func (p *page) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := r.ParseForm(); err != nil {
		p.show(w, r, nil, http.StatusBadRequest, &signInPage{Next: "/", Error: "The form cannot be read."})
		return
	}
	f := &signInPage{Name: strings.TrimSpace(r.PostForm.Get("name")), Next: nextOf(r.PostForm.Get("next"))}
	in := p.o.Login(r.Context(), f.Name, r.PostForm.Get("password"), remote(r))
	switch {
	case in.Unsure:
		f.Error = "Nobody can say now whether the password is right. Try again in a moment."
		p.show(w, r, nil, http.StatusServiceUnavailable, f)
	case in.Name == "":
		if !hold(r.Context(), in.Delay) {
			return
		}
		f.Error = "Name or password is wrong."
		p.show(w, r, nil, http.StatusUnauthorized, f)
	default:
		p.enter(w, r, f, in.Name)
	}
}

// enter lets somebody in whose password was right.
func (p *page) enter(w http.ResponseWriter, r *http.Request, f *signInPage, name string) {
	m := p.o.Manager()
	caller, err := m.CallerByName(r.Context(), name)
	second := false
	if err == nil && caller != nil {
		second, err = hasSecondFactor(r, m, caller)
	}
	switch {
	case err != nil:
		p.o.Report("sign in", err)
		f.Error = "The database cannot be asked who you are. Try again in a moment."
		p.show(w, r, nil, http.StatusServiceUnavailable, f)
	case caller == nil:
		f.Error = "Name or password is wrong."
		p.show(w, r, nil, http.StatusUnauthorized, f)
	case second:
		f.Error = "This account has a second factor, which this page cannot ask for. Use the API with a token, or Modoboa's own page."
		p.show(w, r, nil, http.StatusForbidden, f)
	default:
		p.sessions.end(cookieOf(r)) // a number never outlives a sign-in
		setCookie(w, r, p.sessions.begin(caller))
		http.Redirect(w, r, f.Next, http.StatusSeeOther)
	}
}

func hasSecondFactor(r *http.Request, m *manage.Manager, c *manage.Caller) (yes bool, err error) {
	err = m.Read(r.Context(), c, func(t *manage.Tx) error {
		a, err := t.Account(c.ID)
		if err == nil {
			yes = a.TwoFactor
		}
		return err
	})
	return yes, err
}

func (p *page) signOut(v *visit) error {
	p.sessions.end(cookieOf(v.r))
	setCookie(v.w, v.r, "")
	v.w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(v.w, v.r, "/signin", http.StatusSeeOther)
	return nil
}
