package results_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/dnschecks/results"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestModoboa writes into databases that Modoboa made: into the tables that its
// release has, and the rest into a file.
func TestModoboa(t *testing.T) {
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) {
		w := open(t, dbtest.Open(t, url, db.Options{}))
		name := strings.Join(w.rows("SELECT name FROM admin_domain ORDER BY id LIMIT 1"), "")
		r := report()
		r.Domain = name
		w.exec("DELETE FROM admin_dnsblresult WHERE domain_id = ?", id(w, name))
		w.exec("DELETE FROM admin_mxrecord WHERE domain_id = ?", id(w, name))
		r.DomainID = id(w, name)
		w.keep(r)
		want := wellKept
		if release == "1.10.0" { // before dnstools
			want = want[:strings.Index(want, "autodiscover")-1]
		}
		if got := w.found(r.DomainID); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if len(w.rows0("vmapd_dns_check")) > 0 {
			t.Error("a table was made in a database of Modoboa's")
		}
		last, err := w.Last(t.Context(), r.DomainID, r.Domain)
		if err != nil {
			t.Fatal(err)
		}
		if diff := sameReport(r, last); diff != "" {
			t.Error(diff)
		}
		subject, err := w.Subject(t.Context(), r.Domain)
		if err != nil || !subject.Checked.Equal(now) || subject.State != dnschecks.Critical {
			t.Errorf("%+v %v", subject, err)
		}
		w.keep(r)
		elsewhere(t, w, r, release)
		w.exec("UPDATE admin_domain SET enable_dns_checks = ?", true)
		if all, err := w.Subjects(t.Context()); err != nil || len(all) == 0 {
			t.Errorf("%v %v", all, err)
		}
	})
}

func id(w *world, name string) int64 {
	s, err := w.Subject(w.t.Context(), name)
	if err != nil || s == nil {
		w.t.Fatal(name, err)
	}
	return s.ID
}

// elsewhere: another host has no file, but sees when the domain was checked,
// where there is a column for it.
func elsewhere(t *testing.T, w *world, r *dnschecks.Report, release string) {
	t.Helper()
	other := results.New(results.Options{DB: w.d, Dir: t.TempDir()})
	s, err := other.Subject(t.Context(), r.Domain)
	if err != nil {
		t.Fatal(err)
	}
	want := now
	if release == "1.10.0" {
		want = time.Time{}
	}
	if !s.Checked.Equal(want) || s.State != "" {
		t.Errorf("elsewhere: %+v", s)
	}
	if last, err := other.Last(t.Context(), r.DomainID, r.Domain); last != nil || err != nil {
		t.Errorf("elsewhere: %v %v", last, err)
	}
}

// TestFiles: files of domains that are gone go too, and damaged ones do no harm.
func TestFiles(t *testing.T) {
	w := open(t, dbtest.Open(t, dbtest.SQLite(t), db.Options{}))
	dbtest.Exec(t, w.d, "CREATE TABLE core_localconfig (id integer)", "CREATE TABLE admin_domain (id integer primary key, name text, enabled bool, enable_dns_checks bool, enable_dkim bool, dkim_key_selector text, dkim_public_key text)",
		"INSERT INTO admin_domain VALUES (1, 'example.org', 1, 1, 0, '', ''), (2, 'example.net', 1, 1, 0, '', '')")
	w.keep(report())
	second := report()
	second.DomainID, second.Domain = 2, "example.net"
	w.keep(second)
	if err := os.WriteFile(filepath.Join(w.dir, "2.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if last, err := w.Last(t.Context(), 2, "example.net"); last != nil || err != nil {
		t.Errorf("a damaged file: %v %v", last, err)
	}
	if s, err := w.Subject(t.Context(), "example.net"); err != nil || !s.Checked.IsZero() {
		t.Errorf("a damaged file: %v %v", s, err)
	}
	dbtest.Exec(t, w.d, "DELETE FROM admin_domain WHERE id = 2")
	if err := w.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	if diff := cmp.Diff([]string{filepath.Join(w.dir, "1.json")}, files); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if err := results.New(results.Options{DB: w.d, Dir: filepath.Join(w.dir, "none")}).Tidy(t.Context()); err != nil {
		t.Error(err)
	}
}
