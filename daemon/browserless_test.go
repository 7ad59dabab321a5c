package daemon

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// browser visits the web page: it keeps cookies and follows redirections.
type browser struct {
	t testing.TB
	http.Client
}

func newBrowser(t testing.TB, socket string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}}
}

func (b *browser) get(path string) string {
	b.t.Helper()
	return b.read(b.Get("http://vmapd" + path))
}

func (b *browser) post(path string, form url.Values) string {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://vmapd"+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.read(b.Do(r))
}

// read returns the text of an answer.
func (b *browser) read(resp *http.Response, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}
