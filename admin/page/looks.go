package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

//go:embed templates/*.html assets/*
var files embed.FS

// looks are the templates and the files that belong to them.
type looks struct {
	pages map[string]*template.Template // by name
	names map[string]string             // of a file, with the hash of what is in it
	files map[string][]byte             // by that name
}

func newLooks() *looks {
	l := &looks{pages: map[string]*template.Template{}, names: map[string]string{}, files: map[string][]byte{}}
	assets, _ := fs.Glob(files, "assets/*") // the pattern is right
	for _, name := range assets {
		b, _ := files.ReadFile(name) // it is there
		sum := sha256.Sum256(b)
		ext := path.Ext(name)
		hashed := strings.TrimSuffix(path.Base(name), ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		l.names[path.Base(name)], l.files[hashed] = "/assets/"+hashed, b
	}
	base := template.Must(template.New("").Funcs(l.functions()).ParseFS(files, "templates/layout.html", "templates/parts.html"))
	pages, _ := fs.Glob(files, "templates/page_*.html")
	for _, name := range pages {
		t := template.Must(template.Must(base.Clone()).ParseFS(files, name))
		l.pages[strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "page_"), ".html")] = t
	}
	return l
}

func (l *looks) functions() template.FuncMap {
	return template.FuncMap{
		"asset": func(name string) string { return l.names[name] },
		"formOf": func(f *form, token string) any {
			return struct {
				Form  *form
				Token string
			}{f, token}
		},
	}
}

// assets serves the files. Their names change with what is in them, so browsers
// may keep them.
func (l *looks) assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		b, ok := l.files[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
	})
}

// body is what a page tells.
type body interface {
	template() string
	title() string
}

// fault tells what went wrong.
type fault struct{ Title, Text string }

func (*fault) template() string { return "fault" }
func (f *fault) title() string  { return f.Title }

// view is what the templates see.
type view struct {
	Title   string
	Body    body
	Caller  *manage.Caller // nil: nobody has signed in
	Token   string
	Notes   []note
	Nav     []link
	Query   string // of the search over everything
	Version string
}

// link leads to a page.
type link struct {
	Text, Href string
	Here       bool
}

// show writes a page. It is made whole first, so that a template that fails
// leaves no half of one.
func (p *page) show(w http.ResponseWriter, r *http.Request, v *visit, status int, b body) {
	d := &view{Title: b.title(), Body: b, Version: p.o.Version}
	if v != nil && v.caller != nil {
		d.Caller, d.Token, d.Notes, d.Nav = v.caller, v.s.token, v.s.told(), navigation(v.caller, r.URL.Path)
		if r.URL.Path == "/search" {
			d.Query = r.URL.Query().Get("q")
		}
	}
	var out bytes.Buffer
	if err := p.looks.pages[b.template()].ExecuteTemplate(&out, "layout", d); err != nil {
		p.o.Report("template "+b.template(), err)
		http.Error(w, "The page cannot be shown; this is a bug, please report it.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // the visitor may have left
}

// navigation lists the pages that there are for somebody.
func navigation(c *manage.Caller, at string) []link {
	all := []struct {
		link
		who func(*manage.Caller) bool
	}{
		{link{Text: "Overview", Href: "/"}, administrators},
		{link{Text: "Domains", Href: "/domains"}, administrators},
		{link{Text: "Accounts", Href: "/accounts"}, administrators},
		{link{Text: "Aliases", Href: "/aliases"}, administrators},
		{link{Text: "Domain aliases", Href: "/domainaliases"}, administrators},
		{link{Text: "Relay domains", Href: "/relaydomains"}, administrators},
		{link{Text: "Resolver", Href: "/resolver"}, administrators},
		{link{Text: "Alarms", Href: "/alarms"}, administrators},
		{link{Text: "Health", Href: "/health"}, supers},
		{link{Text: "Audit log", Href: "/log"}, supers},
		{link{Text: "API tokens", Href: "/tokens"}, administrators},
		{link{Text: "My account", Href: "/me"}, everybody},
	}
	var shown []link
	for _, l := range all {
		if l.who(c) {
			l.Here = at == l.Href || l.Href != "/" && strings.HasPrefix(at, l.Href+"/")
			shown = append(shown, l.link)
		}
	}
	return shown
}
