package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

func TestSignIn(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("")
	v.wants(v.get("/domains?q=a"), http.StatusSeeOther)
	if to := v.get("/domains?q=a").to; to != "/signin?next=%2Fdomains%3Fq%3Da" {
		t.Errorf("sent to %s", to)
	}
	v.wants(v.get("/signin?next=/domains"), http.StatusOK, `value="/domains"`)
	for _, tt := range []struct {
		name, password string
		status         int
		text           string
	}{
		{"root", "wrong", http.StatusUnauthorized, "Name or password is wrong."},
		{"nobody", "Secret0", http.StatusUnauthorized, "Name or password is wrong."},
		{"", "", http.StatusUnauthorized, "Name or password is wrong."},
		{"nobody knows", "x", http.StatusServiceUnavailable, "Try again"},
	} {
		a := v.send("/signin", url.Values{"name": {tt.name}, "password": {tt.password}, "next": {"/log"}})
		v.wants(a, tt.status, tt.text, `value="/log"`, "!"+`type="password" value`)
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie", tt.name)
		}
	}
	a := v.send("/signin", url.Values{"name": {"ROOT"}, "password": {"Secret0"}, "next": {"/log"}})
	if a.status != http.StatusSeeOther || a.to != "/log" {
		t.Errorf("%d to %s", a.status, a.to)
	}
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"vmapd=", "Path=/", "HttpOnly", "SameSite=Strict"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %s: no %s", cookie, want)
		}
	}
	v.wants(v.get("/log"), http.StatusOK)
	v.wants(v.get("/signin"), http.StatusSeeOther)
	v.wants(v.post("/signout"), http.StatusSeeOther)
	v.wants(v.get("/log"), http.StatusSeeOther)
	w.quiet()
}

func TestNext(t *testing.T) {
	for path, want := range map[string]string{"": "/", "/domains?q=a": "/domains?q=a", "//evil.test": "/", `/\evil.test`: "/", "https://evil.test": "/", "/a\r\nb": "/", "evil": "/", "/\tevil": "/"} {
		if got := nextOf(path); got != want {
			t.Errorf("%q: %q", path, got)
		}
	}
}

// Behind TLS the cookie stays there, whether a proxy speaks it or we do.
func TestSecureCookie(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("")
	r, err := http.NewRequest(http.MethodPost, w.srv.URL+"/signin", strings.NewReader("name=root&password=Secret0"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Header.Set("X-Forwarded-For", "198.51.100.7, 203.0.113.9")
	cookie := v.do(r).header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-vmapd=") || !strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %s", cookie)
	}
	if from := w.logins[len(w.logins)-1].String(); from != "203.0.113.9" {
		t.Errorf("the guard hears of %s", from)
	}
}

func TestSecondFactor(t *testing.T) {
	w := openWorld(t, nil)
	dbtest.Exec(t, w.d, "UPDATE core_user SET totp_enabled = 1 WHERE username = 'root'")
	a := w.visitor("").send("/signin", url.Values{"name": {"root"}, "password": {"Secret0"}})
	if a.status != http.StatusForbidden || !strings.Contains(a.body, "second factor") || a.header.Get("Set-Cookie") != "" {
		t.Errorf("%d: %s", a.status, a.body)
	}
}

// A session ends by itself, with its account, and with its password; a role that
// changes is in force at once.
func TestSessionsEnd(t *testing.T) {
	w := openWorld(t, func(o *Options) {
		o.Renewed = func(_, is manage.Credential) bool { return is == manage.CredentialOf("{PLAIN}Renewed") }
	})
	root, adm, here, there := w.visitor("root"), w.visitor("adm@one.test"), w.visitor("ann@one.test"), w.visitor("ann@one.test")
	adm.wants(adm.get("/domains"), http.StatusOK)
	dbtest.Exec(t, w.d, "UPDATE core_user_groups SET group_id = 1 WHERE user_id = "+w.id("core_user", "username", "adm@one.test"))
	adm.wants(adm.get("/domains"), http.StatusNotFound)
	dbtest.Exec(t, w.d, "UPDATE core_user SET is_active = 0 WHERE username = 'adm@one.test'")
	adm.wants(adm.get("/me"), http.StatusSeeOther)

	here.wants(here.post("/me/password", "password", "wrong", "new_password", "Another12", "again", "Another12"), http.StatusUnprocessableEntity, "This is not the present password.")
	here.wants(here.post("/me/password", "password", "Secret2", "new_password", "Another12", "again", "Another13"), http.StatusUnprocessableEntity, "This is not the same.", "!Another1")
	here.wants(here.post("/me/password", "password", "Secret2", "new_password", "short", "again", "short"), http.StatusUnprocessableEntity, "too short")
	here.wants(here.post("/me/password", "password", "Secret2", "new_password", "Another12", "again", "Another12"), http.StatusSeeOther)
	here.wants(here.get("/me"), http.StatusOK, "The password is changed.")
	there.wants(there.get("/me"), http.StatusSeeOther)

	at := "/accounts/" + w.id("core_user", "username", "ann@one.test")
	root.wants(root.post(at, "username", "ann@one.test", "role", "SimpleUsers", "is_active", "on", "password", "Third333", "mailbox.use_domain_quota", "on"), http.StatusSeeOther)
	here.wants(here.get("/me"), http.StatusSeeOther)

	// A password that was changed elsewhere, by the API for one.
	elsewhere := w.visitor("cem@two.test")
	elsewhere.wants(elsewhere.get("/me"), http.StatusOK)
	dbtest.Exec(t, w.d, "UPDATE core_user SET password = '{PLAIN}Renewed' WHERE username = 'cem@two.test'")
	elsewhere.wants(elsewhere.get("/me"), http.StatusOK)
	dbtest.Exec(t, w.d, "UPDATE core_user SET password = '{PLAIN}Other' WHERE username = 'cem@two.test'")
	elsewhere.wants(elsewhere.get("/me"), http.StatusSeeOther)

	w.mu.Lock()
	w.now = w.now.Add(idleEnd + time.Second)
	w.mu.Unlock()
	root.wants(root.get("/me"), http.StatusSeeOther)
	w.quiet()
}

func TestSessionTable(t *testing.T) {
	now := time.Now()
	all := newSessions(func() time.Time { return now })
	first := all.begin(&manage.Caller{ID: 1})
	for range maxOfOne {
		now = now.Add(time.Second)
		all.begin(&manage.Caller{ID: 1})
	}
	if all.find(first) != nil || all.count(1) != maxOfOne {
		t.Errorf("%d sessions of one account", all.count(1))
	}
	for id := range int64(maxSessions + 10) {
		now = now.Add(time.Millisecond)
		all.begin(&manage.Caller{ID: id + 2})
	}
	if len(all.all) != maxSessions || all.count(1) != 0 {
		t.Errorf("%d sessions, of the first account %d", len(all.all), all.count(1))
	}
	number := all.begin(&manage.Caller{ID: 1})
	for range 5 {
		now = now.Add(idleEnd - time.Minute)
		if now.Sub(all.all[keyOf(t, all, 1)].began) > latestEnd {
			break
		}
		if all.find(number) == nil {
			t.Fatal("ended while it was used")
		}
	}
	if all.find(number) != nil {
		t.Error("goes on after a day")
	}
	if all.find("") != nil || all.find("x") != nil {
		t.Error("a session without a number")
	}
}

func keyOf(t *testing.T, all *sessions, account int64) [32]byte {
	for key, s := range all.all {
		if s.account == account {
			return key
		}
	}
	t.Fatal("no session")
	return [32]byte{}
}

// A form of another site is refused, with and without the cookie's session.
func TestForgery(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("root")
	token := v.token()
	other := w.visitor("rita").token()
	for _, tt := range []struct {
		name   string
		form   string
		header http.Header
		status int
	}{
		{"no token", "name=new.test", nil, http.StatusForbidden},
		{"empty token", "name=new.test&token=", nil, http.StatusForbidden},
		{"another's token", "name=new.test&token=" + other, nil, http.StatusForbidden},
		{"other origin", "name=new.test&token=" + token, http.Header{"Origin": {"https://evil.test"}}, http.StatusForbidden},
		{"null origin", "name=new.test&token=" + token, http.Header{"Origin": {"null"}}, http.StatusForbidden},
		{"cross-site", "name=new.test&token=" + token, http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		{"same-site", "name=new.test&token=" + token, http.Header{"Sec-Fetch-Site": {"same-site"}}, http.StatusForbidden},
		{"ours", "name=new.test&token=" + token, http.Header{"Origin": {w.srv.URL}, "Sec-Fetch-Site": {"same-origin"}}, http.StatusSeeOther},
	} {
		r, err := http.NewRequest(http.MethodPost, w.srv.URL+"/domains/new", strings.NewReader(tt.form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = tt.header.Clone()
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := v.do(r); a.status != tt.status {
			t.Errorf("%s: %d, want %d: %s", tt.name, a.status, tt.status, a.body)
		}
	}
	r, err := http.NewRequest(http.MethodPost, w.srv.URL+"/signin", strings.NewReader("name=root&password=Secret0"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"https://evil.test"}}
	if a := w.visitor("").do(r); a.status != http.StatusForbidden || a.header.Get("Set-Cookie") != "" {
		t.Errorf("sign-in from elsewhere: %d", a.status)
	}
	w.quiet()
}

// Every answer has the strict headers; pages are kept by nobody, the files by
// everybody.
func TestHeaders(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("root")
	for _, path := range []string{"/", "/signin", "/domains", "/nowhere", "/live.json", "/domains/0"} {
		h := v.get(path).header
		for name, want := range map[string]string{"Content-Security-Policy": policy, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s: %q", path, name, got)
			}
		}
	}
	page := v.get("/").body
	if strings.Contains(page, "style=") || strings.Contains(page, "http://") || strings.Contains(page, "onclick") {
		t.Error("the page has what its policy forbids")
	}
	for _, name := range []string{"style.css", "page.js", "icon.svg"} {
		at := newLooks().names[name]
		if !strings.Contains(page, at) {
			t.Errorf("%s is not in the page", at)
		}
		a := v.get(at)
		if a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", at, a.status, a.header)
		}
	}
	methods := []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodPost}
	for _, method := range methods {
		r, err := http.NewRequest(method, w.srv.URL+"/domains", nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := v.do(r); !slices.Contains([]int{http.StatusNotFound, http.StatusForbidden, http.StatusMethodNotAllowed}, a.status) {
			t.Errorf("%s: %d", method, a.status)
		}
	}
}

// Many visitors at the same time get what is theirs.
func TestManyAtTheSameTime(t *testing.T) {
	w := openWorld(t, nil)
	var all sync.WaitGroup
	for i := range 12 {
		name := []string{"root", "rita", "adm@one.test", "ann@one.test"}[i%4]
		v := w.visitor(name)
		all.Go(func() {
			for range 5 {
				v.wants(v.get("/me"), http.StatusOK, "<dd>"+name+"</dd>")
				v.wants(v.post("/me/forward", "recipients", "x@far.example"), map[bool]int{true: http.StatusSeeOther, false: http.StatusNotFound}[strings.Contains(name, "@")])
				if name == "root" {
					v.wants(v.get("/live.json"), http.StatusOK)
				}
			}
			v.wants(v.post("/signout"), http.StatusSeeOther)
			v.wants(v.get("/me"), http.StatusSeeOther)
		})
	}
	all.Wait()
	w.quiet()
}
