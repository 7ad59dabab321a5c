package modoboa_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func importCSV(t *testing.T, d *db.DB, text string, o modoboa.ImportOptions) *modoboa.ImportReport {
	t.Helper()
	r, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// demoAnswers are what Modoboa's queries say after the import of DemoData.
var demoAnswers = []struct{ query, key, want string }{
	{"domains", "example.test", "example.test"},
	{"domains", "old.example", ""},
	{"domains", "relay.example", ""},
	{"relaydomains", "relay.example", "relay.example"},
	{"domain-aliases", "example-alias.test", "example.test"},
	{"aliases", "alice@example.test", "alice@example.test"},
	{"aliases", "bob@example.test", "bob@elsewhere.example,bob@example.test,bob@example.test"},
	{"aliases", "info@example.test", "alice@example.test,bob@example.test,someone@elsewhere.example"},
	{"aliases", "sales@example.test", "info@example.test"},
	{"aliases", "lists@example.test", "bob+lists@example.test"},
	{"aliases", "gone@example.test", ""},
	{"aliases", "@shop.example", "carol@shop.example"},
	{"aliases", "@example-alias.test", "@example.test"},
	{"recipient-verification", "any@relay.example", "reject_unverified_recipient"},
	{"transport", "relay.example", "relay:[192.0.2.25]:25"},
	{"spliteddomains", "erin@relay.example", "lmtp:unix:private/dovecot-lmtp"},
	{"sender-login", "alice@example.test", "alice@example.test"},
	{"sender-login", "info@example.test", "alice@example.test,bob@example.test"},
	{"sender-login", "sales@example.test", ""},
	{"sender-login", "lists@example-alias.test", "bob@example.test"},
	{"user", "alice@example.test", "/srv/vmail/example.test/alice 10 *:bytes=1000M"},
	{"user", "bob@example.test", "/srv/vmail/example.test/bob 10 *:bytes=500M"},
	{"iterate", "-", ",alice@example.test,bob@example.test,carol@shop.example,erin@relay.example,frank@old.example"},
}

func TestImportDemo(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		report := importCSV(t, d, modoboa.DemoData, modoboa.ImportOptions{})
		want := map[string]int{"domain": 3, "domainalias": 1, "relaydomain": 1, "account": 6, "alias": 6, "mailbox": 6, "recipient": 9}
		if diff := cmp.Diff(want, report.Created); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		if len(report.Changes) != 17 || report.Lines != 17 || len(report.Warnings) > 0 {
			t.Errorf("%d changes, %d lines, warnings %v", len(report.Changes), report.Lines, report.Warnings)
		}
		for _, c := range demoAnswers {
			if got := askSQL(t, d, c.query, c.key); got != c.want {
				t.Errorf("%s of %q: %q, want %q", c.query, c.key, got, c.want)
			}
		}
		for _, key := range []string{"dave@shop.example", "frank@old.example"} {
			if got := askSQL(t, d, "password", key); got != "" {
				t.Errorf("%s can log in", key)
			}
		}
		if got := askSQL(t, d, "password", "alice@example.test"); !strings.HasPrefix(got, "alice@example.test {SHA512-CRYPT}$6$") {
			t.Errorf("password of alice: %q", got)
		}
		checkDemoRows(t, d)
		checkDemoSnapshot(t, d)
	})
}

// checkDemoRows looks at the rows beside the mail tables.
func checkDemoRows(t *testing.T, d *db.DB) {
	t.Helper()
	for query, want := range map[string][]string{
		`SELECT u.username, g.name FROM core_user u JOIN core_user_groups ug ON ug.user_id = u.id JOIN auth_group g ON g.id = ug.group_id
			WHERE u.username LIKE 'c%' OR u.username LIKE 'a%'`: {"alice@example.test SimpleUsers", "carol@shop.example DomainAdmins"},
		`SELECT username, bytes, messages FROM admin_quota WHERE username LIKE 'a%'`:                                                   {"alice@example.test 0 0"},
		`SELECT count(*) FROM admin_quota`:                                                                                             {"6"},
		`SELECT d.name, t.pattern FROM admin_domain d JOIN transport_transport t ON t.id = d.transport_id`:                             {"relay.example relay.example"},
		`SELECT a.address, count(*) FROM admin_alias a WHERE a.domain_id IS NULL GROUP BY a.address`:                                   {"@example-alias.test 1"},
		`SELECT r.address FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.r_alias_id WHERE a.address LIKE 'info@%'`: {"info@example.test"},
		`SELECT d.name, count(*) FROM limits_domainobjectlimit l JOIN admin_domain d ON d.id = l.domain_id WHERE d.name = 'example.test' GROUP BY d.name`: {
			"example.test 4",
		},
		`SELECT count(*) FROM limits_userobjectlimit`: {"42"},
		`SELECT t.model, count(*) FROM core_objectaccess o JOIN django_content_type t ON t.id = o.content_type_id JOIN core_user u ON u.id = o.user_id
			WHERE u.username = 'admin' GROUP BY t.model`: {"alias 6", "domain 4", "domainalias 1", "mailbox 6", "user 7"},
		`SELECT t.model, count(*) FROM core_objectaccess o JOIN django_content_type t ON t.id = o.content_type_id JOIN core_user u ON u.id = o.user_id
			WHERE u.username = 'carol@shop.example' GROUP BY t.model`: {"alias 1", "domain 1", "mailbox 2", "user 2"},
	} {
		if diff := cmp.Diff(want, column(t, d, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	on := map[bool]int{}
	for _, a := range []string{"alice@example.test", "dave@shop.example"} {
		on[a[0] == 'a'] = len(column(t, d, "SELECT id FROM admin_alias WHERE address = ? AND internal = ? AND enabled = ?", a, true, true))
	}
	if on[true] != 1 || on[false] != 0 {
		t.Errorf("self-aliases: alice has %d enabled, want 1; dave, who is disabled, has %d, want 0", on[true], on[false])
	}
}

func checkDemoSnapshot(t *testing.T, d *db.DB) {
	t.Helper()
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: d}).Load(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s := b.Build(time.Now())
	if problems, n := s.Problems(); n > 0 {
		t.Errorf("problems in the snapshot: %v", problems)
	}
	want := store.Counts{Domains: 4, DomainAliases: 1, Accounts: 7, Mailboxes: 6, Aliases: 13, Recipients: 16, Transports: 1, RecipientAccess: 1}
	if diff := cmp.Diff(want, s.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

const base = `domain;one.test;1000;0;yes
domain;two.test;0;0;1
account;a@one.test;{PLAIN}a;A;A;true;SimpleUsers;a@one.test;400
`

func TestImportErrors(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		importCSV(t, d, base, modoboa.ImportOptions{})
		before := counts(t, d)
		for _, c := range importErrors {
			r, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(c.csv), modoboa.ImportOptions{})
			var lines *modoboa.ImportError
			if !errors.As(err, &lines) {
				t.Errorf("%q: report %v, error %v, want an *ImportError", c.csv, r, err)
				continue
			}
			if got := lines.Error(); got != c.want {
				t.Errorf("%q:\n got %s\nwant %s", c.csv, got, c.want)
			}
			if strings.Contains(err.Error(), "sEcReT") {
				t.Errorf("%q: the error has the password in it", c.csv)
			}
		}
		if diff := cmp.Diff(before, counts(t, d)); diff != "" {
			t.Errorf("refused files have left rows behind:\n%s", diff)
		}
	})
}

var importErrors = []struct{ csv, want string }{
	{"what;x", "line 1: what: is no kind of line: it must begin with domain, domainalias, relaydomain, account, alias, forward or dlist"},
	{"domain;x.test;0;0", "line 1: domain: has 4 fields, 5 are needed: domain;name;quota;default mailbox quota;enabled"},
	{"\n# c\ndomain;one.test;0;0;1", `line 3: domain: domain "one.test" exists: remove the line, or import with --continue-if-exists`},
	{"domain;x y.test;0;0;1", `line 1: domain: "x y.test" is not a domain name`},
	{"domain;x.test;many;0;1", `line 1: domain: quota "many" is not a number of megabytes: write 0 for unlimited`},
	{"domain;x.test;0;-1;1", `line 1: domain: default mailbox quota "-1" is not a number of megabytes: write 0 for unlimited`},
	{"domain;x.test;10;11;1", `line 1: domain: the default mailbox quota of "x.test", 11 MB, is more than the domain has, 10 MB`},
	{"domain;x.test;0;0;1\ndomain;X.test;0;0;1", `line 2: domain: "x.test" is in line 1 already: remove one of the two lines`},
	{"domainalias;x.test;nowhere.test;1", `line 1: domainalias: domain "nowhere.test" does not exist: add a "domain" line before it`},
	{"domainalias;one.test;two.test;1", `line 1: domainalias: "one.test" is a domain: remove one of the two`},
	{"domainalias;x.test;one.test;1\ndomain;x.test;0;0;1", `line 2: domain: "x.test" is a domain alias of "one.test": remove one of the two`},
	{"relaydomain;r.test;h.test;25;relay;1", "line 1: relaydomain: has 6 fields, it must have 7: relaydomain;name;host;port;service;enabled;verify recipients"},
	{"relaydomain;r.test;[h.test];25;relay;1;1", `line 1: relaydomain: host "[h.test]": must be a name or an IP address, without brackets and port`},
	{"relaydomain;r.test;h.test;0;relay;1;1", `line 1: relaydomain: port "0" is not a number from 1 to 65535`},
	{"account;b@x.test;{PLAIN}sEcReT;B;B;1;SimpleUsers;b@x.test;0", `line 1: account: domain "x.test" does not exist: add a "domain" line before it`},
	{
		"account;b@one.test;sEcReT;B;B;1;SimpleUsers;b@one.test;0",
		`line 1: account: the password of "b@one.test" does not begin with {SCHEME}: give the hash, or import with --crypt-passwords to hash it`,
	},
	{"account;b@one.test;{PLAIN}sEcReT" + strings.Repeat("x", 250) + ";B;B;1;SimpleUsers;b@one.test;0", `line 1: account: the password of "b@one.test" is too long`},
	{"account;b@one.test;;B;B;1;SimpleUsers;b@one.test;0", `line 1: account: the password of "b@one.test" is empty`},
	{"account;b;{PLAIN}sEcReT;B;B;1;SimpleUsers;b@one.test;0", `line 1: account: login "b" and address "b@one.test" must be the same for the role SimpleUsers`},
	{"account;b;{PLAIN}sEcReT;B;B;1;King", `line 1: account: role "King": must be SimpleUsers, DomainAdmins, Resellers or SuperAdmins`},
	{"account;b@one.test;{PLAIN}sEcReT;B;B;1;SimpleUsers;b@one.test;700", `line 1: account: quota of 700 MB: domain "one.test" has 600 MB left of its 1000 MB`},
	{"account;A@one.test;{PLAIN}sEcReT;B;B;1;SimpleUsers;A@one.test", `line 1: account: account "a@one.test" exists: remove the line, or import with --continue-if-exists`},
	{"account;boss;{PLAIN}sEcReT;B;B;1;Resellers;a@one.test", `line 1: account: mailbox "a@one.test" exists, with another login`},
	{"account;b c@one.test;{PLAIN}sEcReT;B;B;1;SimpleUsers;b c@one.test", `line 1: account: login "b c@one.test" is empty or has a blank in it`},
	{"alias;x@one.test;1", "line 1: alias: has 3 fields, 4 are needed: alias;address;enabled;recipient;..."},
	{"dlist;x@one.test;1;a@one.test", "line 1: dlist: has 4 fields, 5 are needed: dlist;address;enabled;recipient;..."},
	{"alias;x@one.test;1;;", "line 1: alias: has no recipient"},
	{"alias;x@one.test;1;nobody@one.test", `line 1: alias: recipient "nobody@one.test" is neither a mailbox nor an alias of domain "one.test": add it to the file or remove it here`},
	{"alias;x@one.test;1;x+y@one.test", `line 1: alias: recipient "x+y@one.test" is the alias itself`},
	{"alias;x@one.test;1;a,b@far.test", `line 1: alias: recipient "a,b@far.test" ',' cannot stand before the "@"`},
	{"alias;x@one.test;1;@far.test", `line 1: alias: recipient "@far.test" has nothing before the "@"`},
	{"alias;x;1;a@one.test", `line 1: alias: address "x" has no "@"`},
	// What a bad line would have made is not missed by the lines below it.
	{
		"domain;x.test;oops;0;1\naccount;b@x.test;{PLAIN}b;B;B;1;SimpleUsers;b@x.test;0\nalias;c@x.test;1;b@x.test;d@x.test",
		`line 1: domain: quota "oops" is not a number of megabytes: write 0 for unlimited` + "\n" +
			`line 3: alias: recipient "d@x.test" is neither a mailbox nor an alias of domain "x.test": add it to the file or remove it here`,
	},
	{"domain;a\x00.test;0;0;1\ndomain;b.test;0;0;1", "line 1: field 2 contains a NUL byte"},
	{"alias;x@one.test;1;\"a\n@one.test\"", "line 1: field 4 contains a line break"},
	{"alias;x@one.test;1;a\x1b@one.test", "line 1: field 4 contains a control character"},
	{"alias;x@one.test;1;a\xff@one.test", "line 1: field 4 is not valid UTF-8"},
	{
		"domain;x.test;0;0;1\nalias;\"x\"@one.test;1;a@one.test",
		`line 2: extraneous or missing " in quoted-field: put a field with a quote or the separator in it between quotes, and double the quotes inside`,
	},
	{
		"alias;" + strings.Repeat("x", 300) + "@one.test;1;a@one.test",
		`line 1: alias: "` + strings.Repeat("x", 60) + `..." has 309 characters, 254 is the most (column admin_alias.address)`,
	},
}

// TestImportNoTables imports into nothing: with and without hashing, which
// reads before the transaction that writes.
func TestImportNoTables(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := openDB(t, url)
		for _, crypt := range []bool{false, true} {
			_, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(base), modoboa.ImportOptions{CryptPasswords: crypt})
			if err == nil || !strings.Contains(err.Error(), `"vmapd init"`) {
				t.Errorf("crypt %v: error %v, want one that names vmapd init", crypt, err)
			}
		}
	})
}

func TestImportManyErrors(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		_, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(strings.Repeat("domain;x\n", 250)), modoboa.ImportOptions{})
		var lines *modoboa.ImportError
		if !errors.As(err, &lines) || len(lines.Lines) != 100 || lines.Total != 250 || !strings.HasSuffix(lines.Error(), "and 150 more errors") {
			t.Errorf("error %v", err)
		}
	})
}

// counts returns the number of rows of each table that an import writes.
func counts(t *testing.T, d *db.DB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, table := range []string{
		"core_user", "core_user_groups", "admin_domain", "admin_domainalias", "admin_mailbox", "admin_quota", "admin_alias",
		"modoboa_admin_aliasrecipient", "transport_transport", "relaydomains_recipientaccess", "core_objectaccess",
		"limits_userobjectlimit", "limits_domainobjectlimit",
	} {
		out[table] = column(t, d, "SELECT count(*) FROM "+table)[0]
	}
	return out
}

func TestImportDryRun(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		before := counts(t, d)
		dry := importCSV(t, d, modoboa.DemoData, modoboa.ImportOptions{DryRun: true})
		if r := importCSV(t, d, modoboa.DemoData, modoboa.ImportOptions{DryRun: true, CryptPasswords: true}); len(r.Warnings) != 6 {
			t.Errorf("hashing hashes gives the warnings %v, want one for each of 6 accounts", r.Warnings)
		}
		if diff := cmp.Diff(before, counts(t, d)); diff != "" {
			t.Errorf("a dry run has left rows behind:\n%s", diff)
		}
		wet := importCSV(t, d, modoboa.DemoData, modoboa.ImportOptions{})
		dry.DryRun = wet.DryRun
		if diff := cmp.Diff(wet, dry); diff != "" {
			t.Errorf("the dry run reports something else (-import +dry run):\n%s", diff)
		}
	})
}

func TestImportContinue(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		importCSV(t, d, modoboa.DemoData, modoboa.ImportOptions{})
		before := counts(t, d)
		again := importCSV(t, d, modoboa.DemoData, modoboa.ImportOptions{ContinueIfExists: true})
		if diff := cmp.Diff(before, counts(t, d)); diff != "" {
			t.Errorf("the second import changed something:\n%s", diff)
		}
		if again.Skipped != 17 || again.Created["recipient"] != 0 {
			t.Errorf("second import: %d lines skipped, want 17; created %v", again.Skipped, again.Created)
		}
		more := importCSV(t, d, "alias;INFO@example.test;true;Far@Away.Example;alice@example.test;bob+x@example.test\n"+
			"account;new@example.test;{PLAIN}x;N;N;true;SimpleUsers;new@example.test\n", modoboa.ImportOptions{ContinueIfExists: true})
		want := []modoboa.Change{
			{Line: 1, Action: "extend", Kind: "alias", Name: "info@example.test", Detail: "2 recipients added"},
			{Line: 2, Action: "create", Kind: "account", Name: "new@example.test", Detail: "SimpleUsers, mailbox"},
		}
		if diff := cmp.Diff(want, more.Changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		// The second extension of a mailbox has no r_mailbox_id.
		got := column(t, d, `SELECT r.address, coalesce(m.address, '-') FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id
			LEFT JOIN admin_mailbox m ON m.id = r.r_mailbox_id WHERE a.address = 'info@example.test'`)
		rows := []string{"Far@away.example -", "alice@example.test alice", "bob+x@example.test -", "bob@example.test bob", "someone@elsewhere.example -"}
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Errorf("recipients (-want +got):\n%s", diff)
		}
	})
}

func TestImportCryptPasswords(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		var steps []string
		o := modoboa.ImportOptions{CryptPasswords: true, Separator: ',', Progress: func(done, total int64) { steps = append(steps, fmt.Sprint(done, "/", total)) }}
		importCSV(t, d, "domain,one.test,0,0,1\naccount,a@one.test,sEcReT,A,A,1,SimpleUsers,a@one.test\n", o)
		got := column(t, d, "SELECT password FROM core_user WHERE username = 'a@one.test'")
		if len(got) != 1 || !regexp.MustCompile(`^\{SHA512-CRYPT\}\$6\$rounds=70000\$[./A-Za-z0-9]{16}\$[./A-Za-z0-9]{86}$`).MatchString(got[0]) {
			t.Errorf("stored passwords %q", got)
		}
		if len(steps) < 3 || steps[0] != "1/4" || steps[len(steps)-1] != "5/5" {
			t.Errorf("progress %v", steps)
		}
	})
}

// TestImportLeftovers imports over rows that Modoboa leaves behind.
func TestImportLeftovers(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		importCSV(t, d, base, modoboa.ImportOptions{})
		yes := "1"
		if d.Dialect == db.PostgreSQL {
			yes = "true"
		}
		run(t, d,
			"INSERT INTO admin_alias (id, address, internal) VALUES (100, '@was.test', "+yes+")", // a domain alias was renamed
			"INSERT INTO modoboa_admin_aliasrecipient (address, alias_id) VALUES ('@one.test', 100)",
			"INSERT INTO admin_alias (id, address, internal, domain_id) SELECT 101, 'b@one.test', "+yes+", id FROM admin_domain WHERE name = 'one.test'",
			"INSERT INTO modoboa_admin_aliasrecipient (address, alias_id) VALUES ('b@one.test', 101)",
			"INSERT INTO admin_quota (username, bytes) VALUES ('b@one.test', 5)",
			"INSERT INTO relaydomains_recipientaccess (pattern, action) VALUES ('r.test', 'reject_unverified_recipient'), ('s.test', 'reject_unverified_recipient')")
		importCSV(t, d, `domainalias;was.test;two.test;true
account;b@one.test;{PLAIN}b;B;B;true;SimpleUsers;b@one.test
relaydomain;r.test;192.0.2.1;25;relay;true;true
relaydomain;s.test;2001:db8::1;2525;relay;true;false
`, modoboa.ImportOptions{})
		for _, c := range []struct{ query, key, want string }{
			{"aliases", "@was.test", "@two.test"},
			{"aliases", "b@one.test", "b@one.test"},
			{"sender-login", "b@one.test", "b@one.test"},
			{"recipient-verification", "x@r.test", "reject_unverified_recipient"},
			{"recipient-verification", "x@s.test", ""},
			{"transport", "s.test", "relay:[2001:db8::1]:2525"},
		} {
			if got := askSQL(t, d, c.query, c.key); got != c.want {
				t.Errorf("%s of %q: %q, want %q", c.query, c.key, got, c.want)
			}
		}
	})
}

// TestImportAdmins gives an old domain a new administrator and checks who sees
// what.
func TestImportAdmins(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		importCSV(t, d, base+"alias;info@one.test;1;a@one.test\naccount;seller;{PLAIN}x;S;S;1;Resellers;seller@one.test\n", modoboa.ImportOptions{})
		r := importCSV(t, d, "account;boss;{PLAIN}x;B;B;maybe;DomainAdmins;;;one.test;none.test\naccount;root2;{PLAIN}x;R;R;1;SuperAdmins\n"+
			"account;c@one.test;{PLAIN}c;C;C;1;SimpleUsers;c@one.test\n", modoboa.ImportOptions{})
		want := []modoboa.LineError{
			{Line: 1, Text: `account: "maybe" is taken for "no": write true or false`},
			{Line: 1, Text: `account: domain "none.test" does not exist: "boss" does not administrate it`},
		}
		if diff := cmp.Diff(want, r.Warnings); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		for _, c := range []struct {
			who  string
			want []string
		}{
			// himself, a, c and their mailboxes, the alias, the domain; not the reseller
			{"boss", []string{"alias 1 0", "domain 1 0", "mailbox 2 0", "user 3 0"}},
			{"root2", []string{"mailbox 1 0", "user 3 0"}},
		} {
			got := column(t, d, `SELECT t.model, count(*), sum(CASE WHEN o.is_owner = ? THEN 1 ELSE 0 END) FROM core_objectaccess o
				JOIN django_content_type t ON t.id = o.content_type_id JOIN core_user u ON u.id = o.user_id
				WHERE u.username = ? GROUP BY t.model`, true, c.who)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("what %s sees (-want +got):\n%s", c.who, diff)
			}
		}
	})
}
