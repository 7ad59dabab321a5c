package modoboa_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// export returns the lines of a database and the warnings.
func export(t *testing.T, d *db.DB, o modoboa.ExportOptions) (text string, warnings []string) {
	t.Helper()
	var b strings.Builder
	o.Warn = func(s string) { warnings = append(warnings, s) }
	r, err := modoboa.ExportCSV(t.Context(), d, &b, o)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, n := range r.Lines {
		total += n
	}
	if total != strings.Count(b.String(), "\n") || r.Warnings != len(warnings) {
		t.Errorf("the report counts %v and %d warnings, there are %d lines and %d", r.Lines, r.Warnings, strings.Count(b.String(), "\n"), len(warnings))
	}
	return b.String(), warnings
}

// exportFile has what needs care: catch-alls, names like formulas, quotes,
// separators, roles, other names, states, quotas.
const exportFile = `domain;one.test;1000;10;true
domain;two.test;0;0;false
relaydomain;relay.test;2001:db8::1;2525;relay;true;true
relaydomain;plain.test;mx.away.test;25;relay;false;false
domainalias;alias.test;one.test;true
domainalias;off.test;two.test;false
account;'+plus@one.test;{PLAIN}=x;'@Home;"a ""b"" ; c";true;SimpleUsers;'+plus@one.test;0
account;b@one.test;"{PLAIN};b";''=1;'''-2;false;SimpleUsers;b@one.test;20
account;boss;{SHA512-CRYPT}$6$x$y;=cmd|' /C calc'!A0;'x;true;DomainAdmins;boss@two.test;0;one.test;relay.test
account;root2;{PLAIN}x;;;true;SuperAdmins;;
account;seller;{PLAIN}x;Ünï;Çödé;true;Resellers;s@relay.test;5
alias;'@one.test;true;b@one.test
alias;'-dash@one.test;false;'+plus@one.test;'=far@away.test;b+x@one.test
alias;list@one.test;true;b@one.test;b+x@one.test;alias@two.test;who@relay.test
alias;alias@two.test;true;list@one.test
forward;b@one.test;true;b@one.test;far@away.test
`

// mailRows are the rows that lines stand for, by names instead of ids.
var mailRows = []string{
	"SELECT name, type, enabled, quota, default_mailbox_quota, enable_dns_checks, dkim_key_selector FROM admin_domain",
	"SELECT d.name, t.pattern, t.service, t.next_hop FROM admin_domain d JOIN transport_transport t ON t.id = d.transport_id",
	"SELECT pattern, action FROM relaydomains_recipientaccess",
	"SELECT a.name, d.name, a.enabled FROM admin_domainalias a JOIN admin_domain d ON d.id = a.target_id",
	"SELECT username, email, password, first_name, last_name, is_active, is_superuser, is_local FROM core_user",
	"SELECT u.username, g.name FROM core_user u JOIN core_user_groups ug ON ug.user_id = u.id JOIN auth_group g ON g.id = ug.group_id",
	"SELECT m.address, d.name, u.username, m.quota, m.use_domain_quota FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id JOIN core_user u ON u.id = m.user_id",
	"SELECT username, bytes, messages FROM admin_quota",
	"SELECT a.address, coalesce(d.name, '-'), a.enabled, a.internal FROM admin_alias a LEFT JOIN admin_domain d ON d.id = a.domain_id",
	`SELECT a.address, a.internal, r.address, coalesce(u.username, '-'), coalesce(ra.address, '-') FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id
		LEFT JOIN admin_mailbox m ON m.id = r.r_mailbox_id LEFT JOIN core_user u ON u.id = m.user_id LEFT JOIN admin_alias ra ON ra.id = r.r_alias_id`,
	`SELECT u.username, c.model, count(*) FROM core_objectaccess o JOIN core_user u ON u.id = o.user_id JOIN django_content_type c ON c.id = o.content_type_id
		WHERE u.username NOT IN ('admin', 'root2') GROUP BY u.username, c.model`, // of super administrators it depends on who came first
	"SELECT u.username, l.name, l.max_value FROM limits_userobjectlimit l JOIN core_user u ON u.id = l.user_id",
	"SELECT d.name, l.name, l.max_value FROM limits_domainobjectlimit l JOIN admin_domain d ON d.id = l.domain_id",
}

func mailRowsOf(t *testing.T, d *db.DB) (out []string) {
	t.Helper()
	// The administrator whom Init made has a password and a day of his own.
	run(t, d, "UPDATE core_user SET password = '{PLAIN}admin' WHERE username = 'admin'")
	booleans := strings.NewReplacer("true", "1", "false", "0")
	for _, q := range mailRows {
		rows := column(t, d, q)
		for i := range rows {
			rows[i] = booleans.Replace(rows[i])
		}
		slices.Sort(rows)
		out = append(append(out, q), rows...)
	}
	return out
}

// TestExportRoundTrip exports, imports into an empty database and finds the
// same rows there and the same file.
func TestExportRoundTrip(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		importCSV(t, d, exportFile+strings.NewReplacer("example", "demo").Replace(modoboa.DemoData), modoboa.ImportOptions{})
		want := mailRowsOf(t, d)
		first, warnings := export(t, d, modoboa.ExportOptions{})
		if len(warnings) > 0 {
			t.Errorf("warnings %q", warnings)
		}
		for cell := range strings.FieldsFuncSeq(first, func(r rune) bool { return r == ';' || r == '\n' }) {
			if cell = strings.TrimPrefix(cell, `"`); strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
		url := map[db.Dialect]func() string{
			db.SQLite: func() string { return dbtest.SQLite(t) }, db.PostgreSQL: func() string { return dbtest.Postgres(t).NewDatabase(t) },
			db.MySQL: func() string { return dbtest.MariaDB(t).NewDatabase(t) },
		}[d.Dialect]()
		other := openDB(t, url)
		if _, err := modoboa.Init(t.Context(), other, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		importCSV(t, other, first, modoboa.ImportOptions{ContinueIfExists: true}) // the administrator is there
		if diff := cmp.Diff(want, mailRowsOf(t, other)); diff != "" {
			t.Errorf("rows (-exported +imported):\n%s", diff)
		}
		second, _ := export(t, other, modoboa.ExportOptions{})
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("files (-first +second):\n%s", diff)
		}
	})
}

// TestExportText is the same text from all engines.
func TestExportText(t *testing.T) {
	const want = `domain;one.test;1000;10;true
domain;two.test;0;0;false
relaydomain;plain.test;mx.away.test;25;relay;false;false
relaydomain;relay.test;2001:db8::1;2525;relay;true;true
domainalias;alias.test;one.test;true
domainalias;off.test;two.test;false
account;'+plus@one.test;{PLAIN}=x;'@Home;"a ""b"" ; c";true;SimpleUsers;'+plus@one.test;0
account;admin;{PLAIN}admin;;;true;SuperAdmins;;
account;b@one.test;"{PLAIN};b";''=1;'''-2;false;SimpleUsers;b@one.test;20
account;boss;{SHA512-CRYPT}$6$x$y;'=cmd|' /C calc'!A0;'x;true;DomainAdmins;boss@two.test;0;one.test;relay.test
account;root2;{PLAIN}x;;;true;SuperAdmins;;
account;seller;{PLAIN}x;Ünï;Çödé;true;Resellers;s@relay.test;5
alias;'-dash@one.test;false;'+plus@one.test;'=far@away.test;b+x@one.test
alias;'@one.test;true;b@one.test
alias;alias@two.test;true;list@one.test
forward;b@one.test;true;b@one.test;far@away.test
alias;list@one.test;true;b@one.test;alias@two.test;who@relay.test;b+x@one.test
`
	initialised(t, func(t *testing.T, d *db.DB) {
		importCSV(t, d, exportFile, modoboa.ImportOptions{})
		run(t, d, "UPDATE core_user SET password = '{PLAIN}admin', first_name = '', last_name = '' WHERE username = 'admin'")
		got, _ := export(t, d, modoboa.ExportOptions{})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got, _ = export(t, d, modoboa.ExportOptions{Domains: []string{"TWO.test"}, NoPasswords: true, Separator: ','})
		const two = `domain,two.test,0,0,false
domainalias,off.test,two.test,false
account,boss,,'=cmd|' /C calc'!A0,'x,true,DomainAdmins,boss@two.test,0
alias,alias@two.test,true,list@one.test
`
		if diff := cmp.Diff(two, got); diff != "" {
			t.Errorf("one domain (-want +got):\n%s", diff)
		}
		if _, err := modoboa.ExportCSV(t.Context(), d, &strings.Builder{}, modoboa.ExportOptions{Domains: []string{"two.test", "none.test"}}); !errors.Is(err, modoboa.ErrNoDomain) || !strings.HasSuffix(err.Error(), ": none.test") {
			t.Errorf("a domain that does not exist: %v", err)
		}
	})
}

// TestExportWarnings exports what no line can hold, or what comes back as
// something else.
func TestExportWarnings(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		importCSV(t, d, exportFile[:strings.Index(exportFile, "account;b@")]+"account;c@one.test;{PLAIN}x;C;;true;SimpleUsers;c@one.test;5\naccount;d@one.test;{PLAIN}x;;;true;SimpleUsers;d@one.test\n"+
			"account;e@relay.test;{PLAIN}x;;;true;SimpleUsers;e@relay.test\nforward;c@one.test;true;far@away.test\nalias;gone@one.test;true;c@one.test\nalias;x@relay.test;1;c@one.test\ndomainalias;r.test;relay.test;true\n", modoboa.ImportOptions{})
		no := "0"
		if d.Dialect == db.PostgreSQL {
			no = "false"
		}
		run(t, d, "UPDATE admin_mailbox SET quota = 0, use_domain_quota = "+no+" WHERE address = 'c'",
			"UPDATE admin_alias SET enabled = "+no+" WHERE address = 'c@one.test' AND internal <> "+no,
			"DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE address = 'gone@one.test')",
			"UPDATE core_user SET password = 'sEcReT', first_name = 'a\tb' WHERE username = 'd@one.test'",
			"UPDATE transport_transport SET next_hop = '', _settings = '{}' WHERE pattern = 'relay.test'",
			"UPDATE transport_transport SET next_hop = '', _settings = '{\"relay_target_host\": \"mx.old.test\", \"relay_target_port\": \"26\"}' WHERE pattern = 'plain.test'",
			"DELETE FROM core_user_groups WHERE user_id IN (SELECT id FROM core_user WHERE username = '+plus@one.test')")
		got, warnings := export(t, d, modoboa.ExportOptions{})
		want := []string{
			`relaydomain "relay.test" is left out: it has no transport with a host and a port, without which no line can be written`,
			`domainalias "r.test" is left out with its domain`,
			`account "+plus@one.test" is left out: it has no role`,
			`account "c@one.test" has no quota, but its domain has a default, 10 MB, which it gets with an import`,
			`account "d@one.test" has no password of the form {SCHEME}hash: the field is empty, and an import refuses the line until it has one`,
			`account "d@one.test": the name has characters that no line can hold, which are left out`,
			`account "e@relay.test" is left out: its role is SimpleUsers, and it has no mailbox of this name`,
			`forward "c@one.test" keeps no copy in the mailbox; after an import it does, until the internal alias is disabled`,
			`alias "gone@one.test" is left out: it has no recipient`,
			`alias "x@relay.test" is left out with its domain`,
		}
		if diff := cmp.Diff(want, warnings); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		for _, line := range []string{"relaydomain;plain.test;mx.old.test;26;relay;false;false\n", "account;d@one.test;;ab;;true;SimpleUsers;d@one.test;0\n"} {
			if !strings.Contains(got, line) {
				t.Errorf("%q is missing in\n%s", line, got)
			}
		}
	})
}
