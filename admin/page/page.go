package page

import (
	"net/http"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// page is the page at work.
type page struct {
	o        Options
	sessions *sessions
	looks    *looks
	forgery  *http.CrossOriginProtection
	mux      *http.ServeMux
}

// New returns the page. It serves "/" and what is below; paths that others serve
// are theirs. It panics if one of its own templates is broken.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(string, error) {}
	}
	if o.Served == nil {
		o.Served = noWait
	}
	if o.Renewed == nil {
		o.Renewed = func(_, _ manage.Credential) bool { return false }
	}
	p := &page{o: o, sessions: newSessions(o.Now), looks: newLooks(), forgery: http.NewCrossOriginProtection(), mux: http.NewServeMux()}
	p.forgery.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.show(w, r, nil, http.StatusForbidden, &fault{"Not from here", "Your browser says that this request was made by another site, so it was not carried out."})
	}))
	p.mux.Handle("GET /assets/", p.looks.assets())
	p.mux.HandleFunc("GET /signin", p.signInForm)
	p.mux.HandleFunc("POST /signin", p.signIn)
	for _, r := range p.routes() {
		p.mux.Handle(r.pattern, p.visit(r))
	}
	p.mux.Handle("/", p.nowhere())
	return strict(p.forgery.Handler(p.mux))
}

// nowhere answers for paths that nobody serves, to strangers too: there is
// nothing to sign in for.
func (p *page) nowhere() http.Handler {
	known := p.visit(route{who: everybody, do: func(*visit) error { return errNoPage }})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.sessions.find(cookieOf(r)) != nil {
			known.ServeHTTP(w, r)
			return
		}
		p.show(w, r, nil, http.StatusNotFound, &fault{titleOf(errNoPage), errNoPage.Text})
	})
}

// route is a page and for whom it is.
type route struct {
	pattern string // of http.ServeMux
	who     func(*manage.Caller) bool
	do      func(*visit) error
	// lasts says that the page asks the database nothing: while that is down it
	// is there for those who had signed in before.
	lasts bool
}

func everybody(*manage.Caller) bool        { return true }
func administrators(c *manage.Caller) bool { return c.Administrates() }
func supers(c *manage.Caller) bool         { return c.Super() }

// makers may make objects of a kind.
func makers(o manage.Object) func(*manage.Caller) bool {
	return func(c *manage.Caller) bool { return c.Administrates() && c.May(o) }
}

// routes lists all pages but signing in. What is not here does not exist.
func (p *page) routes() []route {
	all := []route{
		{"GET /{$}", everybody, p.overview, true},
		{"GET /live.json", supers, p.liveJSON, true},
		{"POST /signout", everybody, p.signOut, true},
		{"GET /search", administrators, p.search, false},
		{"GET /resolver", administrators, p.resolver, true},
		{"GET /domains/{id}/dkim", administrators, p.dkim, false},
		{"POST /domains/{id}/dkim", administrators, p.dkim, false},
		{"GET /alarms", administrators, p.alarms, false},
		{"GET /alarms/{id}", administrators, p.alarm, false},
		{"POST /alarms/{id}", administrators, p.alarm, false},
		{"GET /domains/{id}/dns", administrators, p.dns, false},
		{"POST /domains/{id}/dns", administrators, p.dns, false},
		{"GET /health", supers, p.health, true},
		{"GET /log", supers, p.log, false},
		{"GET /tokens", administrators, p.tokens, false},
		{"POST /tokens", administrators, p.makeToken, false},
		{"GET /tokens/{id}/revoke", administrators, p.revokeToken, false},
		{"POST /tokens/{id}/revoke", administrators, p.revokeToken, false},
		{"GET /me", everybody, p.me, false},
		{"POST /me/password", everybody, p.myPassword, false},
		{"POST /me/forward", everybody, p.myForward, false},
	}
	for _, k := range p.kinds() {
		all = append(all, k.routes(p)...)
	}
	return all
}
