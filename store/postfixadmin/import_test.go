package postfixadmin_test

import (
	"context"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/postfixadmin"
)

var update = flag.Bool("update", false, "write testdata/site.want anew")

// engines gives the URL of an empty database of each kind.
func engines() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return dbtest.SQLite(t) },
		"postgres": func(t testing.TB) string { return dbtest.Postgres(t).NewDatabase(t) },
		"mariadb":  func(t testing.TB) string { return dbtest.MariaDB(t).NewDatabase(t) },
	}
}

// TestImportSite brings one site from each engine to each engine. What is in
// testdata/site.want was read line by line.
func TestImportSite(t *testing.T) {
	data := file(t, "site.sql")
	for _, release := range []string{"2.3", "4"} {
		for fromName, fromURL := range engines() {
			for toName, toURL := range engines() {
				if release == "2.3" && toName != "sqlite" {
					continue
				}
				t.Run(release+"-"+fromName+"-"+toName, func(t *testing.T) {
					from, to := source(t, fromURL(t), release, data), target(t, toURL(t))
					_, warnings := imports(t, from, to, postfixadmin.Options{})
					if len(warnings) > 0 && strings.Contains(warnings[0], "MyISAM") != (release == "2.3" && fromName == "mariadb") {
						t.Errorf("warning of the engine: %s", warnings[0])
					}
					if strings.Contains(warnings[0], "MyISAM") {
						warnings = warnings[1:]
					}
					slices.Sort(warnings) // engines sort keys in their own ways
					got := strings.Join(append(contents(t, to), warnings...), "\n") + "\n"
					if *update && fromName == "sqlite" && toName == "sqlite" {
						if err := os.WriteFile("testdata/site.want", []byte(got), 0o644); err != nil {
							t.Fatal(err)
						}
					}
					if diff := cmp.Diff(strings.Split(file(t, "site.want"), "\n"), strings.Split(got, "\n")); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

// TestImportAgain imports twice, then once more after both sides have changed.
func TestImportAgain(t *testing.T) {
	for name, url := range engines() {
		t.Run(name, func(t *testing.T) {
			fromURL := url(t)
			from, to := source(t, fromURL, "4", file(t, "site.sql")), target(t, url(t))
			first, _ := imports(t, from, to, postfixadmin.Options{})
			before := contents(t, to)
			again, _ := imports(t, from, to, postfixadmin.Options{})
			if diff := cmp.Diff(before, contents(t, to)); diff != "" {
				t.Errorf("the second import changed something:\n%s", diff)
			}
			for kind, n := range again.Created {
				if n > 0 {
					t.Errorf("the second import created %d %s", n, kind)
				}
			}
			if n := first.Created["account"]; again.Skipped["account"] != n || len(again.Extended) > 0 {
				t.Errorf("the second import skipped %v, extended %v; %d accounts are there", again.Skipped, again.Extended, n)
			}
			change(t, dbtest.Open(t, fromURL, db.Options{}), to)
			more, _ := imports(t, from, to, postfixadmin.Options{})
			if more.Created["alias"] != 1 || more.Created["recipient"] != 2 || more.Extended["alias"] != 1 || more.Extended["account"] != 1 {
				t.Errorf("the third import created %v, extended %v", more.Created, more.Extended)
			}
			text := strings.Join(contents(t, to), "\n")
			for _, line := range []string{
				"alias info@one.test internal=0 enabled=0 to late@away.test mailbox=- alias=-",
				"alias off@one.test internal=0 enabled=0 to a@one.test mailbox=a@one.test alias=-",
				`account a@one.test <a@one.test> SimpleUsers enabled=1 "{PLAIN}new" "Ann" "Mary Lee"`,
				"access boss@one.test domain 3",
			} {
				if !strings.Contains(text, line+"\n") {
					t.Errorf("%q is missing in\n%s", line, text)
				}
			}
		})
	}
}

// change lets an administrator work on both sides.
func change(t *testing.T, from, to *db.DB) {
	t.Helper()
	statements(t, from, `UPDATE alias SET goto = 'a@one.test,late@away.test,a+x@one.test,sales@one.test,nobody@two.test' WHERE address = 'info@one.test';
UPDATE domain_admins SET active = {YES} WHERE domain = 'two.test';
UPDATE domain SET maxquota = 5 WHERE domain = 'two.test';
`)
	statements(t, to, `DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE address = 'off@one.test');
DELETE FROM core_objectaccess WHERE object_id IN (SELECT id FROM admin_alias WHERE address = 'off@one.test') AND content_type_id IN (SELECT id FROM django_content_type WHERE model = 'alias');
DELETE FROM admin_alias WHERE address = 'off@one.test';
UPDATE core_user SET password = '{PLAIN}new' WHERE username = 'a@one.test';
UPDATE admin_alias SET enabled = {NO} WHERE address = 'info@one.test';
`)
}

func TestDryRun(t *testing.T) {
	for name, url := range engines() {
		t.Run(name, func(t *testing.T) {
			from, to := source(t, url(t), "4", file(t, "site.sql")), target(t, url(t))
			before := contents(t, to)
			var changes [2][]postfixadmin.Change
			var reports [2]*postfixadmin.Report
			for i, dry := range []bool{true, false} {
				var done, total int64
				reports[i], _ = imports(t, from, to, postfixadmin.Options{
					DryRun:   dry,
					Change:   func(c postfixadmin.Change) { changes[i] = append(changes[i], c) },
					Progress: func(a, b int64) { done, total = a, b },
				})
				if done != total || done == 0 {
					t.Errorf("progress ended at %d of %d", done, total)
				}
				if diff := cmp.Diff(before, contents(t, to)); dry && diff != "" {
					t.Errorf("the dry run wrote:\n%s", diff)
				}
			}
			reports[1].DryRun = true
			if diff := cmp.Diff(reports[0], reports[1]); diff != "" {
				t.Errorf("the import reports something else than the dry run:\n%s", diff)
			}
			if diff := cmp.Diff(changes[0], changes[1]); diff != "" || len(changes[0]) < 20 {
				t.Errorf("the import changes something else than the dry run:\n%s", diff)
			}
		})
	}
}

// TestRefused are sources and targets that cannot be used.
func TestRefused(t *testing.T) {
	site := source(t, dbtest.SQLite(t), "4", "")
	empty := dbtest.Open(t, dbtest.SQLite(t), db.Options{})
	for _, c := range []struct {
		name     string
		from, to *db.DB
		o        postfixadmin.Options
		want     string
	}{
		{"no tables", empty, target(t, dbtest.SQLite(t)), postfixadmin.Options{}, "has no table domain: name the database of PostfixAdmin 2.3 or newer, and --table-prefix"},
		{"other tables", target(t, dbtest.SQLite(t)), target(t, dbtest.SQLite(t)), postfixadmin.Options{}, "has no table domain"},
		{"prefix", site, target(t, dbtest.SQLite(t)), postfixadmin.Options{TablePrefix: "pfa_"}, "has no table pfa_domain"},
		{"no target", site, empty, postfixadmin.Options{}, `run "vmapd init" first`},
		{"scheme", site, target(t, dbtest.SQLite(t)), postfixadmin.Options{Scheme: "ROT13"}, `"ROT13" is no password scheme`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := postfixadmin.Import(context.Background(), c.from, c.to, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
