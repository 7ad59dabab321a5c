package api

import (
	"net/http"
	"net/url"
	"strings"
)

// match finds the route of a request. It is the ResponseWriter that the
// multiplexer is given, so that finding and doing are two things.
type match struct {
	route  *Route
	path   func(name string) string
	status int // what the multiplexer says if there is no route
	header http.Header
}

func (m *match) Header() http.Header         { return m.header }
func (m *match) WriteHeader(status int)      { m.status = status }
func (m *match) Write(b []byte) (int, error) { return len(b), nil }

func multiplexer() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range Routes() {
		pattern := r.Method + " " + r.Pattern
		if strings.HasSuffix(pattern, "/") {
			pattern += "{$}"
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
			if m, ok := w.(*match); ok {
				m.route, m.path = &r, req.PathValue
			}
		})
	}
	return mux
}

// find matches a method and an address. Whether a path ends with a slash does
// not matter.
func (s *server) find(method string, u *url.URL) *match {
	m := &match{header: http.Header{}}
	s.mux.ServeHTTP(m, &http.Request{Method: method, URL: canonical(u), Host: "localhost", Header: http.Header{}})
	return m
}

// canonical gives a path the slash that routes end with, but for those that end
// with a name.
func canonical(u *url.URL) *url.URL {
	c := *u
	end := "/"
	if strings.Contains(u.EscapedPath(), "/by-name/") {
		end = ""
	}
	if c.RawPath != "" {
		c.RawPath = strings.TrimRight(c.RawPath, "/") + end
	}
	c.Path = strings.TrimRight(c.Path, "/") + end
	return &c
}

// allowed lists the methods that a path has, "" if there is no such path.
func (m *match) allowed() string {
	if m.status == http.StatusMethodNotAllowed {
		return m.header.Get("Allow")
	}
	return ""
}
