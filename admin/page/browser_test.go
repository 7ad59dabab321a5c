package page

import (
	"net/url"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/internal/browsertest"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// In a real browser nothing that is in the database becomes a script, a picture
// or a link elsewhere, and the doctor's findings look right.
func TestHostileNamesInABrowser(t *testing.T) {
	w := openWorld(t, nil)
	all := strings.Join(hostile, " ")
	quoted := "'" + strings.ReplaceAll(all, "'", "''") + "'"
	dbtest.Exec(t, w.d, "UPDATE core_user SET first_name = "+quoted+", last_name = "+quoted+" WHERE username = 'ann@one.test'",
		"UPDATE core_user SET username = "+quoted+" WHERE username = 'cem@two.test'", "UPDATE admin_domain SET name = "+quoted+" WHERE name = 'two.test'",
		"UPDATE modoboa_admin_aliasrecipient SET address = "+quoted+" WHERE address = 'x@far.test'")
	w.mu.Lock()
	w.findings = []Finding{{"error", all, all, all}, {"warning", "info@one.test", "its recipient x@one.test does not exist", "remove it"}, {"info", "one.test", "has no postmaster", ""}}
	w.keys = Keys{Note: all, List: []Key{{Selector: all, Algorithm: "rsa", State: all, Name: all, Value: all, Zone: all, DNS: &Published{Code: "mismatch", Detail: all, Remedy: all}}}}
	w.report = reportOf(all)
	w.live.Reason, w.live.Error = all, all
	w.live.Rates = []Rate{{Protocol: hostile[0][:8], Seconds: []uint32{5}}}
	w.mu.Unlock()
	b := browsertest.Open(t)
	b.Go(w.srv.URL + "/signin")
	b.Type("#name", "root")
	b.Type("#password", "Secret0")
	b.Click("button.main")
	one := w.id("admin_domain", "name", "one.test")
	for _, path := range []string{
		"/", "/domains", "/domains/" + one, "/domains/" + one + "/dkim", "/domains/" + one + "/dns", "/accounts", "/accounts/" + w.id("core_user", "username", "ann@one.test"), "/aliases",
		"/health", "/resolver?address=info%40one.test", "/resolver?login=" + url.QueryEscape(all), "/search?q=" + url.QueryEscape(all), "/domains?q=" + url.QueryEscape(all),
	} {
		b.Go(w.srv.URL + path)
		b.Shows("vmapd test")
		var alien int
		b.Eval("document.querySelectorAll('main img, main script, [onerror], [onmouseover], a[href^=javascript]').length", &alien)
		if alien > 0 {
			t.Errorf("%s: %d elements that nobody made", path, alien)
		}
		b.Size(390, 844)
		b.Judge()
		b.Size(1400, 900)
		b.Judge()
	}
	for _, dark := range []bool{false, true} {
		b.Dark(dark)
		b.Go(w.srv.URL + "/health")
		b.Judge()
	}
	b.Picture("health-findings-1400-dark")
	b.Size(390, 844)
	b.Picture("health-findings-390-dark")
}
