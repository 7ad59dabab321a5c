package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed openapi.yaml
var description []byte

//go:embed docs.html.tmpl
var pageTemplate string

// documents are the pages that everyone may read.
type documents struct {
	yaml, html []byte
}

// newDocuments renders them, once. What is embedded is held to be right by the
// tests.
func newDocuments() *documents {
	d := &documents{yaml: description}
	s, err := parseDescription(description)
	if err != nil {
		panic("openapi.yaml: " + err.Error())
	}
	var b bytes.Buffer
	if err := template.Must(template.New("docs").Parse(pageTemplate)).Execute(&b, s); err != nil {
		panic("docs.html.tmpl: " + err.Error())
	}
	d.html = b.Bytes()
	return d
}

// find answers a request for a document.
func (d *documents) find(r *http.Request) (*answer, bool) {
	a := &answer{status: http.StatusOK}
	switch r.URL.Path {
	case base + "openapi.yaml":
		a.raw = d.yaml
		a.set("Content-Type", "application/yaml; charset=utf-8")
	case "/docs/api/", "/docs/api":
		a.raw = d.html
		a.set("Content-Type", "text/html; charset=utf-8")
		// The page has one style sheet, in itself, and nothing else.
		a.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	default:
		return nil, false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		a = &answer{status: http.StatusMethodNotAllowed}
		a.set("Allow", "GET, HEAD")
	}
	return a, true
}
