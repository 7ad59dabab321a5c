package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/vmapd/vmapd/internal/resolve/dnstest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestDNSCheck prints what DNS says of domains, with remedies and records.
func TestDNSCheck(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STATE_DIRECTORY", dir)
	url := "sqlite:" + filepath.Join(dir, "vmapd.db")
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader("domain;good.org;0;0;True\n"), modoboa.ImportOptions{Separator: ';'}); err != nil {
		t.Fatal(err)
	}
	zone := dnstest.NewZone(t, "good.org. 600 IN MX 10 mx.good.org.", "mx.good.org. 600 IN A 192.0.2.1", "autoconfig.good.org. 60 IN A 192.0.2.1", "autodiscover.good.org. 60 IN A 192.0.2.1")
	zone.TXT("good.org", "v=spf1 mx -all")
	zone.TXT("_dmarc.good.org", "v=DMARC1; p=reject")
	server := dnstest.Serve(t, zone)
	run := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		a := &app{out: &out, err: &out}
		set := []string{"dns", "check", "-o", "database.url=" + url, "-o", `dns.resolvers=["` + server + `"]`, "-o", "dns.dnsbl=[]", "-o", "dns.host=mail.host.org"}
		if code := a.run(append(set, args...)); code != want {
			t.Errorf("%v: exit status %d, want %d\n%s", args, code, want, out.String())
		}
		return out.String()
	}
	has := func(text string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(text, p) {
				t.Errorf("%q is not in\n%s", p, text)
			}
		}
	}
	has(run(0, "Good.org"), "good.org: ok", "mx           ok       10 mx.good.org", "spf          ok       v=spf1 mx -all")
	has(run(0, "--all"), "good.org: ok")
	has(run(1, "bad.org", "good.org"), "bad.org is not in the database", "bad.org: critical", "the domain does not exist in DNS", "remedy: ", `record: bad.org. IN TXT "v=spf1 mx -all"`, "good.org: ok")
	has(run(0, "x.test"), "Names below test are reserved")
	var reports []map[string]any
	if err := json.Unmarshal([]byte(run(0, "good.org", "--json")), &reports); err != nil || len(reports) != 1 || reports[0]["state"] != "ok" {
		t.Errorf("%v %v", reports, err)
	}
	zone.Refuse("autoconfig.good.org", dns.RcodeServerFailure)
	has(run(75, "good.org"), "autoconfig   unknown", "SERVFAIL")
	has(run(2), "wants domains, or --all")
	has(run(2, "--all", "good.org"), "wants domains, or --all")
	var kept int
	if err := d.QueryRow("SELECT count(*) FROM vmapd_dns_check").Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d reports were kept: %v", kept, err)
	}
}
