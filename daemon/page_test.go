package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/page"
	"github.com/vmapd/vmapd/dkim/dnscheck"
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
	if n := r.logins.guard.Stats().Attempts; n != 2 {
		t.Errorf("the guard has heard of %d attempts", n)
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

// The page tells a domain's keys with the record to publish, and what DNS showed
// last or shows now.
func TestKeysOf(t *testing.T) {
	r := newRig(t, basics+"[dkim]\nresolvers = [\"127.0.0.1:1\"]\n")
	initDatabase(t, r.database())
	change(t, r.database(), "UPDATE admin_domain SET enable_dkim = 1, dkim_key_selector = 'mail'")
	if _, err := r.keysOf(t.Context(), "example.com", false); !errors.Is(err, page.ErrNoData) {
		t.Errorf("before there is data: %v", err)
	}
	r.start(t).loaded(t)
	var keys page.Keys
	eventually(t, "a key is made", func() bool {
		var err error
		keys, err = r.keysOf(t.Context(), "Example.com", false)
		return err == nil && len(keys.List) == 1 && keys.List[0].Signs
	})
	k := keys.List[0]
	if k.Selector != "mail" || k.Algorithm != "rsa" || k.Bits != 2048 || k.Name != "mail._domainkey.example.com" || !strings.HasPrefix(k.Value, "v=DKIM1; k=rsa; p=") || !strings.Contains(k.Zone, "IN TXT") || keys.Note != "" {
		t.Errorf("%+v", keys)
	}
	r.records.report(dnscheck.Key{Domain: "example.com", Selector: "mail"}, dnscheck.Result{Code: dnscheck.NXDomain, Detail: "the name does not exist", Remedy: "publish it", Checked: time.Unix(1, 0)})
	keys, err := r.keysOf(t.Context(), "example.com", false)
	want := &page.Published{Code: "nxdomain", Detail: "the name does not exist", Remedy: "publish it", Checked: time.Unix(1, 0)}
	if diff := cmp.Diff(want, keys.List[0].DNS); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	keys, err = r.keysOf(t.Context(), "example.com", true)
	if err != nil || keys.List[0].DNS == nil || !keys.List[0].DNS.Unknown {
		t.Errorf("without a DNS server: %v %+v", err, keys.List[0].DNS)
	}
	keys, err = r.keysOf(t.Context(), "none.test", true)
	if err != nil || len(keys.List) != 0 || keys.Note == "" {
		t.Errorf("of no domain: %v %+v", err, keys)
	}
}
