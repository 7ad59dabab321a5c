package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db"
)

// apiClient asks one socket.
type apiClient struct {
	t      *testing.T
	socket string
	token  string
}

// do sends a request and returns status, header and what the answer says.
func (c *apiClient) do(method, path, body string) (int, http.Header, any) {
	c.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.socket)
	}}}
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://vmapd"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Token "+c.token)
	}
	resp, err := client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var v any
	if resp.Header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(text, &v); err != nil {
			c.t.Fatal(err)
		}
	} else {
		v = string(text)
	}
	return resp.StatusCode, resp.Header, v
}

// must is do of what has to be answered with a status.
func (c *apiClient) must(status int, method, path, body string) (http.Header, any) {
	c.t.Helper()
	got, h, v := c.do(method, path, body)
	if got != status {
		c.t.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, v)
	}
	return h, v
}

func apiRig(t *testing.T, extra string) (r *rig, web, control *apiClient) {
	t.Helper()
	r = newRig(t, basics+extra)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	d, err := db.Open("sqlite:"+r.database(), db.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	web = &apiClient{t: t, socket: r.path("http")}
	if err := d.QueryRow("SELECT key FROM authtoken_token").Scan(&web.token); err != nil {
		t.Fatal(err)
	}
	return r, web, &apiClient{t: t, socket: ControlPath(r.dir)}
}

// TestAPIServes wants what was answered with ?wait=served to be what Postfix is
// told from then on.
func TestAPIServes(t *testing.T) {
	r, web, control := apiRig(t, "")
	if status, _, v := (&apiClient{t: t, socket: web.socket}).do(http.MethodGet, "/api/v1/domains/", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %v", status, v)
	}
	for i, c := range []*apiClient{web, control} {
		name := []string{"web.test", "control.test"}[i]
		h, _ := c.must(http.StatusCreated, http.MethodPost, "/api/v1/domains/?wait=served", `{"name": "`+name+`"}`)
		if h.Get("X-Served") != "yes" {
			t.Errorf("X-Served %q", h.Get("X-Served"))
		}
		_, v := c.must(http.StatusOK, http.MethodGet, "/api/v1/lookup?table=domains&key="+name, "")
		if v.(map[string]any)["found"] != true {
			t.Errorf("%s is not served: %v", name, v)
		}
		c.must(http.StatusNoContent, http.MethodDelete, "/api/v1/domains/by-name/"+name+"?wait=served", "")
		_, v = c.must(http.StatusOK, http.MethodGet, "/api/v1/explain?address=a@"+name, "")
		if text, _ := json.Marshal(v); strings.Contains(string(text), `"table":"admin_domain"`) {
			t.Errorf("%s is still served: %s", name, text)
		}
	}
	_, v := web.must(http.StatusOK, http.MethodGet, "/api/v1/status", "")
	if v.(map[string]any)["ready"] != true {
		t.Errorf("status: %v", v)
	}
	_, v = web.must(http.StatusOK, http.MethodGet, "/api/v1/explain?login=user@example.com&service=imap", "")
	if len(v.(map[string]any)["steps"].([]any)) == 0 {
		t.Errorf("explain: %v", v)
	}
	text := scrape(t, r.metrics)
	for _, line := range []string{`vmapd_http_requests_total{route="createDomain",status="201"} 2`, `vmapd_http_requests_total{route="none",status="401"} 1`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
	if !strings.Contains(r.log.String(), `"caller":"admin"`) {
		t.Error("the log does not say who made a domain")
	}
}

// TestAPIWithoutDatabase wants a database that is away to be a 503 with a remedy.
func TestAPIWithoutDatabase(t *testing.T) {
	r, web, _ := apiRig(t, "")
	if err := os.Rename(r.database(), r.database()+".away"); err != nil {
		t.Fatal(err)
	}
	r.Daemon.mu.Lock()
	r.Daemon.database.write.SetMaxIdleConns(0) // an open file would do
	r.Daemon.database.read.SetMaxIdleConns(0)
	r.Daemon.mu.Unlock()
	h, v := web.must(http.StatusServiceUnavailable, http.MethodGet, "/api/v1/domains/", "")
	o := v.(map[string]any)
	if h.Get("Retry-After") == "" || o["remedy"] == "" || !strings.Contains(o["detail"].(string), "not available") {
		t.Errorf("%v %v", h, o)
	}
}

// TestAPIKeys makes, lists and rotates DKIM keys, and never sees the path of one.
func TestAPIKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	_, web, _ := apiRig(t, "[dkim]\nkey_dir = "+quote(dir)+"\ngenerate = \"never\"\nresolvers = [\"127.0.0.1:9\"]\n")
	say := func(v any) string {
		text, _ := json.Marshal(v)
		if strings.Contains(string(text), dir) || strings.Contains(string(text), "PRIVATE") {
			t.Errorf("an answer tells too much: %s", text)
		}
		return string(text)
	}
	_, v := web.must(http.StatusCreated, http.MethodPost, "/api/v1/dkim/example.com", `{"selector": "first", "bits": 2048}`)
	key := v.(map[string]any)
	record := key["record"].(map[string]any)
	if key["stage"] != "active" || record["name"] != "first._domainkey.example.com" || !strings.HasPrefix(record["text"].(string), "v=DKIM1;") {
		t.Errorf("made: %s", say(v))
	}
	_, v = web.must(http.StatusOK, http.MethodPost, "/api/v1/dkim/example.com/rotate", "")
	if v.(map[string]any)["made"] != true {
		t.Errorf("rotated: %s", say(v))
	}
	_, v = web.must(http.StatusOK, http.MethodGet, "/api/v1/dkim/", "")
	if n := len(v.([]any)); n != 2 {
		t.Errorf("%d keys: %s", n, say(v))
	}
	_, v = web.must(http.StatusOK, http.MethodGet, "/api/v1/dkim/example.com/dns", "")
	if n := len(v.([]any)); n != 2 {
		t.Errorf("%d records: %s", n, say(v))
	}
	_, v = web.must(http.StatusOK, http.MethodGet, "/api/v1/dkim/example.com/check", "")
	if c := v.([]any)[0].(map[string]any); c["works"] != false || c["dns"] == nil {
		t.Errorf("checked: %s", say(v))
	}
	for body, want := range map[string]int{
		`{"selector": "first"}`: http.StatusBadRequest, `{"selector": "../up"}`: http.StatusBadRequest, `{"algorithm": "md5"}`: http.StatusBadRequest,
		`{"algorithm": "ed25519", "bits": 2048}`: http.StatusBadRequest, `{"bits": 12}`: http.StatusBadRequest, `{"size": 1}`: http.StatusBadRequest,
	} {
		_, v := web.must(want, http.MethodPost, "/api/v1/dkim/example.com", body)
		say(v)
	}
	for _, path := range []string{"/api/v1/dkim/nowhere.test", "/api/v1/dkim/nowhere.test/dns"} {
		_, v := web.must(http.StatusNotFound, http.MethodGet, path, "")
		say(v)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if os.Geteuid() != 0 { // root may write everywhere
		_, v = web.must(http.StatusConflict, http.MethodPost, "/api/v1/dkim/example.com", `{"selector": "last"}`)
		say(v)
	}
}

// TestHTTPWithoutTLS wants a warning where tokens would cross a network in clear.
func TestHTTPWithoutTLS(t *testing.T) {
	for address, warned := range map[string]bool{"inet:192.0.2.1:8025\"\nallow = [\"192.0.2.0/24\"]": true, "inet:127.0.0.1:8025\"": false, "unix:/run/vmapd/http\"": false} {
		file := filepath.Join(t.TempDir(), "vmapd.toml")
		if err := os.WriteFile(file, []byte("[[listen]]\nprotocol = \"http\"\naddress = \""+address+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "in clear") }); got != warned {
			t.Errorf("%s: warnings %q", address, c.Warnings)
		}
	}
}
