package page

import (
	"net/http"
	"testing"
)

// All pages answer whom they are for, and are not there for others.
func TestPages(t *testing.T) {
	w := openWorld(t, nil)
	one, two := w.id("admin_domain", "name", "one.test"), w.id("admin_domain", "name", "two.test")
	ann, cem := w.id("core_user", "username", "ann@one.test"), w.id("core_user", "username", "cem@two.test")
	info, sales := w.id("admin_alias", "address", "info@one.test"), w.id("admin_alias", "address", "sales@two.test")
	relay, alias := w.id("admin_domain", "name", "relay.test"), w.id("admin_domainalias", "name", "alias.test")
	visitors := map[string]*visitor{}
	for _, who := range []string{"", "root", "rita", "adm@one.test", "ann@one.test"} {
		visitors[who] = w.visitor(who)
	}
	const yes, no, away = http.StatusOK, http.StatusNotFound, http.StatusSeeOther
	for _, tt := range []struct {
		path                  string
		root, rita, adm, user int
	}{
		{"/", yes, yes, yes, away},
		{"/live.json", yes, no, no, no},
		{"/domains", yes, yes, yes, no},
		{"/domains?q=one&sort=name&desc=1&page=2", yes, yes, yes, no},
		{"/domains/new", yes, yes, no, no},
		{"/domains/" + one, yes, no, yes, no},
		{"/domains/" + two, yes, no, no, no},
		{"/domains/" + two + "/dkim", yes, no, no, no},
		{"/domains/" + two + "/dns", yes, no, no, no},
		{"/domains/" + one + "/dns", yes, no, yes, no},
		{"/domains/" + one + "/dkim", yes, no, yes, no},
		{"/domains/" + one + "/delete", yes, no, no, no},
		{"/domains/0", no, no, no, no},
		{"/domains/x", no, no, no, no},
		{"/domains/99999999999999999999", no, no, no, no},
		{"/accounts", yes, yes, yes, no},
		{"/accounts/new", yes, yes, yes, no},
		{"/accounts/" + ann, yes, no, yes, no},
		{"/accounts/" + cem, yes, no, no, no},
		{"/accounts/" + cem + "/delete", yes, no, no, no},
		{"/aliases", yes, yes, yes, no},
		{"/aliases/new", yes, yes, yes, no},
		{"/aliases/" + info, yes, no, yes, no},
		{"/aliases/" + sales, yes, no, no, no},
		{"/domainaliases", yes, yes, yes, no},
		{"/domainaliases/new", yes, yes, no, no},
		{"/domainaliases/" + alias, yes, no, yes, no},
		{"/relaydomains", yes, yes, yes, no},
		{"/relaydomains/new", yes, yes, no, no},
		{"/relaydomains/" + relay, yes, no, no, no},
		{"/resolver", yes, yes, yes, no},
		{"/resolver?address=info%40one.test", yes, no, yes, no},
		{"/resolver?address=sales%40two.test", yes, no, no, no},
		{"/resolver?login=ann%40one.test", yes, no, yes, no},
		{"/resolver?login=cem%40two.test", yes, no, no, no},
		{"/search?q=test", yes, yes, yes, no},
		{"/health", yes, no, no, no},
		{"/log", yes, no, no, no},
		{"/tokens", yes, yes, yes, no},
		{"/me", yes, yes, yes, yes},
		{"/nowhere", no, no, no, no},
		{"/assets/nothing", no, no, no, no},
	} {
		for who, want := range map[string]int{"root": tt.root, "rita": tt.rita, "adm@one.test": tt.adm, "ann@one.test": tt.user} {
			if got := visitors[who].get(tt.path); got.status != want {
				t.Errorf("%s as %s: %d, want %d: %.2000s", tt.path, who, got.status, want, got.body)
			}
		}
		if got := visitors[""].get(tt.path); got.status != http.StatusSeeOther && got.status != http.StatusUnauthorized && got.status != http.StatusNotFound {
			t.Errorf("%s as nobody: %d", tt.path, got.status)
		}
	}
	w.quiet()
}
