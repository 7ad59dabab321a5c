package postfixadmin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/postfixadmin"
)

// Rows of one table each, with the columns that matter.
const (
	insertDomain  = "INSERT INTO domain (domain, maxquota, quota, transport, backupmx, active, description, password_expiry) VALUES "
	insertMailbox = "INSERT INTO mailbox (username, password, name, quota, domain, active) VALUES "
	insertAlias   = "INSERT INTO alias (address, goto, domain, active) VALUES "
)

// a.test has the mailbox m@a.test.
const one = insertDomain + "('a.test', 0, 0, '', {NO}, {YES}, '', 0);\n" + insertMailbox + "('m@a.test', '{PLAIN}x', '', 0, 'a.test', {YES});\n"

// rules are what becomes of rows: lines of contents that must be there, and all
// warnings.
var rules = []struct {
	name, rows string
	old        string // lines of CSV that are in the target before
	o          postfixadmin.Options
	want       []string
	warnings   []string
}{
	{
		name: "domain quotas", rows: insertDomain + "('a.test', 200, 100, '', {NO}, {YES}, '', 0), ('b.test', 5000000000, 5000000000, '', {NO}, {YES}, '', 0), ('c.test', -1, 7, '', {NO}, {YES}, '', 0)",
		want: []string{"domain a.test enabled=1 quota=100 default=100 via=-", "domain b.test enabled=1 quota=0 default=0 via=-", "domain c.test enabled=1 quota=7 default=0 via=-"},
		warnings: []string{
			"domain a.test: maxquota 200 MB is more than the domain has: new mailboxes get 100 MB",
			"domain b.test: maxquota 5000000000 MB is more than Modoboa can store: new mailboxes have no limit now",
			"domain b.test: quota 5000000000 MB is more than Modoboa can store: it has no limit now",
		},
	},
	{
		name: "quotas that are not in use", rows: one + insertDomain + "('b.test', 10, 0, '', {NO}, {YES}, '', 0), ('c.test', 10, 0, '', {NO}, {YES}, '', 0)",
		want:     []string{"domain b.test enabled=1 quota=0 default=0 via=-"},
		warnings: []string{"domain b.test: maxquota 10 is not taken over, for no mailbox has a quota (and 1 more like it)"},
	},
	{
		name: "mailbox quotas", rows: one + insertMailbox + "('n@a.test', '{PLAIN}x', '', 1, 'a.test', {YES}), ('o@a.test', '{PLAIN}x', '', 9000000000000000, 'a.test', {YES})",
		want: []string{"mailbox n@a.test of n@a.test quota=1 default=0", "mailbox o@a.test of o@a.test quota=0 default=0"},
		warnings: []string{
			"mailbox n@a.test: quota of 1 bytes is no whole number of MB: rounded up to 1 MB (and 1 more like it)",
			"mailbox o@a.test: quota of 9000000000000000 bytes is more than Modoboa can store: it has no limit now",
		},
	},
	{
		name: "domain in two spellings", rows: one + insertDomain + "('A.TEST', 0, 0, '', {NO}, {NO}, '', 0)",
		warnings: []string{`domain a.test: left out: it is "a.test" in other letters, which is there too`}, want: []string{"domain a.test enabled=0 quota=0 default=0 via=-"},
	},
	{
		name: "no domain name", rows: insertDomain + "('bad name', 0, 0, '', {NO}, {YES}, '', 0);\n" + insertMailbox + "('m@bad name', '{PLAIN}x', '', 0, 'bad name', {YES})",
		warnings: []string{`domain bad name: left out: "bad name" is not a domain name`, "mailbox m@bad name: left out: the name is empty or has a blank in it"},
	},
	{
		name: "what a domain loses", rows: insertDomain + "('a.test', 0, 0, 'lmtp:unix:private/dovecot', {NO}, {YES}, 'Shop', 90)",
		warnings: []string{
			`domain a.test: its transport "lmtp:unix:private/dovecot" is not taken over: mail for it is delivered as for all domains`,
			`domain a.test: not taken over: that passwords expire after 90 days, the description "Shop"`,
		},
	},
	{
		name: "relay domain whose transport is there", old: "relaydomain;b.test;192.0.2.1;25;relay;true;true\n", rows: insertDomain + "('a.test', 0, 0, 'smtp:[::1]:26', {YES}, {YES}, '', 0), ('b.test', 0, 0, 'smtp:[192.0.2.9]', {YES}, {YES}, '', 0)",
		want: []string{"relaydomain a.test enabled=1 quota=0 default=0 via=[::1]:26", "relaydomain b.test enabled=1 quota=0 default=0 via=[192.0.2.1]:25"},
	},
	{
		name: "backup MX with a bad port", rows: insertDomain + "('a.test', 0, 0, 'smtp:[mx.test]:99999', {YES}, {YES}, '', 0)",
		warnings: []string{`domain a.test: left out: it is a backup MX, and its transport "smtp:[mx.test]:99999" port "99999" is not a number from 1 to 65535: import a relaydomain line with its primary MX as the host`},
	},
	{
		name: "domain aliases", old: "domain;t.test;0;0;true\ndomainalias;there.test;t.test;true\ndomain;taken.test;0;0;true\n",
		rows: one + "INSERT INTO alias_domain (alias_domain, target_domain, active) VALUES ('off.test', 'a.test', {NO}), ('chain.test', 'off.test', {YES}), ('loop1.test', 'loop2.test', {YES}), ('loop2.test', 'loop1.test', {YES}), " +
			"('none.test', 'nowhere.test', {YES}), ('there.test', 'a.test', {YES}), ('taken.test', 'a.test', {YES})",
		want: []string{"domainalias off.test of a.test enabled=0", "domainalias chain.test of a.test enabled=1", "domainalias there.test of t.test enabled=1", "alias @off.test internal=1 enabled=1 to @a.test mailbox=- alias=-"},
		warnings: []string{
			`alias_domain chain.test: its target "off.test" is another name of "a.test", which becomes its target`,
			`alias_domain loop1.test: left out: its target "loop2.test" leads back to itself`, `alias_domain loop2.test: left out: its target "loop1.test" leads back to itself`,
			`alias_domain none.test: left out: its target "nowhere.test" is no domain that is there`, "alias_domain taken.test: left out: it is a domain in the target: delete one of the two",
		},
	},
	{
		name: "domain aliases with addresses of their own", rows: one + insertDomain + "('off.test', 0, 0, '', {NO}, {YES}, '', 0), ('catch.test', 0, 0, '', {NO}, {YES}, '', 0);\n" +
			"INSERT INTO alias_domain (alias_domain, target_domain, active) VALUES ('off.test', 'a.test', {NO}), ('catch.test', 'a.test', {YES});\n" +
			insertAlias + "('x@off.test', 'm@a.test', 'off.test', {YES}), ('*@catch.test', 'm@a.test', 'catch.test', {YES})",
		want: []string{"domain catch.test enabled=1 quota=0 default=0 via=-", "alias @catch.test internal=0 enabled=1 to m@a.test mailbox=m@a.test alias=-", "domain off.test enabled=1 quota=0 default=0 via=-"},
		warnings: []string{
			`alias_domain catch.test: left out: it has the catch-all "@catch.test", which goes first: it is a domain now`,
			"alias_domain off.test: left out: it is not active, and has mailboxes or aliases of its own: it is a domain now",
		},
	},
	{
		name: "old-style domain alias", rows: one + insertDomain + "('b.test', 0, 0, '', {NO}, {YES}, '', 0);\n" + insertAlias + "('@b.test', '@a.test', 'b.test', {YES}), ('y@b.test', '@a.test', 'b.test', {YES})",
		want:     []string{"alias @b.test internal=0 enabled=1 to @a.test mailbox=- alias=-"},
		warnings: []string{`alias y@b.test: left out: no recipient is left`, `alias y@b.test: recipient "@a.test" is left out: has nothing before the "@"`},
	},
	{
		name: "accounts that are there", old: "domain;a.test;0;0;true\naccount;m@a.test;{PLAIN}old;M;M;false;SimpleUsers;m@a.test;5\naccount;n@a.test;{PLAIN}x;;;true;Resellers\naccount;boss;{PLAIN}x;;;true;Resellers;o@a.test\n",
		rows: one + insertMailbox + "('n@a.test', '{PLAIN}x', '', 0, 'a.test', {YES}), ('o@a.test', '{PLAIN}x', '', 0, 'a.test', {YES})",
		want: []string{`account m@a.test <m@a.test> SimpleUsers enabled=0 "{PLAIN}old" "M" "M"`},
		warnings: []string{
			"mailbox n@a.test: left out: there is an account of this name without a mailbox; give it one, or delete it",
			`mailbox o@a.test: left out: the mailbox exists, with the login "boss"`,
		},
	},
	{
		name: "mailboxes that cannot be", rows: one + insertMailbox + "('', '{PLAIN}x', '', 0, 'a.test', {YES}), ('plain', '{PLAIN}x', '', 0, 'a.test', {YES}), ('@a.test', '{PLAIN}x', '', 0, 'a.test', {YES}), ('x@far.test', '{PLAIN}x', '', 0, 'a.test', {YES}), ('M@a.test', '{PLAIN}y', '', 0, 'a.test', {YES})",
		warnings: []string{
			`mailbox "": left out: the name is empty or has a blank in it`, `mailbox @a.test: left out: address "@a.test" has nothing before the "@"`,
			`mailbox m@a.test: left out: it is "m@a.test" in other letters, which is there too`,
			`mailbox plain: left out: address "plain" has no "@"`, `mailbox x@far.test: left out: its domain "far.test" is not in the table domain`,
		},
	},
	{
		name: "names", rows: one + insertMailbox + "('n@a.test', '{PLAIN}x', '  Ann   Mary Lee ', 0, 'a.test', {YES}), ('o@a.test', '{PLAIN}x', 'O\tx y" + strings.Repeat("z", 200) + "', 0, 'a.test', {YES})",
		want:     []string{`account n@a.test <n@a.test> SimpleUsers enabled=1 "{PLAIN}x" "Ann" "Mary Lee"`},
		warnings: []string{`mailbox o@a.test: name is cut to "Ox", "y` + strings.Repeat("z", 149) + `": it has characters that cannot be stored, or too many`},
	},
	{
		name: "what accounts lose", rows: one + `UPDATE mailbox SET password_expiry = '2020-02-03 00:00:00', smtp_active = {NO}, totp_secret = 'sEcReT', phone = '123', email_other = 'x
y';
INSERT INTO fetchmail (domain, mailbox, src_server, src_user, src_password) VALUES ('a.test', 'm@a.test', 'pop.test', 'm', 'sEcReT');
INSERT INTO dkim_key (domain_name, selector, private_key) VALUES ('a.test', 's1', 'sEcReT');
INSERT INTO mailbox_app_password (username, description, password_hash) VALUES ('m@a.test', 'phone', 'sEcReT');
INSERT INTO totp_exception_address (username, ip) VALUES ('m@a.test', '192.0.2.1');
INSERT INTO vacation (email, body, cache, active, activeuntil) VALUES ('m@a.test', '', '', {YES}, '2030-01-02 03:04:05'), ('n@a.test', '', '', {NO}, '2000-01-01');
`,
		warnings: []string{
			`dkim_key 1: left out: selector "s1" of "a.test"; "vmapd dkim generate" makes a new key`,
			`fetchmail 1: left out: mail of "m" at "pop.test" is fetched for "m@a.test"; let fetchmail itself do it`,
			`mailbox m@a.test: email_other is not taken over: "x\ny" contains a line break (column core_user.secondary_email)`,
			"mailbox m@a.test: may not send by SMTP, which Modoboa does not know: now it may",
			"mailbox m@a.test: the password has expired at 2020-02-03, which Modoboa does not know: it goes on to be valid",
			"mailbox m@a.test: the second factor (TOTP) is not taken over",
			`mailbox_app_password 1: left out: a password of "m@a.test" for one program, "phone"`,
			`totp_exception_address 1: left out: an exception of "m@a.test"`,
			"vacation m@a.test: left out (active, until 2030-01-02 03:04): set the message again, as a Sieve script or in Modoboa",
			"vacation n@a.test: left out (not active): set the message again, as a Sieve script or in Modoboa",
		},
	},
	{
		name: "alias that was switched off alone", rows: one + insertAlias + "('m@a.test', 'm@a.test', 'a.test', {NO})",
		warnings: []string{"alias m@a.test: it is not active, but its mailbox is: mail goes to the mailbox"}, want: []string{"alias m@a.test internal=1 enabled=1 to m@a.test mailbox=m@a.test alias=-"},
	},
	{
		name: "forward that is off", rows: one + insertAlias + "('m@a.test', 'x@far.test', 'a.test', {NO})",
		want: []string{"alias m@a.test internal=1 enabled=1 to m@a.test mailbox=m@a.test alias=-", "alias m@a.test internal=0 enabled=0 to x@far.test mailbox=- alias=-"},
	},
	{
		name: "forward of a mailbox that is there", old: "domain;a.test;0;0;true\naccount;m@a.test;{PLAIN}old;;;true;SimpleUsers;m@a.test;5\n", rows: one + insertAlias + "('m@a.test', 'x@far.test', 'a.test', {YES})",
		want:     []string{"alias m@a.test internal=1 enabled=1 to m@a.test mailbox=m@a.test alias=-", "alias m@a.test internal=0 enabled=1 to x@far.test mailbox=- alias=-"},
		warnings: []string{"alias m@a.test: the mailbox exists and keeps a copy, which it did not: disable its internal alias if it shall not"},
	},
	{
		name: "recipients", rows: one + insertAlias + "('l@a.test', 'm+2@a.test,\n m+1@a.test ; ,M@A.test,m@a.test,\"a b\"@far.test,:include:/x', 'a.test', {YES}), ('k@a.test', 'k+x@a.test,l+y@a.test', 'a.test', {YES})",
		want: []string{
			"alias l@a.test internal=0 enabled=1 to m@a.test mailbox=m@a.test alias=-", "alias l@a.test internal=0 enabled=1 to m+2@a.test mailbox=- alias=-",
			"alias l@a.test internal=0 enabled=1 to m+1@a.test mailbox=- alias=-", "alias k@a.test internal=0 enabled=1 to l+y@a.test mailbox=- alias=l@a.test",
		},
		warnings: []string{
			`alias k@a.test: recipient "k+x@a.test" is left out: it leads back to the alias itself`, `alias l@a.test: recipient "\"a b\"@far.test" is left out: '"' cannot stand before the "@"`,
			`alias l@a.test: recipient ":include:/x" is left out: is a file, which no alias of Modoboa can have`, `alias l@a.test: recipient ";" is left out: has no "@"`,
		},
	},
	{
		name: "dangling recipient under a catch-all", rows: one + insertAlias + "('@a.test', 'm@a.test', 'a.test', {YES}), ('l@a.test', 'nobody@a.test', 'a.test', {YES})",
		want: []string{"alias l@a.test internal=0 enabled=1 to nobody@a.test mailbox=- alias=-"},
	},
	{
		name: "aliases in two spellings", rows: one + insertAlias + "('L@a.test', 'm@a.test', 'a.test', {YES}), ('l@a.test', 'x@far.test', 'a.test', {YES})",
		want:     []string{"alias l@a.test internal=0 enabled=1 to m@a.test mailbox=m@a.test alias=-", "alias l@a.test internal=0 enabled=1 to x@far.test mailbox=- alias=-"},
		warnings: []string{`alias l@a.test: "l@a.test" is there in other letters too: they become one alias`},
	},
	{
		name: "aliases that cannot be", rows: one + insertAlias + "('l', 'm@a.test', '', {YES}), ('l@far.test', 'm@a.test', 'far.test', {YES}), ('e@a.test', ' , ', 'a.test', {YES})",
		warnings: []string{"alias e@a.test: left out: no recipient is left", `alias l: left out: address "l" has no "@"`, `alias l@far.test: left out: its domain "far.test" is not in the table domain`},
	},
	{
		name: "administrators", rows: one + `INSERT INTO admin (username, password, superadmin, active) VALUES ('R@a.test', '{PLAIN}x', {YES}, {YES}), ('r@a.test', '{PLAIN}x', {NO}, {YES}), ('m@a.test', '{PLAIN}x', {YES}, {NO}), ('blank name', '{PLAIN}x', {NO}, {YES});
`, want: []string{`account r@a.test <> SuperAdmins enabled=1 "{PLAIN}x" "" ""`, `account m@a.test <m@a.test> SimpleUsers enabled=1 "{PLAIN}x" "" ""`},
		warnings: []string{
			"admin blank name: left out: the name is empty or has a blank in it", "admin m@a.test: it is not active: the mailbox of this name becomes an ordinary account",
			`admin r@a.test: left out: it is "r@a.test" in other letters, which is there too`,
		},
	},
	{
		name: "administrators who are there", old: "domain;a.test;0;0;true\naccount;m@a.test;{PLAIN}old;;;true;SimpleUsers;m@a.test;5\naccount;d;{PLAIN}x;;;true;DomainAdmins;\naccount;s;{PLAIN}x;;;true;DomainAdmins;;;a.test\n",
		rows: one + `INSERT INTO admin (username, password, superadmin, active) VALUES ('m@a.test', '{PLAIN}x', {NO}, {YES}), ('d', '{PLAIN}x', {NO}, {YES}), ('s', '{PLAIN}x', {YES}, {YES});
INSERT INTO domain_admins (username, domain, active) VALUES ('d', 'a.test', {YES}), ('s', 'a.test', {YES});
`, want: []string{"access d domain 1", "access d mailbox 1", "access d user 2", "access s domain 1"},
		warnings: []string{"admin m@a.test: the account exists with the role SimpleUsers: it is left as it is", "admin s: the account exists and is no super administrator: it is left as it is"},
	},
	{
		name: "administrator with a disabled mailbox", rows: insertDomain + "('a.test', 0, 0, '', {NO}, {YES}, '', 0);\n" + insertMailbox + "('m@a.test', '{PLAIN}x', '', 0, 'a.test', {NO}), ('n@far.test', '{PLAIN}x', '', 0, 'far.test', {YES});\n" +
			"INSERT INTO admin (username, password, superadmin, active) VALUES ('m@a.test', '{PLAIN}x', {NO}, {YES}), ('n@far.test', '{PLAIN}x', {NO}, {YES})",
		want: []string{`account m@a.test <m@a.test> DomainAdmins enabled=0 "{PLAIN}x" "" ""`},
		warnings: []string{
			"admin m@a.test: its mailbox is not active, so the account is disabled",
			`admin n@far.test: left out with its mailbox: its domain "far.test" is not in the table domain`,
		},
	},
	{
		name: "scheme of passwords", o: postfixadmin.Options{Scheme: "plain"}, rows: one + insertMailbox + "('n@a.test', '0cc175b9c0f1b6a831c399e269772661', '', 0, 'a.test', {YES}), ('o@a.test', '', '', 0, 'a.test', {YES})",
		want:     []string{`account n@a.test <n@a.test> SimpleUsers enabled=1 "{PLAIN}0cc175b9c0f1b6a831c399e269772661" "" ""`, `account m@a.test <m@a.test> SimpleUsers enabled=1 "{PLAIN}x" "" ""`},
		warnings: []string{"mailbox o@a.test: there is no password"},
	},
}

func TestRules(t *testing.T) {
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			from, to := source(t, dbtest.SQLite(t), "4", c.rows), target(t, dbtest.SQLite(t))
			if _, err := modoboa.ImportCSV(t.Context(), to, strings.NewReader(c.old), modoboa.ImportOptions{}); err != nil {
				t.Fatal(err)
			}
			_, warnings := imports(t, from, to, c.o)
			slices.Sort(warnings)
			slices.Sort(c.warnings)
			if diff := cmp.Diff(c.warnings, warnings, cmp.Transformer("", func(s []string) string { return strings.Join(s, "\n") })); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			got := contents(t, to)
			for _, line := range c.want {
				if !slices.Contains(got, line) {
					t.Errorf("%s is missing in\n%s", line, strings.Join(got, "\n"))
				}
			}
			if text := strings.Join(warnings, "\n"); strings.Contains(text, "sEcReT") {
				t.Errorf("a warning has a secret in it:\n%s", text)
			}
		})
	}
}
