package page

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzForms sends anything to the forms, as each kind of visitor: no answer says
// that vmapd is to blame, none shows a password or tells of what is not his, and
// what is typed never becomes markup.
func FuzzForms(f *testing.F) {
	paths := []string{
		"/domains/new", "/domains/1", "/domains/2/delete", "/accounts/new", "/accounts/3", "/accounts/4", "/accounts/5/delete", "/aliases/new", "/aliases/5", "/domainaliases/new", "/domainaliases/1",
		"/relaydomains/new", "/relaydomains/3", "/tokens", "/tokens/2/revoke", "/me/password", "/me/forward", "/signout", "/domains/1/dkim", "/domains/1/dns", "/signin",
		"/domains/1/admin", "/domains/1/noadmin", "/domains/1/limits", "/accounts/3/sender", "/accounts/3/nosender", "/accounts/4/limits",
	}
	names := []string{"root", "rita", "adm@one.test", "ann@one.test"}
	f.Add(uint8(0), uint8(0), "name=new.test&quota=5&enabled=on")
	f.Add(uint8(3), uint8(2), "username=x@one.test&mailbox=on&mailbox.quota=1&password=Longer123&aliases=y@one.test,z@one.test")
	f.Add(uint8(7), uint8(2), "address=\"a,b\"@one.test&recipients=%0a,%22a,b%22@x.test&expire_at=2030-01-01T00:00")
	f.Add(uint8(10), uint8(1), "name=%ff%00&target=one.test")
	f.Add(uint8(11), uint8(0), "name=r.test&transport.relay_target_host=[2001:db8::1]&transport.relay_target_port=99999999999999999999")
	f.Add(uint8(16), uint8(3), "recipients=<script>@x.test&keepcopies=on")
	f.Add(uint8(1), uint8(0), "name=%3Cimg%20src%3Dx%3E&quota=-1&message_limit=1e3")
	f.Add(uint8(21), uint8(1), "account=adm@one.test")
	f.Add(uint8(23), uint8(0), "mailboxes=5&domain_admins=-1&quota=9223372036854775808")
	f.Add(uint8(24), uint8(2), "address=@one.test")
	w := openWorld(f, nil)
	handler := w.srv.Config.Handler
	cookies, tokens := map[string]string{}, map[string]string{}
	enter := func(name string) {
		rec := request(handler, http.MethodPost, "/signin", "", "name="+url.QueryEscape(name)+"&password="+passwords[name])
		cookie, _, _ := strings.Cut(rec.Header().Get("Set-Cookie"), ";")
		cookies[name] = cookie
		if found := tokenField.FindStringSubmatch(request(handler, http.MethodGet, "/me", cookie, "").Body.String()); found != nil {
			tokens[name] = found[1]
		}
	}
	f.Fuzz(func(t *testing.T, path, who uint8, form string) {
		name := names[int(who)%len(names)]
		at := paths[int(path)%len(paths)]
		if request(handler, http.MethodGet, "/me", cookies[name], "").Code != http.StatusOK {
			enter(name)
		}
		for _, body := range []string{form, form + "&token=" + tokens[name]} {
			rec := request(handler, http.MethodPost, at, cookies[name], body)
			if rec.Code >= http.StatusInternalServerError || rec.Code < http.StatusOK {
				t.Fatalf("%s as %s: %d with %q: %s; %v", at, name, rec.Code, form, rec.Body, w.reported)
			}
			judgeAnswer(t, name, rec)
		}
		for _, path := range []string{at, "/", "/domains", "/accounts", "/aliases?q=" + url.QueryEscape(form), "/resolver?address=" + url.QueryEscape(form)} {
			rec := request(handler, http.MethodGet, path, cookies[name], "")
			if rec.Code >= http.StatusInternalServerError {
				t.Fatalf("%s as %s: %d after %q: %s; %v", path, name, rec.Code, form, rec.Body, w.reported)
			}
			judgeAnswer(t, name, rec)
		}
	})
}

// judgeAnswer fails for what no answer may have. Fuzzed names cannot be told
// from real ones, so of what is not his only the untouched domain is looked for.
func judgeAnswer(t *testing.T, name string, rec *httptest.ResponseRecorder) {
	t.Helper()
	body := rec.Body.String()
	for _, bad := range []string{"{PLAIN}", "<img", "sql:", "SQL logic", "UNIQUE constraint", "style=\"", "<no value>", "ZgotmplZ"} {
		if strings.Contains(body, bad) {
			t.Fatalf("%s: %q is in the answer: %s", name, bad, body)
		}
	}
	if strings.Count(body, "<script") > 1 {
		t.Fatalf("%s: a script: %s", name, body)
	}
	if strings.Contains(rec.Header().Get("Location"), "//") {
		t.Fatalf("%s: sent to %s", name, rec.Header().Get("Location"))
	}
}

func request(h http.Handler, method, path, cookie, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// FuzzLines reads lists of addresses as people type them: nothing that is no
// separator is lost.
func FuzzLines(f *testing.F) {
	f.Add("a@x.test\nb@x.test, c@x.test\r\n\"d,e\"@x.test")
	f.Add("\"")
	f.Fuzz(func(t *testing.T, typed string) {
		form := &form{Fields: []*field{area("l", "", nil, "")}}
		form.fill(url.Values{"l": {typed}})
		got := form.lines("l")
		bare := strings.NewReplacer("\n", "", "\r", "", ",", "", " ", "", "\t", "")
		for _, s := range got.Value {
			if s != strings.TrimSpace(s) || s == "" || strings.ContainsAny(s, "\r\n") {
				t.Errorf("%q in %q", s, got.Value)
			}
		}
		if a, b := bare.Replace(strings.Join(got.Value, "")), bare.Replace(typed); !got.Set || strings.TrimSpace(a) != strings.TrimSpace(b) && !strings.ContainsAny(typed, "\v\f\u0085\u00a0") {
			t.Errorf("%q became %q", typed, got.Value)
		}
	})
}
