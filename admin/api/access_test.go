package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// fill puts values into the wildcards of a pattern, so that nothing is deleted
// that later requests need.
func fill(r *Route) string {
	pk := "1"
	if r.Method == del {
		pk = "2000000000"
	}
	return strings.NewReplacer("{pk}", pk, "{account}", "1", "{name}", "one.test", "{domain}", "one.test").Replace(r.Pattern)
}

// TestAccess walks all routes: nobody gets in without a token, and whoever the
// table does not name is turned away whatever he sends.
func TestAccess(t *testing.T) {
	w := sqliteWorld(t)
	roles := map[string]*manage.Caller{
		"ann@one.test": {Role: manage.SimpleUsers}, "adm@one.test": {Role: manage.DomainAdmins}, "rita": {Role: manage.Resellers}, "root": {Role: manage.SuperAdmins},
	}
	for _, route := range Routes() {
		for _, who := range people {
			r := w.ask(who, route.Method, fill(&route), "not even JSON")
			want := 0
			switch {
			case who == "" || who == "wrong":
				want = http.StatusUnauthorized
			case !route.May(roles[who]):
				want = http.StatusForbidden
			}
			if want != 0 && r.status != want {
				t.Errorf("%q %s %s: status %d, want %d: %s", who, route.Method, route.Pattern, r.status, want, r.text)
			}
			if want == 0 && (r.status == http.StatusUnauthorized || r.status >= http.StatusInternalServerError) {
				t.Errorf("%q %s %s: status %d: %s", who, route.Method, route.Pattern, r.status, r.text)
			}
			w.h.(*server).throttle = newThrottle(time.Now) // forgets what was wrong
		}
	}
}

// TestRoutesDenyByDefault wants somebody to be named by every route: a nil May
// would be a panic, which is a 500, but not an open door.
func TestRoutesDenyByDefault(t *testing.T) {
	names := map[string]bool{}
	for _, r := range Routes() {
		if r.May == nil || (r.plan == nil) == (r.ask == nil) {
			t.Errorf("%s %s: wants May and either plan or ask", r.Method, r.Pattern)
		}
		if names[r.Name] {
			t.Errorf("two routes are called %s", r.Name)
		}
		names[r.Name] = true
		if r.Write() && r.Name != "bulk" && r.Name != "changePassword" && r.Name != "setForward" && r.May(&manage.Caller{Role: manage.SimpleUsers}) {
			t.Errorf("%s is open to users who administrate nothing", r.Name)
		}
	}
}

func TestUnauthorized(t *testing.T) {
	w := sqliteWorld(t)
	for _, tt := range []struct{ header, detail string }{
		{"", "Authentication credentials were not provided."},
		{"Basic cm9vdDp4", "Authentication credentials were not provided."},
		{"Token", "Invalid token."},
		{"Token " + strings.Repeat("f", 40), "Invalid token."},
		{"Token ' OR 1=1 --", "Invalid token."},
		{"Token " + strings.ToUpper(w.token("root")), "Invalid token."},
	} {
		r := httptest.NewRequest(get, "/api/v1/domains/", nil)
		if tt.header != "" {
			r.Header.Set("Authorization", tt.header)
		}
		got := w.send(r)
		if got.status != http.StatusUnauthorized || got.field("detail") != tt.detail || got.header.Get("WWW-Authenticate") != "Token" {
			t.Errorf("%q: %d %s %v", tt.header, got.status, got.text, got.header)
		}
	}
	if _, err := w.d.Exec(w.d.Rebind("UPDATE core_user SET is_active = ? WHERE username = 'rita'"), false); err != nil {
		t.Fatal(err)
	}
	if r := w.ask("rita", get, "/api/v1/domains/", nil); r.status != http.StatusUnauthorized {
		t.Errorf("a disabled account: %d", r.status)
	}
}

func TestThrottle(t *testing.T) {
	w := sqliteWorld(t)
	now := time.Unix(1e9, 0)
	w.o.Now = func() time.Time { return now }
	w.serve()
	from := func(addr, forwarded, token string) *reply {
		r := httptest.NewRequest(get, "/api/v1/domains/", nil)
		r.RemoteAddr = addr
		r.Header.Set("Authorization", "Token "+token)
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		return w.send(r)
	}
	for range wrongTokens {
		if r := from("[2001:db8::1]:1", "", w.token("wrong")); r.status != http.StatusUnauthorized {
			t.Fatalf("status %d", r.status)
		}
	}
	r := from("[2001:db8::2]:1", "", w.token("root"))
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "3" {
		t.Errorf("after many wrong tokens: %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	if r := from("[2001:db8:0:1::2]:1", "", w.token("root")); r.status != http.StatusOK {
		t.Errorf("another network: %d", r.status)
	}
	now = now.Add(forgiveEvery)
	if r := from("[2001:db8::1]:1", "", w.token("root")); r.status != http.StatusOK {
		t.Errorf("later: %d", r.status)
	}
	for range wrongTokens { // behind a proxy
		from("127.0.0.1:1", "203.0.113.1, 198.51.100.7", w.token("wrong"))
	}
	for forwarded, want := range map[string]int{"198.51.100.7": http.StatusTooManyRequests, "203.0.113.1": http.StatusOK, "": http.StatusOK} {
		if r := from("127.0.0.1:1", forwarded, w.token("root")); r.status != want {
			t.Errorf("forwarded for %q: %d, want %d", forwarded, r.status, want)
		}
	}
	if r := from("192.0.2.1:1", "198.51.100.7", w.token("root")); r.status != http.StatusOK {
		t.Error("somebody who is no proxy was believed")
	}
}

func TestThrottleIsBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	th := newThrottle(func() time.Time { return now })
	for i := range 3 * maxDebtors {
		th.failed(throttled(netipString(i)))
	}
	if n := len(th.debts); n > maxDebtors {
		t.Errorf("%d networks are remembered", n)
	}
}

func netipString(i int) string {
	return strings.Join([]string{"10", itoa(i >> 16 & 255), itoa(i >> 8 & 255), itoa(i & 255)}, ".")
}

func itoa(i int) string { return mb(int64(i)) }

func TestHeaders(t *testing.T) {
	w := sqliteWorld(t)
	for _, r := range []*reply{w.ask("root", get, "/api/v1/domains/", nil), w.ask("", get, "/api/v1/domains/", nil), w.ask("root", get, "/api/v1/nothing/", nil)} {
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Content-Type": "application/json",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		id := r.header.Get("X-Request-Id")
		if len(id) != 16 || r.status != http.StatusOK && r.field("request_id") != id {
			t.Errorf("request id %q: %s", id, r.text)
		}
	}
	if a, b := w.done[0].ID, w.done[1].ID; a == b {
		t.Error("two requests have one id")
	}
	r := w.ask("root", "TRACE", "/api/v1/domains/", nil)
	if r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("TRACE: %d, Allow %q", r.status, r.header.Get("Allow"))
	}
}

// TestRoot wants the handler of the control socket to know its caller.
func TestRoot(t *testing.T) {
	w := sqliteWorld(t)
	w.o.Root = true
	w.serve()
	if r := w.ask("", get, "/api/v1/log/", nil); r.status != http.StatusOK {
		t.Errorf("status %d: %s", r.status, r.text)
	}
	if w.done[0].Caller != "root" {
		t.Errorf("caller %q", w.done[0].Caller)
	}
}
