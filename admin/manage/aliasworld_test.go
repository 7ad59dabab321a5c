package manage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// mailHost is what the tests of aliases act on.
type mailHost struct {
	t testing.TB
	m *manage.Manager
	d *db.DB
}

// mailHostData: rita is a reseller without limits, who has nothing; adm and eve
// administrate one.test and other.test; ann, bob and cat are users.
const mailHostData = `domain;one.test;0;0;true
domain;other.test;0;0;true
relaydomain;relay.test;192.0.2.10;25;relay;true;false
domainalias;alias.test;one.test;true
domainalias;otheralias.test;other.test;true
account;rita;{PLAIN}x;Rita;R;true;Resellers;;0
account;ann@one.test;{PLAIN}x;Ann;A;true;SimpleUsers;ann@one.test;0
account;bob@one.test;{PLAIN}x;Bob;B;true;SimpleUsers;bob@one.test;0
account;adm@one.test;{PLAIN}x;Adm;A;true;DomainAdmins;adm@one.test;0;one.test
account;cat@other.test;{PLAIN}x;Cat;C;true;SimpleUsers;cat@other.test;0
account;eve@other.test;{PLAIN}x;Eve;E;true;DomainAdmins;eve@other.test;0;other.test
alias;info@one.test;true;ann@one.test;bob@one.test
alias;sales@one.test;true;info@one.test;far@far.test
alias;only@one.test;true;info@one.test
alias;theirs@other.test;true;cat@other.test
`

// eachHost runs f on a host with mailHostData, on each engine.
func eachHost(t *testing.T, f func(h *mailHost, t *testing.T)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) { f(openHost(t, url), t) })
}

func openHost(t testing.TB, url string) *mailHost {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	h := &mailHost{t: t, d: d, m: manage.New(manage.Options{DB: d})}
	if d.Dialect == db.SQLite {
		h.exec("PRAGMA synchronous = OFF") // of the connection that most is done on
	}
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(mailHostData), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	h.exec("UPDATE limits_userobjectlimit SET max_value = -1")
	return h
}

// eachRealHost runs f on databases that Modoboa itself made. VMAPD_FIXTURES
// names the folder of their dumps.
func eachRealHost(t *testing.T, f func(h *mailHost, t *testing.T, release string)) {
	t.Helper()
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) {
		d := dbtest.Open(t, url, db.Options{})
		f(&mailHost{t: t, d: d, m: manage.New(manage.Options{DB: d})}, t, release)
	})
}

// as returns who has a login, the command line for "".
func (h *mailHost) as(login string) *manage.Caller {
	h.t.Helper()
	return callerOf(h.t, h.m, login)
}

// act carries out f as somebody and says what became of it: "" or a line such as
// "400 address: ...". Errors that nobody is to blame for fail the test.
func (h *mailHost) act(login string, f func(t *manage.Tx) error) string {
	h.t.Helper()
	err := h.m.Write(context.Background(), h.as(login), f)
	var e *manage.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		h.t.Fatalf("nobody is to blame for: %v", err)
	}
	status := map[manage.Kind]int{manage.Invalid: 400, manage.Denied: 403, manage.NotFound: 404, manage.Conflict: 409, manage.Exhausted: 424}[e.Kind]
	return fmt.Sprintf("%d %s", status, e)
}

// must is act of what must not fail.
func (h *mailHost) must(login string, f func(t *manage.Tx) error) {
	h.t.Helper()
	if s := h.act(login, f); s != "" {
		h.t.Fatal(s)
	}
}

// alias makes an alias as the command line.
func (h *mailHost) alias(address string, to ...string) {
	h.t.Helper()
	h.must("", func(t *manage.Tx) error { _, err := t.CreateAlias(aliasTo(address, to...)); return err })
}

func aliasTo(address string, to ...string) manage.AliasInput {
	return manage.AliasInput{Address: manage.Some(address), Recipients: manage.Some(to)}
}

// rows returns the rows of a query, sorted, columns joined by blanks; booleans
// are 1 and 0, NULL is "-".
func (h *mailHost) rows(query string, args ...any) []string {
	h.t.Helper()
	found, err := h.d.QueryContext(context.Background(), h.d.Rebind(query), args...)
	if err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	out := []string{}
	for found.Next() {
		columns, _ := found.Columns()
		values, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := found.Scan(to...); err != nil {
			h.t.Fatalf("%s: %v", query, err)
		}
		words := make([]string, len(columns))
		for i, v := range values {
			words[i] = map[string]string{"true": "1", "false": "0"}[v.String]
			if words[i] == "" {
				words[i] = v.String
			}
			if !v.Valid {
				words[i] = "-"
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	if err := found.Err(); err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	slices.Sort(out)
	return out
}

// routes are all ordinary aliases: "address > recipient=reference", where the
// reference is the mailbox's or alias's name.
func (h *mailHost) routes() []string {
	h.t.Helper()
	return h.rows(`SELECT a.address, '>', r.address, coalesce(m.address, t.address, '-') FROM admin_alias a
		JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id LEFT JOIN admin_mailbox m ON m.id = r.r_mailbox_id
		LEFT JOIN admin_alias t ON t.id = r.r_alias_id WHERE a.internal = ?`, false)
}

// id returns the one number that a query finds.
func (h *mailHost) id(query string, args ...any) int64 {
	h.t.Helper()
	var id int64
	if err := h.d.QueryRow(h.d.Rebind(query), args...).Scan(&id); err != nil {
		h.t.Fatalf("%s %v: %v", query, args, err)
	}
	return id
}

func (h *mailHost) aliasID(address string) int64 {
	h.t.Helper()
	return h.id("SELECT id FROM admin_alias WHERE address = ? AND internal = ?", address, false)
}

func (h *mailHost) userID(login string) int64 {
	h.t.Helper()
	return h.id("SELECT id FROM core_user WHERE username = ?", login)
}

func (h *mailHost) exec(query string, args ...any) {
	h.t.Helper()
	if _, err := h.d.Exec(h.d.Rebind(query), args...); err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
}

// clear takes away all aliases. It asks nobody: on the way there could be a
// circle.
func (h *mailHost) clear() {
	h.t.Helper()
	for _, query := range []string{
		"DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE NOT internal)",
		`DELETE FROM core_objectaccess WHERE content_type_id = (SELECT id FROM django_content_type WHERE app_label = 'admin' AND model = 'alias')
			AND object_id IN (SELECT id FROM admin_alias WHERE NOT internal)`,
		"DELETE FROM admin_alias WHERE NOT internal",
		"UPDATE admin_alias SET enabled = TRUE",
		"DELETE FROM core_log",
	} {
		h.exec(query)
	}
}

// sound checks what must hold of aliases at all times.
func (h *mailHost) sound() {
	h.t.Helper()
	for what, query := range map[string]string{
		"aliases without recipients": "SELECT a.address FROM admin_alias a WHERE NOT EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient r WHERE r.alias_id = a.id)",
		"recipients of no alias": `SELECT r.address FROM modoboa_admin_aliasrecipient r LEFT JOIN admin_alias a ON a.id = r.alias_id
			LEFT JOIN admin_alias t ON t.id = r.r_alias_id LEFT JOIN admin_mailbox m ON m.id = r.r_mailbox_id
			WHERE a.id IS NULL OR r.r_alias_id IS NOT NULL AND t.id IS NULL OR r.r_mailbox_id IS NOT NULL AND m.id IS NULL`,
		"mailboxes without one self-alias": `SELECT m.address FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE 1 <>
			(SELECT count(*) FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE a.internal AND r.r_mailbox_id = m.id)`,
		"aliases without one owner": `SELECT a.address FROM admin_alias a WHERE NOT a.internal AND 1 <> (SELECT count(*) FROM core_objectaccess oa
			JOIN django_content_type ct ON ct.id = oa.content_type_id WHERE ct.app_label = 'admin' AND ct.model = 'alias' AND oa.object_id = a.id AND oa.is_owner)`,
		"access to no alias": `SELECT oa.object_id FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
			WHERE ct.app_label = 'admin' AND ct.model = 'alias' AND NOT EXISTS (SELECT 1 FROM admin_alias a WHERE a.id = oa.object_id)`,
		"recipients twice": "SELECT alias_id, address FROM modoboa_admin_aliasrecipient GROUP BY alias_id, address HAVING count(*) > 1",
	} {
		if found := h.rows(query); len(found) > 0 {
			h.t.Errorf("%s: %q", what, found)
		}
	}
}
