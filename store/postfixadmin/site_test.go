package postfixadmin_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/postfixadmin"
)

func TestMain(m *testing.M) {
	code := dbtest.Main(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// words are what the test's tables and rows say differently to the engines, as
// PostfixAdmin's own setup does.
func words(d db.Dialect) *strings.Replacer {
	switch d {
	case db.PostgreSQL:
		return strings.NewReplacer("{ID}", "serial PRIMARY KEY", "{BOOL}", "boolean NOT NULL DEFAULT true", "{BOOLNO}", "boolean NOT NULL DEFAULT false", "{YES}", "true", "{NO}", "false",
			"{TIME}", "timestamp with time zone DEFAULT '2000-01-01'", " {INNODB}", "", " {MYISAM}", "")
	case db.MySQL:
		return strings.NewReplacer("{ID}", "int NOT NULL AUTO_INCREMENT PRIMARY KEY", "{BOOL}", "tinyint(1) NOT NULL DEFAULT 1", "{BOOLNO}", "tinyint(1) NOT NULL DEFAULT 0", "{YES}", "1", "{NO}", "0",
			"{TIME}", "datetime NOT NULL DEFAULT '2000-01-01 00:00:00'", "{INNODB}", "ENGINE=InnoDB DEFAULT CHARSET=latin1", "{MYISAM}", "ENGINE=MyISAM DEFAULT CHARSET=latin1")
	}
	return strings.NewReplacer("{ID}", "integer PRIMARY KEY AUTOINCREMENT NOT NULL", "{BOOL}", "tinyint(1) NOT NULL DEFAULT 1", "{BOOLNO}", "tinyint(1) NOT NULL DEFAULT 0", "{YES}", "1", "{NO}", "0",
		"{TIME}", "datetime NOT NULL DEFAULT '2000-01-01'", " {INNODB}", "", " {MYISAM}", "")
}

// statements runs the statements of a text, which end at the end of a line.
func statements(t testing.TB, d *db.DB, text string) {
	t.Helper()
	for s := range strings.SplitSeq(words(d.Dialect).Replace(text), ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			dbtest.Exec(t, d, strings.TrimSuffix(s, ";"))
		}
	}
}

func file(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// source makes a PostfixAdmin database of a release and returns it opened as
// the command does.
func source(t testing.TB, url, release, data string) *db.DB {
	t.Helper()
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	statements(t, d, file(t, "tables-"+release+".sql"))
	statements(t, d, data)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return dbtest.Open(t, url, db.Options{ReadOnly: true, MustExist: true})
}

// target is an empty database that vmapd init made.
func target(t testing.TB, url string) *db.DB {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(context.Background(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	return d
}

// imports runs an import and returns what it warned of, a line each.
func imports(t testing.TB, from, to *db.DB, o postfixadmin.Options) (*postfixadmin.Report, []string) {
	t.Helper()
	r, err := postfixadmin.Import(context.Background(), from, to, o)
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(r.Warnings))
	for i, w := range r.Warnings {
		lines[i] = w.String()
	}
	return r, lines
}

// contents prints a target, without what Init made.
func contents(t testing.TB, d *db.DB) []string {
	t.Helper()
	var out []string
	for _, q := range []struct{ format, query string }{
		{"%[3]s %[1]s enabled=%[2]s quota=%[4]s default=%[5]s via=%[6]s", `SELECT d.name, d.enabled, d.type, d.quota, d.default_mailbox_quota, coalesce(t.next_hop, '-')
			FROM admin_domain d LEFT JOIN transport_transport t ON t.id = d.transport_id`},
		{"domainalias %s of %s enabled=%s", "SELECT a.name, d.name, a.enabled FROM admin_domainalias a JOIN admin_domain d ON d.id = a.target_id"},
		{"account %s <%s> %s enabled=%s %q %q %q", `SELECT u.username, u.email, coalesce(g.name, 'SuperAdmins'), u.is_active, u.password, u.first_name, u.last_name
			FROM core_user u LEFT JOIN core_user_groups ug ON ug.user_id = u.id LEFT JOIN auth_group g ON g.id = ug.group_id WHERE u.username <> 'admin'`},
		{"mailbox %s@%s of %s quota=%s default=%s", `SELECT m.address, d.name, u.username, m.quota, m.use_domain_quota
			FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id JOIN core_user u ON u.id = m.user_id`},
		{"usage %s %s bytes %s messages", "SELECT username, bytes, messages FROM admin_quota"},
		{"alias %s internal=%s enabled=%s to %s mailbox=%s alias=%s", `SELECT a.address, a.internal, a.enabled, coalesce(r.address, '-'), coalesce(u.username, '-'), coalesce(ra.address, '-')
			FROM admin_alias a LEFT JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id LEFT JOIN admin_mailbox m ON m.id = r.r_mailbox_id
			LEFT JOIN core_user u ON u.id = m.user_id LEFT JOIN admin_alias ra ON ra.id = r.r_alias_id`},
		{"access %s %s %s", `SELECT u.username, c.model, count(*) FROM core_objectaccess o JOIN core_user u ON u.id = o.user_id
			JOIN django_content_type c ON c.id = o.content_type_id GROUP BY u.username, c.model`},
		{"limits %s %s", "SELECT d.name, count(*) FROM limits_domainobjectlimit l JOIN admin_domain d ON d.id = l.domain_id GROUP BY d.name"},
	} {
		var lines []string
		for _, values := range query(t, d, q.query) {
			lines = append(lines, fmt.Sprintf(q.format, values...))
		}
		slices.Sort(lines)
		out = append(out, lines...)
	}
	return out
}

// query returns rows as text; booleans are 1 and 0.
func query(t testing.TB, d *db.DB, text string) (out [][]any) {
	t.Helper()
	rows, err := d.QueryContext(context.Background(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]string, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		line := make([]any, len(values))
		for i, v := range values {
			line[i] = strings.NewReplacer("true", "1", "false", "0").Replace(v)
		}
		out = append(out, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
