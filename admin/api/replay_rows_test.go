package api

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// arrange does what was done between the two recordings without the API.
func (r *replay) arrange() {
	r.must(200, "admin", patch, "/api/v1/domains/4/", `{"enabled": false}`)
	r.must(200, "admin", patch, "/api/v1/relaydomains/7/", `{"enabled": false}`)
	for _, domain := range []string{"1", "2"} {
		r.must(200, "admin", post, "/api/v1/domains/"+domain+"/administrators/", `{"account": "domadmin@example.test"}`)
	}
	r.must(200, "admin", put, "/api/v1/resources/3/", `{"domains": 5, "domain_aliases": 5, "mailboxes": 10, "mailbox_aliases": 10, "domain_admins": 3, "quota": 2000}`)
	for i, op := range []struct {
		kind, path string
		mailbox    any
	}{{"rename", "/srv/vmail/example.test/old", 13}, {"rename", "/srv/a", 14}, {"rename", "/srv/b", 14}, {"delete", "/srv/vmail/example.test/gone", nil}} {
		r.exec("INSERT INTO admin_mailboxoperation (id, type, argument, mailbox_id) VALUES (?, ?, ?, ?)", i+1, op.kind, op.path, op.mailbox)
	}
	if r.release == "2.9.3" {
		r.must(200, "admin", patch, "/api/v1/accounts/16/", `{"mailbox": {"is_send_only": true}}`)
		return
	}
	for login, keep := range map[string]bool{"fwdonly@example.test": false, "fwdkeep@example.test": true} {
		to := []string{"away@remote.example"}
		if keep {
			to = append(to, login)
		}
		r.must(200, "admin", put, fmt.Sprintf("/api/v1/accounts/%d/forward/", r.id("core_user", "username", login)), map[string]any{"recipients": to, "keepcopies": keep})
	}
}

// usage fills the mailboxes, as Dovecot does.
func (r *replay) usage() {
	for name, used := range map[string][2]int{"user1@example.test": {52428800, 120}, "user2@example.test": {10485760, 7}, "user3@example.test": {999999999, 50000}, "o'brien@example.org": {1, 1}} {
		r.exec("UPDATE admin_quota SET bytes = ?, messages = ? WHERE username = ?", used[0], used[1], name)
	}
}

// tables are the rows that both databases must have, whatever the columns of a
// release are. Names are folded: Modoboa 1.10 keeps them as they are typed.
var tables = map[string]string{
	"domains":        "SELECT d.id, lower(d.name), d.type, d.enabled, d.quota, d.default_mailbox_quota, d.dkim_key_length, t.next_hop FROM admin_domain d LEFT JOIN transport_transport t ON t.id = d.transport_id WHERE NOT d.name = 'example.test'",
	"domain aliases": "SELECT id, lower(name), target_id, enabled FROM admin_domainalias",
	"accounts":       "SELECT id, lower(username), lower(email), first_name, last_name, is_active, is_local, is_superuser, master_user, language FROM core_user",
	"roles":          "SELECT lower(u.username), g.name FROM core_user_groups ug JOIN core_user u ON u.id = ug.user_id JOIN auth_group g ON g.id = ug.group_id",
	"mailboxes":      "SELECT id, lower(address), use_domain_quota, domain_id, user_id, quota FROM admin_mailbox",
	"quotas":         "SELECT lower(username), bytes, messages FROM admin_quota",
	"aliases":        "SELECT lower(address), enabled, internal, domain_id FROM admin_alias",
	"recipients": `SELECT lower(a.address), a.internal, lower(r.address), m.address, lower(o.address) FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id
		LEFT JOIN admin_mailbox m ON m.id = r.r_mailbox_id LEFT JOIN admin_alias o ON o.id = r.r_alias_id`,
	"sender addresses": "SELECT id, lower(address), mailbox_id FROM admin_senderaddress",
	"transports":       "SELECT pattern, service, next_hop FROM transport_transport WHERE service = 'relay' AND pattern LIKE 'relay%'",
	"recipient access": "SELECT pattern, action FROM relaydomains_recipientaccess",
	"limits":           "SELECT lower(u.username), l.name, l.max_value FROM limits_userobjectlimit l JOIN core_user u ON u.id = l.user_id",
	"domain limits":    "SELECT domain_id, name, max_value FROM limits_domainobjectlimit",
	"access to accounts": `SELECT lower(u.username), lower(o.username), oa.is_owner FROM core_objectaccess oa JOIN django_content_type c ON c.id = oa.content_type_id JOIN core_user u ON u.id = oa.user_id
		JOIN core_user o ON o.id = oa.object_id WHERE c.model = 'user'`,
	"access to domains": `SELECT lower(u.username), oa.object_id, oa.is_owner FROM core_objectaccess oa JOIN django_content_type c ON c.id = oa.content_type_id JOIN core_user u ON u.id = oa.user_id
		WHERE c.app_label = 'admin' AND c.model IN ('domain')`,
	"access to domain aliases": `SELECT lower(u.username), oa.object_id, oa.is_owner FROM core_objectaccess oa JOIN django_content_type c ON c.id = oa.content_type_id JOIN core_user u ON u.id = oa.user_id
		WHERE c.app_label = 'admin' AND c.model IN ('domainalias')`,
	"access to mailboxes": `SELECT lower(u.username), oa.object_id, oa.is_owner FROM core_objectaccess oa JOIN django_content_type c ON c.id = oa.content_type_id JOIN core_user u ON u.id = oa.user_id
		WHERE c.app_label = 'admin' AND c.model IN ('mailbox')`,
	"access to aliases": `SELECT lower(u.username), lower(a.address), a.internal, oa.is_owner FROM core_objectaccess oa JOIN django_content_type c ON c.id = oa.content_type_id JOIN core_user u ON u.id = oa.user_id
		JOIN admin_alias a ON a.id = oa.object_id WHERE c.app_label = 'admin' AND c.model IN ('alias')`,
}

// compareTables holds the rows that the replay has made against those of the
// dump of Modoboa's database.
func (r *replay) compareTables() {
	url := dbtest.SQLite(r.t)
	dump := dbtest.Open(r.t, url, db.Options{})
	dbtest.RunFiles(r.t, url, filepath.Join(os.Getenv("VMAPD_FIXTURES"), "modoboa", r.release, "sqlite-full.sql"))
	for name, query := range tables {
		want, got := r.meant(name, rowsOf(r, dump, query)), rowsOf(r, r.d, query)
		if d := cmp.Diff(want, r.meant(name, got)); d != "" {
			r.t.Errorf("%s (-Modoboa +vmapd):\n%s", name, d)
		}
	}
}

// rowsOf returns the rows of a query as sorted lines.
func rowsOf(r *replay, d *db.DB, query string) []string {
	r.t.Helper()
	rows, err := d.Query(query)
	if err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		r.t.Fatal(err)
	}
	out := []string{}
	for rows.Next() {
		cells, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			to[i] = &cells[i]
		}
		if err := rows.Scan(to...); err != nil {
			r.t.Fatal(err)
		}
		var words []string
		for _, c := range cells {
			words = append(words, cell(c))
		}
		out = append(out, strings.Join(words, " "))
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// cell writes a value in the same way on all engines.
func cell(v any) string {
	switch c := v.(type) {
	case nil:
		return "-"
	case []byte:
		return cell(string(c))
	case bool:
		if c {
			return "1"
		}
		return "0"
	}
	return fmt.Sprint(v)
}

// meant leaves out the rows that differ on purpose.
func (r *replay) meant(table string, lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool {
		return slices.ContainsFunc(rowDifferences, func(d rowDifference) bool {
			return strings.Contains(d.releases, r.release) && regexp.MustCompile("^("+d.table+")$").MatchString(table) && regexp.MustCompile("^("+d.line+")$").MatchString(line)
		})
	})
}

// wholeQueries are the queries that were cut off in the recordings.
var wholeQueries = map[string]string{
	"select al.address,al.internal,al.enabled,alr.address from admin_alias al join modoboa_admin_aliasrecipient alr": "select al.address,al.internal,al.enabled,alr.address from admin_alias al " +
		"join modoboa_admin_aliasrecipient alr on alr.alias_id=al.id where alr.address like '%%4@example.test'",
	"select al.address,al.internal,al.enabled from admin_alias al join modoboa_admin_aliasrecipient alr on alr.alia": "select al.address,al.internal,al.enabled from admin_alias al " +
		"join modoboa_admin_aliasrecipient alr on alr.alias_id=al.id where alr.address = 'user2@example.test'",
	"select alr.address from modoboa_admin_aliasrecipient alr join admin_alias a on a.id=alr.alias_id where a.domai": "select alr.address from modoboa_admin_aliasrecipient alr " +
		"join admin_alias a on a.id=alr.alias_id where a.domain_id=2",
	"select alr.address from modoboa_admin_aliasrecipient alr join admin_alias a on a.id=alr.alias_id where lower(a": "select alr.address from modoboa_admin_aliasrecipient alr " +
		"join admin_alias a on a.id=alr.alias_id where lower(a.address) = '@alias2.test'",
	"select a.address,a.enabled,alr.address from admin_alias a join modoboa_admin_aliasrecipient alr on alr.alias_i": "select a.address,a.enabled,alr.address from admin_alias a " +
		"join modoboa_admin_aliasrecipient alr on alr.alias_id=a.id where lower(a.address) like '@alias%%'",
	"select * from admin_mailboxoperation": "select id, type, argument, mailbox_id from admin_mailboxoperation",
}

// rows compares the effects of a request on rows.
func (r *replay) rows(e exchange) {
	r.t.Helper()
	if strings.HasPrefix(e.sql, "select al.address,al.internal,al.enabled from") { // this was done without the API
		r.must(200, "admin", patch, "/api/v1/accounts/6/", map[string]any{"is_active": r.disabled})
		r.disabled = !r.disabled
	}
	e.who, e.method, e.path = "sql", "", e.sql
	r.asked[e.sql]++
	if r.differs(&e, "rows") != "" || r.asked[e.sql] == 2 && (r.differs(&e, "rows again") != "" || r.differs(&e, "rows at the end") != "") {
		return
	}
	query := e.sql
	if whole, ok := wholeQueries[query]; ok {
		query = whole
	}
	got := rowsOf(r, r.d, strings.ReplaceAll(query, "%%", "%"))
	want := pythonRows(e.rows)
	if d := cmp.Diff(want, got); d != "" {
		r.t.Errorf("line %d: %s (-Modoboa +vmapd):\n%s", e.line, query, d)
	}
}

// pythonCell is a value in a tuple as Python prints it.
var pythonCell = regexp.MustCompile(`'[^']*'|"[^"]*"|True|False|None|-?\d+`)

// pythonRows reads a list of tuples, as rowsOf gives rows.
func pythonRows(text string) []string {
	out := []string{}
	for _, tuple := range regexp.MustCompile(`\((?:'[^']*'|"[^"]*"|[^()'"])*\)`).FindAllString(text, -1) {
		var words []string
		for _, c := range pythonCell.FindAllString(tuple, -1) {
			switch {
			case c == "True":
				c = "1"
			case c == "False":
				c = "0"
			case c == "None":
				c = "-"
			default:
				if c[0] == '\'' || c[0] == '"' {
					c = c[1 : len(c)-1]
				}
			}
			words = append(words, c)
		}
		out = append(out, strings.Join(words, " "))
	}
	slices.Sort(out)
	return out
}
