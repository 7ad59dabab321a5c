package results_test

import (
	"database/sql"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/dnschecks/results"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	code := dbtest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// world is a database with a domain or more, and a store on it.
type world struct {
	*results.Store
	t   testing.TB
	d   *db.DB
	dir string
}

// each runs f on databases of vmapd, with the domain example.org.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		w := open(t, d)
		w.domain(1, "example.org")
		f(t, w)
	})
}

func open(t testing.TB, d *db.DB) *world {
	dir := filepath.Join(t.TempDir(), "dns")
	return &world{results.New(results.Options{DB: d, Dir: dir}), t, d, dir}
}

func (w *world) domain(id int64, name string) {
	w.t.Helper()
	w.exec("INSERT INTO admin_domain (id, name, type, enabled, quota, default_mailbox_quota, enable_dns_checks, enable_dkim, dkim_key_selector, dkim_public_key, dkim_private_key_path, creation, last_modification) VALUES (?, ?, 'domain', ?, 0, 0, ?, ?, 's1', 'own', '', ?, ?)",
		id, name, true, true, true, w.d.Time(now), w.d.Time(now))
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.d.Exec(w.d.Rebind(query), args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// rows returns a query's rows, each as its values joined with "|".
func (w *world) rows(query string, args ...any) []string {
	w.t.Helper()
	rs, err := w.d.Query(w.d.Rebind(query), args...)
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	defer rs.Close()
	columns, _ := rs.Columns()
	out := []string{}
	for rs.Next() {
		values := make([]sql.NullString, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rs.Scan(to...); err != nil {
			w.t.Fatal(err)
		}
		var texts []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			texts = append(texts, v.String)
		}
		out = append(out, strings.Join(texts, "|"))
	}
	return out
}

// found are the rows of a domain, without ids and times.
func (w *world) found(id int64) string {
	w.t.Helper()
	address := w.d.Text("m.address")
	var all []string
	for _, s := range w.rows("SELECT m.name, "+address+", CASE WHEN m.managed = ? THEN 'managed' ELSE '-' END FROM admin_mxrecord m WHERE domain_id = ? ORDER BY m.name, 2", true, id) {
		all = append(all, "mx "+strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(s, "/32", ""), "/128", ""), " ", ""))
	}
	for _, s := range w.rows("SELECT l.provider, "+address+", l.status FROM admin_dnsblresult l JOIN admin_mxrecord m ON m.id = l.mx_id WHERE l.domain_id = ? ORDER BY 1, 2", id) {
		all = append(all, "bl "+strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(s, "/32", ""), "/128", ""), " ", ""))
	}
	if len(w.rows0("dnstools_dnsrecord")) > 0 {
		all = append(all, w.rows("SELECT type, value, CASE WHEN is_valid = ? THEN 'valid' ELSE 'wrong' END, error FROM dnstools_dnsrecord WHERE domain_id = ? ORDER BY type", true, id)...)
	}
	return strings.Join(all, "\n")
}

// rows0 are the columns of a table, none if it is not there.
func (w *world) rows0(table string) map[string]bool {
	w.t.Helper()
	columns, err := w.d.Columns(w.t.Context(), w.d, table)
	if err != nil {
		w.t.Fatal(err)
	}
	return columns
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// report is a report about example.org, all well but DMARC and a list.
func report() *dnschecks.Report {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	finding := func(s dnschecks.State, code, text string) []dnschecks.Finding {
		return []dnschecks.Finding{{State: s, Code: code, Text: text, Remedy: "mend it"}}
	}
	return &dnschecks.Report{
		DomainID: 1, Domain: "example.org", State: dnschecks.Critical, Checked: now,
		Hosts:    []dnschecks.Host{{Name: "mx.example.org", Preference: 10, Address: four, Managed: true}, {Name: "mx.example.org", Preference: 10, Address: six}},
		Listings: []dnschecks.Listing{{Provider: "bl.net", Address: four, State: dnschecks.OK}, {Provider: "bl.net", Address: six, State: dnschecks.Critical, Answer: "127.0.0.2"}, {Provider: "odd.net", Address: four, State: dnschecks.Unknown, Text: "?"}},
		Results: []dnschecks.Result{
			{Kind: dnschecks.MX, State: dnschecks.OK, Value: "10 mx.example.org", TTL: 3600},
			{Kind: dnschecks.DNSBL, State: dnschecks.Critical, Findings: finding(dnschecks.Critical, "listed", "listed"), TTL: 14400},
			{Kind: dnschecks.SPF, State: dnschecks.OK, Value: "v=spf1 mx -all", TTL: 600},
			{Kind: dnschecks.DKIM, State: dnschecks.OK, Value: "v=DKIM1; p=x", TTL: 600},
			{Kind: dnschecks.DMARC, State: dnschecks.Critical, Value: "v=DMARC1; p=maybe", Error: "p= is none of none, quarantine, reject", Findings: finding(dnschecks.Critical, "syntax", "p= is none")},
			{Kind: dnschecks.Autoconfig, State: dnschecks.Warning, Error: "missing", Findings: finding(dnschecks.Warning, "missing", "missing")},
			{Kind: dnschecks.Autodiscover, State: dnschecks.OK, Value: "192.0.2.1"},
			{Kind: dnschecks.STS, State: dnschecks.Off},
			{Kind: dnschecks.TLSRPT, State: dnschecks.OK, Value: "v=TLSRPTv1; rua=mailto:x@example.org"},
		},
	}
}

const wellKept = `mx mx.example.org|192.0.2.1|managed
mx mx.example.org|2001:db8::1|-
bl bl.net|192.0.2.1|
bl bl.net|2001:db8::1|127.0.0.2
autodiscover|192.0.2.1|valid|NULL
dkim|v=DKIM1; p=x|valid|NULL
dmarc|v=DMARC1; p=maybe|wrong|p= is none of none, quarantine, reject
spf|v=spf1 mx -all|valid|NULL`

func (w *world) keep(r *dnschecks.Report) {
	w.t.Helper()
	kept, err := w.Keep(w.t.Context(), r)
	if err != nil || !kept {
		w.t.Fatalf("kept %v: %v", kept, err)
	}
}

func (w *world) want(what, want string) {
	w.t.Helper()
	if got := w.found(1); got != want {
		w.t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}
