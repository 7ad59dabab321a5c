package daemon

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
)

// The page is served with the daemon's other paths, until it is switched off.
func TestPage(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	change(t, r.database(), "UPDATE core_user SET password = '{PLAIN}Secret0x' WHERE username = 'admin'")
	r.start(t).loaded(t)
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", r.path("http")) }
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status := func(method, path, cookie, form string) (int, *http.Response) {
		t.Helper()
		req, err := http.NewRequest(method, "http://x"+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", cookie)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode, resp
	}
	for path, want := range map[string]int{"/": 303, "/signin": 200, "/livez": 200, "/readyz": 200, "/metrics": 200, "/domains": 303, "/nowhere": 404} {
		if got, _ := status(http.MethodGet, path, "", ""); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if got, _ := status(http.MethodPost, "/signin", "", "name=admin&password=wrong"); got != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", got)
	}
	got, resp := status(http.MethodPost, "/signin", "", "name=admin&password=Secret0x")
	if got != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		t.Fatalf("the right password: %d", got)
	}
	cookie := resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value
	for _, path := range []string{"/", "/live.json", "/health", "/resolver?address=info@example.com", "/resolver?login=user@example.com", "/domains/1", "/domains/1/dkim"} {
		if got, _ := status(http.MethodGet, path, cookie, ""); got != 200 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if n := strings.Count(r.log.String(), `"a login failed"`); n != 1 {
		t.Errorf("%d failed logins in the log", n)
	}
	r.write(t, basics+"[admin]\npage = false\n")
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := status(http.MethodGet, "/", cookie, ""); got != http.StatusNotFound {
		t.Errorf("switched off: %d", got)
	}
	if got, _ := status(http.MethodGet, "/livez", "", ""); got != 200 {
		t.Errorf("/livez without the page: %d", got)
	}
}
