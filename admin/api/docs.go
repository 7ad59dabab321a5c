package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

var (
	//go:embed openapi.yaml
	description []byte
	//go:embed docs.html.tmpl
	docsTemplate string
	//go:embed docs.css
	docsStyle string
)

// documents are the pages that everyone may read.
type documents struct {
	yaml, html []byte
	policy     string // Content-Security-Policy of the page
}

// newDocuments renders them, once. That what is embedded is right is for the
// tests to see.
func newDocuments() *documents {
	s, err := parseDescription(description)
	if err != nil {
		panic("openapi.yaml: " + err.Error())
	}
	var b bytes.Buffer
	data := struct {
		*specification
		Style template.CSS
	}{s, template.CSS(docsStyle)} //nolint:gosec // it is ours
	if err := template.Must(template.New("docs").Parse(docsTemplate)).Execute(&b, data); err != nil {
		panic("docs.html.tmpl: " + err.Error())
	}
	// The page has its one style sheet, and nothing else.
	sum := sha256.Sum256([]byte(docsStyle))
	return &documents{
		yaml: description, html: b.Bytes(),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
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
		a.set("Content-Security-Policy", d.policy)
	default:
		return nil, false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		a = &answer{status: http.StatusMethodNotAllowed}
		a.set("Allow", "GET, HEAD")
	}
	return a, true
}
