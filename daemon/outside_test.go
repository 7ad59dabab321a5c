package daemon

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/vmapd/vmapd/internal/ldaptest"
	"github.com/vmapd/vmapd/lookup/login"
)

// ldapConfig has a daemon ask a directory, as Modoboa's parameters would.
func ldapConfig(address string) string {
	host, port, _ := net.SplitHostPort(address)
	var list []string
	for name, value := range map[string]string{
		"authentication_type": "ldap", "ldap_server_address": host, "ldap_server_port": port, "ldap_bind_dn": ldaptest.Searcher, "ldap_bind_password": "searcher",
		"ldap_search_base": ldaptest.People, "ldap_search_filter": "(|(uid=%(user)s)(mail=%(user)s))", "ldap_admin_groups": "mailadmins; bosses", "ldap_groups_search_base": ldaptest.Groups,
	} {
		list = append(list, fmt.Sprintf("%q", "core."+name+"="+value))
	}
	return basics + "[outside]\nbackends = [\"ldap\"]\nremember = \"10m\"\ntimeout = \"20s\"\nconnect_timeout = \"10s\"\n[dovecot]\nfailure_delay = \"0s\"\n" +
		"[modoboa]\nparameters = [" + strings.Join(list, ", ") + "]\n"
}

// login tries a login and says what came of it: the user, the cause of a refusal,
// or "unsure".
func (r *rig) login(t testing.TB, service, name, password string) string {
	t.Helper()
	out, rest := r.logins.Check(&login.Attempt{Service: service, Login: []byte(name), Password: []byte(password)})
	if rest != nil {
		out = rest(t.Context())
	}
	switch out.Verdict {
	case login.Yes:
		return out.User
	case login.No:
		return string(out.Cause)
	}
	return "unsure"
}

// TestLDAPLogins has people of a real directory log in to a daemon for the first
// time, and later.
func TestLDAPLogins(t *testing.T) {
	s := ldaptest.Start(t)
	r := newRig(t, ldapConfig(s.Address))
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	eventually(t, "Modoboa's parameters are read", func() bool { return r.outside.asker() != nil })

	var wg sync.WaitGroup
	for range 20 { // the first login of somebody, from everywhere at once
		wg.Go(func() {
			if got := r.login(t, "imap", "ann@example.test", "secret"); got != "ann@example.test" {
				t.Errorf("a first login: %s", got)
			}
		})
	}
	wg.Wait()
	for _, tc := range []struct{ service, name, password, want string }{
		{"imap", "ann@example.test", "wrong", "wrong_password"},
		{"imap", "ann", "secret", "ann@example.test"},
		{login.Page, "ann", "secret", "ann@example.test"},
		{"imap", "user@example.com", "secret", "user@example.com"}, // his password is here
		{"imap", "boss@example.test", "secret", "boss@example.test"},
		{login.Page, "root", "secret", "root"},
		{"imap", "root", "secret", "refused"}, // he has no mailbox
		{"imap", "locked@example.test", "secret", "unknown"},
		{"imap", "*)(uid=*", "secret", "unknown"},
		{"imap", "nobody@example.test", "secret", "unknown"},
	} {
		if got := r.login(t, tc.service, tc.name, tc.password); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.service, tc.name, got, tc.want)
		}
	}
	c := &apiClient{t: t, socket: ControlPath(r.dir)}
	_, list := c.must(http.StatusOK, http.MethodGet, "/api/v1/accounts/", "")
	got := regexp.MustCompile(`username:([^ \]]+)`).FindAllString(fmt.Sprint(list), -1)
	if want := "[username:admin username:ann@example.test username:boss@example.test username:root username:user@example.com]"; fmt.Sprint(got) != want {
		t.Errorf("accounts: %s", got)
	}
	if n := strings.Count(r.log.String(), "made an account at its first login"); n != 3 {
		t.Errorf("%d accounts were made", n)
	}

	t.Run("an account that is disabled", func(t *testing.T) {
		change(t, r.database(), "UPDATE core_user SET is_active = false WHERE username = 'boss@example.test'")
		if err := r.store.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.login(t, "imap", "boss@example.test", "secret"); got != "refused" {
			t.Errorf("%s", got)
		}
	})
	t.Run("password", func(t *testing.T) { r.testPasswordElsewhere(t, c) })
	t.Run("explain", func(t *testing.T) {
		x, err := r.client().ExplainLogin(t.Context(), "ann@example.test", "imap")
		if err != nil || !x.OK || !strings.Contains(x.String(), "ldap server "+s.Address+", in service") {
			t.Errorf("%v\n%v", err, x)
		}
		x, err = r.client().ExplainLogin(t.Context(), "nobody@example.test", "imap")
		if err != nil || x.OK || !strings.Contains(x.String(), "gets one if his password is right") {
			t.Errorf("%v\n%v", err, x)
		}
	})
	t.Run("the server is down", func(t *testing.T) {
		s.Stop()
		for _, name := range []string{"ann@example.test", "nobody@example.test", "boss@example.test"} {
			if got := r.login(t, "pop3", name, "Reset1234"); got != "unsure" {
				t.Errorf("%s: %s", name, got)
			}
		}
		if got := r.login(t, "imap", "user@example.com", "secret"); got != "user@example.com" {
			t.Errorf("whose password is here: %s", got)
		}
		if st := r.Status().Outside; len(st.Servers) != 1 || st.Servers[0].Error == "" {
			t.Errorf("%+v", st)
		}
		s.Again()
		eventually(t, "it is asked again", func() bool { return r.Status().Outside.Servers[0].Error == "" })
		if got := r.login(t, "pop3", "ann@example.test", "Reset1234"); got != "ann@example.test" {
			t.Errorf("back again: %s", got)
		}
	})
	t.Run("nobody is asked any more", func(t *testing.T) {
		r.write(t, basics)
		if err := r.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the change takes effect", func() bool { return r.outside.asker() == nil })
		if got := r.login(t, "imap", "ann@example.test", "Reset1234"); got != "no_password" {
			t.Errorf("%s", got)
		}
	})
}

// testPasswordElsewhere changes a password in the directory: on the page by its
// owner, by the API, and by an administrator. The old one fails at once.
func (r *rig) testPasswordElsewhere(t *testing.T, c *apiClient) {
	browser := newBrowser(t, r.path("http"))
	browser.post("/signin", url.Values{"name": {"ann@example.test"}, "password": {"secret"}})
	page := browser.get("/me")
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(page)
	if token == nil || !strings.Contains(page, "Change the password") {
		t.Fatalf("no form for the password: %s", page)
	}
	changeTo := func(old, clear string) string {
		return browser.post("/me/password", url.Values{"token": {token[1]}, "password": {old}, "new_password": {clear}, "again": {clear}})
	}
	if got := changeTo("wrong", "Other1234"); !strings.Contains(got, "This is not the present password") {
		t.Errorf("with a wrong password: %s", got)
	}
	changeTo("secret", "Other1234")
	both := func(old, clear string) {
		t.Helper()
		if got := r.login(t, "imap", "ann@example.test", old); got != "wrong_password" {
			t.Errorf("with the old password: %s", got)
		}
		if got := r.login(t, "imap", "ann@example.test", clear); got != "ann@example.test" {
			t.Errorf("with the new password: %s", got)
		}
	}
	both("secret", "Other1234")
	_, one := c.must(http.StatusOK, http.MethodGet, "/api/v1/accounts/by-name/ann@example.test", "")
	id := fmt.Sprint(one.(map[string]any)["pk"])
	status, _, said := c.do(http.MethodPut, "/api/v1/accounts/"+id+"/password/", `{"new_password": "Reset1234"}`)
	if status != http.StatusBadRequest || !strings.Contains(fmt.Sprint(said), "cannot be changed from here") { // the searcher may not
		t.Errorf("an administrator: %d, %v", status, said)
	}
	c.must(http.StatusOK, http.MethodPut, "/api/v1/accounts/"+id+"/password/", `{"password": "Other1234", "new_password": "Reset1234"}`)
	both("Other1234", "Reset1234")
	bulk := fmt.Sprintf(`{"actions": [{"method": "PUT", "path": "accounts/%s/password/", "body": {"password": "Reset1234", "new_password": "Bulk12345"}}]}`, id)
	if status, _, said := c.do(http.MethodPost, "/api/v1/bulk/", bulk); status != http.StatusBadRequest {
		t.Errorf("in a bulk request: %d, %v", status, said)
	}
	both("Other1234", "Reset1234")
}

// TestDatabaseDownAtFirstLogin: nobody is refused because his account cannot be
// made now.
func TestDatabaseDownAtFirstLogin(t *testing.T) {
	s := ldaptest.Start(t)
	r := newRig(t, ldapConfig(s.Address))
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	eventually(t, "Modoboa's parameters are read", func() bool { return r.outside.asker() != nil })
	change(t, r.database(), "ALTER TABLE core_user RENAME TO core_user_gone")
	if got := r.login(t, "imap", "ann@example.test", "secret"); got != "unsure" {
		t.Errorf("while the table is away: %s", got)
	}
	if got := r.login(t, "imap", "ann@example.test", "wrong"); got != "unknown" {
		t.Errorf("a wrong password then: %s", got)
	}
	change(t, r.database(), "ALTER TABLE core_user_gone RENAME TO core_user")
	eventually(t, "the account is made", func() bool { return r.login(t, "imap", "ann@example.test", "secret") == "ann@example.test" })
}

// TestUnreadParameters: before it is known who is to be asked nobody is refused.
func TestUnreadParameters(t *testing.T) {
	r := newRig(t, ldapConfig("127.0.0.1:1"))
	initDatabase(t, r.database())
	importCSV(t, r.database(), "account;far@example.com;{PLAIN}x;Far;Off;true;SimpleUsers;far@example.com;10\n")
	change(t, r.database(), "UPDATE core_user SET password = '', is_local = false WHERE username = 'far@example.com'")
	change(t, r.database(), "ALTER TABLE core_localconfig RENAME TO core_localconfig_gone")
	r.start(t).loaded(t)
	for name, want := range map[string]string{"far@example.com": "unsure", "nobody@example.com": "unsure", "user@example.com": "wrong_password"} {
		if got := r.login(t, "imap", name, "x"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
