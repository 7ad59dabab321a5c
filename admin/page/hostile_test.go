package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db/dbtest"
)

// hostile are names that try to be markup, in the database whoever put them
// there.
var hostile = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `{{.Token}}`}

// Whatever is in the database, what a page shows is text.
func TestEscaping(t *testing.T) {
	w := openWorld(t, nil)
	v := w.visitor("root")
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	for _, s := range hostile {
		dbtest.Exec(t, w.d, "UPDATE core_user SET first_name = "+quoted(s)+", last_name = "+quoted(s)+", phone_number = "+quoted(s)+" WHERE username = 'ann@one.test'",
			"UPDATE core_user SET username = "+quoted(s)+" WHERE username = 'cem@two.test'",
			"UPDATE admin_domain SET name = "+quoted(s)+", dkim_key_selector = "+quoted(s)+" WHERE name = 'two.test'",
			"UPDATE admin_domainalias SET name = "+quoted(s)+" WHERE name = 'alias.test'",
			"UPDATE admin_alias SET description = "+quoted(s)+" WHERE address = 'info@one.test'",
			"UPDATE modoboa_admin_aliasrecipient SET address = "+quoted(s)+" WHERE address = 'x@far.test'",
			"INSERT INTO core_log (date_created, message, level, logger) VALUES ('2026-01-01 00:00:00', "+quoted(s)+", "+quoted(s[:min(15, len(s))])+", 'x')")
		w.mu.Lock()
		w.findings = []Finding{{s, s, s, s}}
		w.keys = Keys{Note: s, List: []Key{{Selector: s, Algorithm: s, Stage: s, State: s, Name: s, Value: s, Zone: s, DNS: &Published{Code: s, Detail: s, Remedy: s}}}}
		w.report = reportOf(s)
		w.live.Reason, w.live.Error, w.live.Database, w.live.SpoolError = s, s, s, s
		w.live.Rates = []Rate{{Protocol: s}}
		w.mu.Unlock()
		ann, one := w.id("core_user", "username", "ann@one.test"), w.id("admin_domain", "name", "one.test")
		cem, two := w.id("core_user", "username", s), w.id("admin_domain", "name", s)
		q := url.QueryEscape(s)
		pages := []string{
			"/", "/domains", "/domains/" + two, "/domains/" + one + "/dkim", "/domains/" + one + "/dns", "/domains/" + two + "/delete", "/accounts", "/accounts/" + ann, "/accounts/" + cem, "/accounts/" + cem + "/delete",
			"/aliases", "/aliases/" + w.id("admin_alias", "address", "info@one.test"), "/domainaliases", "/log", "/health", "/search?q=" + q, "/domains?q=" + q + "&domain=" + q + "&sort=" + q,
			"/resolver?address=" + q + "%40one.test", "/resolver?address=info%40one.test", "/resolver?login=" + q, "/signin?next=" + q, "/domains/new?name=" + q, "/aliases/new?recipients=" + q,
		}
		for _, path := range pages {
			a := v.get(path)
			if a.status >= http.StatusInternalServerError {
				t.Errorf("%s with %s: %d %s", path, s, a.status, a.body)
			}
			for _, bad := range []string{"<script>alert", "<img src=x", `onerror=alert(1)>`, "' onmouseover='", `href="javascript:`, `href='javascript:`} {
				if strings.Contains(a.body, bad) {
					t.Errorf("%s with %s: %s is in the page", path, s, bad)
				}
			}
		}
		v.send("/signin", url.Values{"name": {s}, "password": {s}, "next": {s}})
		dbtest.Exec(t, w.d, "UPDATE core_user SET username = 'cem@two.test' WHERE username = "+quoted(s), "UPDATE admin_domain SET name = 'two.test' WHERE name = "+quoted(s),
			"UPDATE admin_domainalias SET name = 'alias.test' WHERE name = "+quoted(s), "UPDATE modoboa_admin_aliasrecipient SET address = 'x@far.test' WHERE address = "+quoted(s))
	}
	w.quiet()
}
