package page

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db/dbtest"
)

// Each kind of object is made, changed and deleted by its forms, on each engine.
func TestObjects(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) { testObjects(t, openWorldAt(t, url, nil)) })
}

func testObjects(t *testing.T, w *world) {
	v := w.visitor("root")
	for _, tt := range []struct {
		path, table, column, name string
		make, change              []string
		shows                     []string // after the change
		wrong                     []string // a form that is refused
		blame                     string
	}{
		{
			"/domains", "admin_domain", "name", "new.test",
			[]string{"name", "New.test", "enabled", "on", "quota", "500", "default_mailbox_quota", "50", "dkim_key_selector", "s1"},
			[]string{"name", "new.test", "quota", "600", "default_mailbox_quota", "60", "message_limit", "7", "dkim_key_selector", "s1"},
			[]string{`value="600"`, `value="7"`, "Delete new.test"},
			[]string{"name", "one.test", "quota", "5"},
			"already exists",
		},
		{
			"/relaydomains", "admin_domain", "name", "far.test",
			[]string{"name", "far.test", "enabled", "on", "transport.relay_target_host", "192.0.2.9", "transport.relay_target_port", "26"},
			[]string{"name", "far.test", "transport.relay_target_host", "mx.far.test", "transport.relay_target_port", "", "transport.relay_verify_recipients", "on"},
			[]string{`value="mx.far.test"`},
			[]string{"name", "other.test", "transport.relay_target_host", "", "transport.relay_target_port", "70000"},
			"up to 65535",
		},
		{
			"/domainaliases", "admin_domainalias", "name", "other.test",
			[]string{"name", "other.test", "target", "one.test", "enabled", "on"},
			[]string{"name", "other.test", "target", "two.test"},
			[]string{`value="two.test"`},
			[]string{"name", "third.test", "target", "none.test"},
			"does not exist",
		},
		{
			"/accounts", "core_user", "username", "bob@one.test",
			[]string{"username", "bob@one.test", "role", "SimpleUsers", "is_active", "on", "mailbox", "on", "mailbox.use_domain_quota", "on", "aliases", "b@one.test"},
			[]string{"username", "bob@one.test", "role", "SimpleUsers", "is_active", "on", "first_name", "Bob", "mailbox.quota", "20"},
			[]string{`value="Bob"`, `value="20"`, "Where does mail go?"},
			[]string{"username", "ann@one.test", "role", "SimpleUsers", "password", "Weak", "mailbox", "on"},
			"already exists",
		},
		{
			"/aliases", "admin_alias", "address", "post@one.test",
			[]string{"address", "post@one.test", "recipients", "ann@one.test\r\nx@far.example", "enabled", "on"},
			[]string{"address", "post@one.test", "recipients", "ann@one.test", "enabled", "on", "expire_at", "2030-12-31T18:00"},
			[]string{`value="2030-12-31T18:00"`, "ann@one.test"},
			[]string{"address", "post", "recipients", "y@far.example", "expire_at", "soon"},
			"A time is wanted",
		},
	} {
		t.Run(tt.path, func(t *testing.T) {
			v.w.t = t
			v.wants(v.post(tt.path+"/new", tt.wrong...), http.StatusUnprocessableEntity, tt.blame, `aria-invalid="true"`, "!name=\"token\" value=\"\"")
			v.wants(v.post(tt.path+"/new", tt.make...), http.StatusSeeOther)
			at := tt.path + "/" + w.id(tt.table, tt.column, tt.name)
			v.wants(v.get(at), http.StatusOK, tt.name+" is made.", `value="`+tt.name+`"`)
			v.wants(v.get(at), http.StatusOK, "!"+tt.name+" is made")
			v.wants(v.get(tt.path+"?q="+tt.name[:3]), http.StatusOK, `href="`+at+`"`)
			v.wants(v.get("/search?q="+url.QueryEscape(strings.ToUpper(tt.name))), http.StatusOK, `href="`+at+`"`)
			a := v.post(at, tt.change...)
			v.wants(a, http.StatusSeeOther)
			v.wants(v.get(a.to), http.StatusOK, append(tt.shows, "is saved")...)
			v.wants(v.get(at+"/delete"), http.StatusOK, "cannot be undone")
			v.wants(v.get(at), http.StatusOK) // asking did nothing
			v.wants(v.post(at+"/delete"), http.StatusSeeOther)
			v.wants(v.get(at), http.StatusNotFound)
			v.wants(v.post(at+"/delete"), http.StatusNotFound)
		})
	}
	w.quiet()
}

// A password that is made is told once, to him who made the account.
func TestPasswordIsShownOnce(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("root")
	a := v.post("/accounts/new", "username", "bob@one.test", "role", "SimpleUsers", "is_active", "on", "mailbox", "on", "mailbox.use_domain_quota", "on")
	v.wants(a, http.StatusSeeOther)
	shown := regexp.MustCompile(`<code>([^<]{12,})</code>`).FindStringSubmatch(v.get(a.to).body)
	if shown == nil {
		t.Fatal("no password")
	}
	in := w.visitor("").send("/signin", url.Values{"name": {"bob@one.test"}, "password": {shown[1]}})
	if in.status != http.StatusSeeOther {
		t.Errorf("the password does not work: %d", in.status)
	}
	v.wants(v.get(a.to), http.StatusOK, "!"+shown[1])
}

// What was typed stays in a form that is refused, but for passwords; what is
// wrong stands beside its field.
func TestNothingTypedIsLost(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("root")
	a := v.post("/accounts/new", "username", "ann@one.test", "first_name", `A "quoted" <name>`, "password", "Weak", "role", "DomainAdmins",
		"mailbox", "on", "mailbox.quota", "many", "domains", "one.test\ntwo.test", "aliases", "a@one.test")
	v.wants(a, http.StatusUnprocessableEntity, `value="A &#34;quoted&#34; &lt;name&gt;"`, "one.test\ntwo.test", "a@one.test", `value="DomainAdmins" selected`,
		"A whole number is wanted", "!Weak", `value="many"`)
	a = v.post("/accounts/new", "username", "eve@one.test", "password", "Weak", "role", "SimpleUsers", "mailbox", "on")
	v.wants(a, http.StatusUnprocessableEntity, "too short", "!Weak", `id="f-password-error"`)
	var dns string
	v.wants(v.post("/domains/new", "name", "", "quota", "-5", "dkim_key_selector", "a b"), http.StatusUnprocessableEntity, `value="-5"`, `value="a b"`)
	if w.d.QueryRowContext(context.Background(), "SELECT name FROM admin_domain WHERE name = ''").Scan(&dns) == nil {
		t.Error("a domain without a name")
	}
	w.quiet()
}

// A domain administrator sees and changes what is his, and nothing else.
func TestDomainAdministrator(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("adm@one.test")
	for _, path := range []string{"/", "/domains", "/accounts", "/aliases", "/domainaliases", "/search?q=test"} {
		v.wants(v.get(path), http.StatusOK, "!two.test</a>", "!sales@", "!relay.test</a>")
	}
	one, two := w.id("admin_domain", "name", "one.test"), w.id("admin_domain", "name", "two.test")
	v.wants(v.get("/domains/"+one), http.StatusOK, "one.test", "!Delete one.test", "!<form class=\"edit\"")
	v.wants(v.post("/domains/"+one, "name", "hijacked.test"), http.StatusNotFound)
	v.wants(v.post("/domains/"+two+"/dkim"), http.StatusNotFound)
	v.wants(v.post("/domains/new", "name", "mine.test"), http.StatusNotFound)
	cem, sales := w.id("core_user", "username", "cem@two.test"), w.id("admin_alias", "address", "sales@two.test")
	for _, path := range []string{"/accounts/" + cem, "/accounts/" + cem + "/delete", "/aliases/" + sales, "/aliases/" + sales + "/delete"} {
		v.wants(v.post(path, "username", "cem@two.test", "address", "sales@two.test", "recipients", "adm@one.test"), http.StatusNotFound)
	}
	v.wants(v.post("/accounts/new", "username", "x@two.test", "mailbox", "on"), http.StatusUnprocessableEntity)
	v.wants(v.post("/aliases/new", "address", "x@two.test", "recipients", "adm@one.test"), http.StatusUnprocessableEntity)
	v.wants(v.post("/accounts/new", "username", "boss@one.test", "role", "SuperAdmins", "mailbox", "on", "mailbox.use_domain_quota", "on"), http.StatusSeeOther)
	var super bool
	if err := w.d.QueryRowContext(t.Context(), "SELECT is_superuser FROM core_user WHERE username = 'boss@one.test'").Scan(&super); err != nil || super {
		t.Errorf("a super administrator: %v %v", super, err)
	}
	v.wants(v.get("/accounts/new"), http.StatusOK, "!SuperAdmins", "!Administrates")
	v.wants(v.get("/me"), http.StatusOK, "!/log", "!/health")
	v.wants(v.post("/tokens", "username", "root"), http.StatusNotFound, "no such account", "!shown this once")
	v.wants(v.post("/tokens", "username", "adm@one.test"), http.StatusSeeOther)
	v.wants(v.get("/tokens"), http.StatusOK, "shown this once", "!>root<")
	w.quiet()
}

// The way of mail ends for a domain administrator where it leaves what is his.
func TestResolverOfDomainAdministrator(t *testing.T) {
	w := openWorld(t, nil)
	root, v := w.visitor("root"), w.visitor("adm@one.test")
	root.wants(root.get("/resolver?address=INFO%40one.test"), http.StatusOK, "DELIVERED to mailbox cem@two.test", "SENT OUT: x@far.test", "admin_alias")
	v.wants(v.get("/resolver?address=INFO%40one.test"), http.StatusOK, "DELIVERED to mailbox ann@one.test", "!DELIVERED to mailbox cem@two.test", "ELSEWHERE: cem@two.test", "SENT OUT: x@far.test")
	v.wants(v.get("/resolver?address=info%40alias.test"), http.StatusOK, "DELIVERED to mailbox ann@one.test")
	v.wants(v.get("/resolver?address=sales%40two.test"), http.StatusNotFound, "none of yours", "!cem@")
	root.wants(root.get("/resolver?address=nonsense"), http.StatusOK, "is not a mail address")
	root.wants(root.get("/resolver?login=ann%40one.test"), http.StatusOK, "The login works")
	v.wants(v.get("/resolver?login=cem%40two.test"), http.StatusNotFound, "!works")
}

// A user sees himself, and sets where his mail goes.
func TestUser(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("ann@one.test")
	v.wants(v.get("/me"), http.StatusOK, "ann@one.test", "!/domains", "Forward to")
	v.wants(v.post("/me/forward", "recipients", "ann@far.example, ann2@far.example", "keepcopies", "on"), http.StatusSeeOther)
	v.wants(v.get("/me"), http.StatusOK, "\nann@far.example", "ann2@far.example", "The forward is saved.")
	v.wants(v.post("/me/forward", "recipients", "no address"), http.StatusUnprocessableEntity, "no address")
	v.wants(v.post("/accounts/new", "username", "x@one.test"), http.StatusNotFound)
	v.wants(v.post("/tokens", "username", "ann@one.test"), http.StatusNotFound)
	root := w.visitor("root")
	root.wants(root.post("/me/forward", "recipients", "x@far.example"), http.StatusNotFound) // it has no mailbox
	w.quiet()
}

func TestTokens(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("root")
	v.wants(v.post("/tokens", "username", "nobody"), http.StatusNotFound, `id="f-username-error"`)
	v.wants(v.post("/tokens", "username", "RITA"), http.StatusSeeOther)
	shown := regexp.MustCompile(`<code>([0-9a-f]{40})</code>`).FindStringSubmatch(v.get("/tokens").body)
	if shown == nil {
		t.Fatal("no token is shown")
	}
	if c, err := w.m.CallerByToken(t.Context(), shown[1]); err != nil || c == nil || c.Name != "rita" {
		t.Errorf("the token is %v's: %v", c, err)
	}
	v.wants(v.get("/tokens"), http.StatusOK, "!"+shown[1])
	at := "/tokens/" + w.id("core_user", "username", "rita") + "/revoke"
	v.wants(v.get(at), http.StatusOK, "Revoke the token of rita?")
	v.wants(v.post(at), http.StatusSeeOther)
	v.wants(v.post(at), http.StatusNotFound)
	if c, err := w.m.CallerByToken(t.Context(), shown[1]); err != nil || c != nil {
		t.Errorf("revoked, but %v's: %v", c, err)
	}
	w.quiet()
}

// While the database is down, who has signed in sees how the daemon does; the
// rest says that it does not work, and what was typed stays.
func TestDatabaseDown(t *testing.T) {
	w := openWorld(t, nil)
	v, adm := w.visitor("root"), w.visitor("adm@one.test")
	token := v.token()
	if err := w.d.Close(); err != nil {
		t.Fatal(err)
	}
	v.wants(v.get("/"), http.StatusOK, "Age of the data")
	v.wants(v.get("/live.json"), http.StatusOK, `"socketmap"`)
	v.wants(v.get("/health"), http.StatusOK)
	v.wants(v.get("/domains"), http.StatusServiceUnavailable, "cannot be reached", "!sql")
	adm.wants(adm.get("/live.json"), http.StatusNotFound)
	adm.wants(adm.get("/"), http.StatusServiceUnavailable)
	v.wants(v.send("/domains/new", url.Values{"token": {token}, "name": {"new.test"}}), http.StatusServiceUnavailable)
	if len(w.reported) == 0 || slices.ContainsFunc(w.reported, func(s string) bool { return strings.Contains(s, "Secret") }) {
		t.Errorf("reported: %v", w.reported)
	}
	v.wants(v.send("/signout", url.Values{"token": {token}}), http.StatusSeeOther)
	v.wants(v.get("/"), http.StatusSeeOther)
}
