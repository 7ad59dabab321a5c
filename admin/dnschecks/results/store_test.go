package results_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/dnschecks/results"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// sameReport compares what is kept of reports.
func sameReport(a, b *dnschecks.Report) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(dnschecks.Report{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
}

func TestKeep(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := report()
		w.keep(r)
		w.want("the first time", wellKept)
		last, err := w.Last(t.Context(), 1, "example.org")
		if err != nil {
			t.Fatal(err)
		}
		if diff := sameReport(r, last); diff != "" {
			t.Errorf("the report (-kept +read):\n%s", diff)
		}
		ids := func() []string {
			return append(w.rows("SELECT id FROM admin_mxrecord"), append(w.rows("SELECT id FROM admin_dnsblresult"), w.rows("SELECT id FROM dnstools_dnsrecord")...)...)
		}
		before := ids()
		w.keep(r)
		w.want("again", wellKept)
		if diff := cmp.Diff(before, ids()); diff != "" {
			t.Errorf("rows were made anew:\n%s", diff)
		}
		subjects, err := w.Subjects(t.Context())
		want := []dnschecks.Subject{{Domain: dnschecks.Domain{ID: 1, Name: "example.org", Keys: []dnschecks.Key{{Selector: "s1", Algorithm: "rsa", Public: "own"}}}, Signs: true, Checked: now, State: dnschecks.Critical}}
		if diff := cmp.Diff(want, subjects); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		for _, w2 := range w.rows("SELECT CASE WHEN last_dns_check_execution IS NULL OR last_modification <> ? THEN 'wrong' ELSE 'right' END FROM admin_domain WHERE id = 1", w.d.Time(now)) {
			if w2 != "right" {
				t.Error("last_dns_check_execution is not set, or last_modification is")
			}
		}
	})
}

// TestExpiry: updated is until when a row is good.
func TestExpiry(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.keep(report())
		for query, want := range map[string]time.Time{
			"SELECT " + w.d.Text("updated") + " FROM admin_mxrecord":                          now.Add(time.Hour),
			"SELECT " + w.d.Text("updated") + " FROM dnstools_dnsrecord WHERE type = 'spf'":   now.Add(10 * time.Minute),
			"SELECT " + w.d.Text("updated") + " FROM dnstools_dnsrecord WHERE type = 'dmarc'": now.Add(5 * time.Minute),
		} {
			for _, text := range w.rows(query) {
				at, err := time.Parse("2006-01-02 15:04:05", text[:19])
				if err != nil || !at.Equal(want) {
					t.Errorf("%s: %s %v, want %s", query, text, err, want)
				}
			}
		}
	})
}

// TestChanges: rows follow what is found, and what nobody knows stays.
func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := now
		change := func(what, want string, f func(r *dnschecks.Report)) {
			t.Helper()
			at = at.Add(time.Minute)
			r := report()
			r.Checked = at
			f(r)
			w.keep(r)
			w.want(what, want)
		}
		change("all", wellKept, func(*dnschecks.Report) {})
		unknown := func(r *dnschecks.Report) {
			for i := range r.Results {
				r.Results[i].State, r.Results[i].Value = dnschecks.Unknown, ""
				r.Results[i].Findings = []dnschecks.Finding{{State: dnschecks.Unknown, Code: "no_answer", Text: "?"}}
			}
			r.Hosts, r.Listings, r.Vague = nil, nil, []string{"*"}
		}
		change("DNS is down", wellKept, unknown)
		change("one host is not known", wellKept, func(r *dnschecks.Report) {
			r.Hosts, r.Vague = nil, []string{"mx.example.org"}
			r.Listings = nil
		})
		change("the checks are off", wellKept, func(r *dnschecks.Report) {
			for i := range r.Results {
				r.Results[i] = dnschecks.Result{Kind: r.Results[i].Kind, State: dnschecks.Off}
			}
			r.Hosts, r.Listings = nil, nil
		})
		change("clean, and another list", strings.NewReplacer("bl bl.net|2001:db8::1|127.0.0.2", "bl bl.net|2001:db8::1|\nbl new.net|192.0.2.1|127.0.0.9").Replace(wellKept), func(r *dnschecks.Report) {
			r.Listings[1].State, r.Listings[1].Answer = dnschecks.OK, ""
			r.Listings = append(r.Listings, dnschecks.Listing{Provider: "new.net", Address: netip.MustParseAddr("192.0.2.1"), State: dnschecks.Critical, Answer: "127.0.0.9"})
		})
		change("the list is not asked any more", wellKept, func(*dnschecks.Report) {})
		change("an address is gone, SPF too, DMARC is right", `mx mx.example.org|192.0.2.1|-
bl bl.net|192.0.2.1|
autodiscover|192.0.2.1|valid|NULL
dkim|v=DKIM1; p=x|valid|NULL
dmarc|v=DMARC1; p=none|valid|NULL`, func(r *dnschecks.Report) {
			r.Hosts = r.Hosts[:1]
			r.Hosts[0].Managed = false
			r.Listings = r.Listings[:1]
			r.Results[2] = dnschecks.Result{Kind: dnschecks.SPF, State: dnschecks.Critical, Error: "missing", Findings: r.Results[5].Findings}
			r.Results[4] = dnschecks.Result{Kind: dnschecks.DMARC, State: dnschecks.OK, Value: "v=DMARC1; p=none"}
		})
		change("no MX", `autodiscover|192.0.2.1|valid|NULL
dkim|v=DKIM1; p=x|valid|NULL
dmarc|v=DMARC1; p=maybe|wrong|p= is none of none, quarantine, reject
spf|v=spf1 mx -all|valid|NULL`, func(r *dnschecks.Report) { r.Hosts, r.Listings = nil, nil })
	})
}

// TestDoubles: what others left double becomes one.
func TestDoubles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 3 {
			w.exec("INSERT INTO dnstools_dnsrecord (domain_id, type, value, is_valid, updated) VALUES (1, 'spf', 'old', ?, ?)", false, w.d.Time(now))
			w.exec("INSERT INTO admin_mxrecord (domain_id, name, address, managed, updated) VALUES (1, 'mx.example.org', '192.0.2.1', ?, ?)", false, w.d.Time(now))
		}
		w.keep(report())
		w.want("after", wellKept)
	})
}

// TestNotKept: what is older, or about another domain, is not written.
func TestNotKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.keep(report())
		for name, f := range map[string]func(r *dnschecks.Report){
			"older":   func(r *dnschecks.Report) { r.Checked = r.Checked.Add(-time.Second) },
			"renamed": func(r *dnschecks.Report) { r.Domain = "example.net" },
			"gone":    func(r *dnschecks.Report) { r.DomainID = 99 },
		} {
			r := report()
			r.Hosts = nil
			f(r)
			if kept, err := w.Keep(t.Context(), r); kept || err != nil {
				t.Errorf("%s: kept %v, %v", name, kept, err)
			}
		}
		w.want("after", wellKept)
		w.exec("UPDATE admin_domain SET name = 'example.net' WHERE id = 1")
		if last, err := w.Last(t.Context(), 1, "example.net"); last != nil || err != nil {
			t.Errorf("of the old name: %v %v", last, err)
		}
		if last, err := w.Last(t.Context(), 2, "example.com"); last != nil || err != nil {
			t.Errorf("of none: %v %v", last, err)
		}
	})
}

// TestSubjects: which domains are checked, with which keys.
func TestSubjects(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, name := range []string{"off.org", "unchecked.org", "unsigned.org", "further.org", "rotated.org"} {
			w.domain(int64(i+2), name)
		}
		w.exec("UPDATE admin_domain SET enabled = ? WHERE name = 'off.org'", false)
		w.exec("UPDATE admin_domain SET enable_dns_checks = ? WHERE name = 'unchecked.org'", false)
		w.exec("UPDATE admin_domain SET enable_dkim = ? WHERE name = 'unsigned.org'", false)
		for _, k := range [][5]string{{"further.org", "e1", "ed25519", "active", "1"}, {"further.org", "e0", "ed25519", "retiring", "2"}, {"rotated.org", "r1", "rsa", "active", "2"}, {"rotated.org", "r0", "rsa", "active", "1"}, {"unsigned.org", "e1", "ed25519", "active", "1"}, {"example.org", "n1", "rsa", "new", "1"}} {
			w.exec("INSERT INTO vmapd_dkim_key (domain, selector, algorithm, private_key_path, public_key, state, changed) VALUES (?, ?, ?, '', ?, ?, ?)", k[0], k[1], k[2], "p", k[3], w.d.Time(now.Add(time.Duration(k[4][0])*time.Second)))
		}
		subjects, err := w.Subjects(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range subjects {
			text := s.Name
			for _, k := range s.Keys {
				text += " " + k.Selector
			}
			got = append(got, text)
		}
		if diff := cmp.Diff([]string{"example.org s1", "unsigned.org", "further.org s1 e1", "rotated.org r1"}, got); diff != "" {
			t.Error(diff)
		}
		if s, err := w.Subject(t.Context(), "unchecked.org"); err != nil || s == nil || s.ID != 3 {
			t.Errorf("%v %v", s, err)
		}
		if s, err := w.Subject(t.Context(), "none.org"); err != nil || s != nil {
			t.Errorf("%v %v", s, err)
		}
	})
}

// TestTwoHosts: several processes write the same domain at the same time, and
// the latest report is what stays.
func TestTwoHosts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		w := open(t, d)
		w.domain(1, "example.org")
		var wg sync.WaitGroup
		for host := range 4 {
			other := results.New(results.Options{DB: dbtest.Open(t, url, db.Options{}), Dir: w.dir})
			wg.Go(func() {
				for i := range 10 {
					r := report()
					r.Checked = now.Add(time.Duration(10*i+host) * time.Second)
					if _, err := other.Keep(t.Context(), r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		w.want("after", wellKept)
		last, err := w.Last(t.Context(), 1, "example.org")
		if err != nil || !last.Checked.Equal(now.Add(93*time.Second)) {
			t.Errorf("%v %v", last, err)
		}
	})
}
