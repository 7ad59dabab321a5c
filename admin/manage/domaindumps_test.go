package manage_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
)

// traces are the places where the whole database names a domain: as
// "table.column", without logs and paths of keys.
func (w *world) traces(domain string) (found []string) {
	w.t.Helper()
	tables, err := w.d.Tables(w.t.Context(), w.d)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, table := range tables {
		if table == "core_log" || strings.HasPrefix(table, "reversion_") || strings.HasPrefix(table, "vmapd_change") {
			continue
		}
		columns, err := w.d.Columns(w.t.Context(), w.d, table)
		if err != nil {
			w.t.Fatal(err)
		}
		has := func(columns ...string) bool {
			var where []string
			var args []any
			for _, c := range columns {
				text := w.d.Text(w.d.Quote(c))
				where = append(where, text+" = ? OR "+text+" LIKE ? OR "+text+" = ?")
				args = append(args, domain, "%@"+domain, "autoreply."+domain)
			}
			return len(w.rows("SELECT 1 FROM "+w.d.Quote(table)+" WHERE "+strings.Join(where, " OR "), args...)) > 0
		}
		names := slices.Collect(maps.Keys(columns))
		if !has(names...) {
			continue
		}
		for _, c := range names {
			if has(c) {
				found = append(found, table+"."+c)
			}
		}
	}
	return sorted(found)
}

// dangling are foreign keys that lead nowhere; the other engines do not let any
// be committed.
func (w *world) dangling() []string {
	if w.d.Dialect != db.SQLite {
		return nil
	}
	return w.rows("PRAGMA foreign_key_check")
}

// TestDomainsInModoboa works in databases that Modoboa itself made: columns
// without defaults, two generations of them, and all of its oddities.
func TestDomainsInModoboa(t *testing.T) {
	eachDump(t, func(t *testing.T, w *world, release string) {
		dangling, problems := w.dangling(), w.problems()
		sound := func(what string) {
			t.Helper()
			if diff := cmp.Diff(dangling, w.dangling()); diff != "" {
				t.Errorf("%s: foreign keys that lead nowhere (-before +after):\n%s", what, diff)
			}
			for _, p := range w.problems() {
				if !slices.Contains(problems, strings.ReplaceAll(p, "new.test", "example.test")) {
					t.Errorf("%s: %s", what, p)
				}
			}
		}
		newer := release != "1.10.0"
		w.do("admin", func(t *manage.Tx) error {
			d, err := t.CreateDomain(manage.DomainInput{Name: some("made.test"), Quota: some[int64](10), MessageLimit: some(new(int64(5))), DKIMLength: some(new(int64(1024)))})
			if err != nil {
				return err
			}
			if (d.MessageLimit != nil) != newer || d.Quota != 10 || *d.DKIMLength != 1024 {
				w.t.Errorf("made: %+v", d)
			}
			in := relayInput("made.test", "h.test", 26)
			in.MessageLimit = some(new(int64(6)))
			if d, err = t.UpdateDomain(d.ID, in); err != nil {
				return err
			}
			if d.Transport == nil || d.Transport.NextHop != "[h.test]:26" {
				w.t.Errorf("as relay domain: %+v", d)
			}
			if _, err := t.CreateDomainAlias(aliasInput("made-alias.test", "made.test")); err != nil {
				return err
			}
			return t.DeleteDomain(d.ID, false)
		})
		if got := w.traces("made.test"); len(got) > 0 {
			t.Errorf("left of what was made: %q", got)
		}
		sound("made")
		before := w.traces("example.test")
		if err := w.update("admin", "example.test", manage.DomainInput{Name: some("new.test")}); err != nil {
			t.Fatal(err)
		}
		if got := w.traces("example.test"); len(got) > 0 {
			t.Errorf("left of a renamed domain: %q", got)
		}
		if diff := cmp.Diff(before, w.traces("new.test")); diff != "" {
			t.Errorf("columns that have its name (-before +after):\n%s", diff)
		}
		sound("renamed")
		for _, name := range []string{"new.test", "relay.test", "relay2.test", "relayoff.test", "disabled.test"} {
			w.deleteIn(t, name)
			sound("deleted " + name)
		}
		total := see(w, "admin", func(t *manage.Tx) (manage.Page[manage.Domain], error) { return t.Domains(manage.Query{}) }).Total
		if n := len(w.rows("SELECT id FROM admin_domain")); n != total {
			t.Errorf("%d domains are seen of %d", total, n)
		}
	})
}

// deleteIn deletes a domain. Its accounts stay, with their names, and what is
// not the domain's own: transports of single addresses, and recipients of
// aliases that lead nowhere in the database.
func (w *world) deleteIn(t *testing.T, name string) {
	t.Helper()
	if err := w.remove("admin", name); err != nil {
		t.Fatal(err)
	}
	for _, place := range w.traces(name) {
		if !strings.HasPrefix(place, "core_user.") && place != "transport_transport.pattern" && place != "modoboa_admin_aliasrecipient.address" {
			t.Errorf("left of %s: %s", name, place)
		}
	}
}
