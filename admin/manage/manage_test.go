package manage_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// world is a database and who acts on it.
type world struct {
	t *testing.T
	m *manage.Manager
	d *db.DB
}

// worldData is what most tests begin with. root and the command line may do
// everything, rita is a reseller without limits, adm administrates one.test
// alone, ann is a user.
const worldData = `domain;one.test;1000;100;true
domain;two.test;0;0;true
domain;empty.test;0;0;false
domainalias;alias.test;one.test;true
relaydomain;relay.test;192.0.2.10;25;relay;true;true
account;rita;{PLAIN}x;Rita;R;true;Resellers;;0
account;ann@one.test;{PLAIN}x;Ann;A;true;SimpleUsers;ann@one.test;0
account;bob@one.test;{PLAIN}x;Bob;B;true;SimpleUsers;bob@one.test;50
account;adm@one.test;{PLAIN}x;Adm;A;true;DomainAdmins;adm@one.test;0;one.test
account;cem@two.test;{PLAIN}x;Cem;C;true;SimpleUsers;cem@two.test;0
account;box@relay.test;{PLAIN}x;Box;B;true;SimpleUsers;box@relay.test;0
alias;info@one.test;true;ann@one.test;bob+info@one.test;x@far.test
alias;sales@two.test;true;info@one.test;cem@two.test
alias;@two.test;true;ann@one.test
`

// openManager makes Modoboa's tables in the empty database of url, with a super
// administrator "root", and fills in worldData.
func openManager(t *testing.T, url string) *world {
	t.Helper()
	w := emptyManager(t, url)
	w.csv(worldData)
	w.exec("UPDATE limits_userobjectlimit SET max_value = -1 WHERE name <> 'quota'")
	return w
}

// emptyManager is openManager without data.
func emptyManager(t *testing.T, url string) *world {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{Admin: "root"}); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, d: d, m: newManager(d)}
}

func newManager(d *db.DB) *manage.Manager {
	return manage.New(manage.Options{DB: d, Hash: func(_, password string) (string, error) { return "{PLAIN}" + password, nil }})
}

// eachEngine runs f on openManager's world on each engine.
func eachEngine(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) { f(t, openManager(t, url)) })
}

// eachDump runs f on databases that Modoboa itself made, of each release and
// engine. VMAPD_FIXTURES names the folder of their dumps.
func eachDump(t *testing.T, f func(t *testing.T, w *world, release string)) {
	t.Helper()
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) {
		d := dbtest.Open(t, url, db.Options{})
		f(t, &world{t: t, d: d, m: newManager(d)}, release)
	})
}

// csv imports lines.
func (w *world) csv(text string) {
	w.t.Helper()
	if _, err := modoboa.ImportCSV(w.t.Context(), w.d, strings.NewReader(text), modoboa.ImportOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// callerOf returns the caller of a login, and the command line for "".
func callerOf(t testing.TB, m *manage.Manager, login string) *manage.Caller {
	t.Helper()
	if login == "" {
		return manage.Root()
	}
	c, err := m.CallerByName(context.Background(), login)
	if err != nil || c == nil {
		t.Fatalf("caller %q: %v", login, err)
	}
	return c
}

// as returns the caller of a login, and the command line for "".
func (w *world) as(login string) *manage.Caller {
	w.t.Helper()
	return callerOf(w.t, w.m, login)
}

// try carries out f as somebody and returns its error.
func (w *world) try(login string, f func(t *manage.Tx) error) error {
	w.t.Helper()
	return w.m.Write(w.t.Context(), w.as(login), f)
}

// do is try of what must not fail.
func (w *world) do(login string, f func(t *manage.Tx) error) {
	w.t.Helper()
	if err := w.try(login, f); err != nil {
		w.t.Fatal(err)
	}
}

// see reads something as somebody.
func see[T any](w *world, login string, f func(t *manage.Tx) (T, error)) T {
	w.t.Helper()
	var out T
	err := w.m.Read(w.t.Context(), w.as(login), func(t *manage.Tx) (err error) {
		out, err = f(t)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// rows returns the rows of a query, sorted, their columns joined by blanks.
// Booleans are 1 and 0, NULL is "-".
func (w *world) rows(query string, args ...any) []string {
	w.t.Helper()
	found, err := w.d.QueryContext(context.Background(), w.d.Rebind(query), args...)
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	out := []string{}
	for found.Next() {
		columns, _ := found.Columns()
		values := make([]sql.NullString, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := found.Scan(to...); err != nil {
			w.t.Fatalf("%s: %v", query, err)
		}
		words := make([]string, len(columns))
		for i, v := range values {
			words[i] = strings.NewReplacer("true", "1", "false", "0").Replace(v.String)
			if !v.Valid {
				words[i] = "-"
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	if err := found.Err(); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	slices.Sort(out)
	return out
}

// id returns the one number that a query finds.
func (w *world) id(query string, args ...any) int64 {
	w.t.Helper()
	var id int64
	if err := w.d.QueryRowContext(w.t.Context(), w.d.Rebind(query), args...).Scan(&id); err != nil {
		w.t.Fatalf("%s %v: %v", query, args, err)
	}
	return id
}

func (w *world) domain(name string) int64 {
	w.t.Helper()
	return w.id("SELECT id FROM admin_domain WHERE name = ?", name)
}

func (w *world) account(login string) int64 {
	w.t.Helper()
	return w.id("SELECT id FROM core_user WHERE username = ?", login)
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.d.ExecContext(w.t.Context(), w.d.Rebind(query), args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// parameters replaces Modoboa's settings: app to name to value.
func (w *world) parameters(apps map[string]map[string]any) {
	w.t.Helper()
	text, err := json.Marshal(apps)
	if err != nil {
		w.t.Fatal(err)
	}
	w.exec("UPDATE core_localconfig SET _parameters = ?", string(text))
}

// limit sets a limit of an account.
func (w *world) limit(login, name string, max int64) {
	w.t.Helper()
	w.exec("UPDATE limits_userobjectlimit SET max_value = ? WHERE name = ? AND user_id = ?", max, name, w.account(login))
}

// blame is an error in one line: "400 name: ...". Errors that nobody is to
// blame for fail the test.
func (w *world) blame(err error) string {
	w.t.Helper()
	if err == nil {
		return ""
	}
	var e *manage.Error
	if !errors.As(err, &e) {
		w.t.Errorf("not the caller's error: %v", err)
		return err.Error()
	}
	status := map[manage.Kind]int{manage.Invalid: 400, manage.Denied: 403, manage.NotFound: 404, manage.Conflict: 409, manage.Exhausted: 424}[e.Kind]
	return fmt.Sprintf("%d %s", status, e)
}

// sound checks what must be so after any action.
func (w *world) sound() {
	w.t.Helper()
	for _, p := range w.problems() {
		w.t.Error(p)
	}
}

// problems are what is not so, in lines.
func (w *world) problems() (found []string) {
	w.t.Helper()
	address := "m.address || '@' || d.name"
	if w.d.Dialect == db.MySQL {
		address = "concat(m.address, '@', d.name)"
	}
	for what, query := range map[string]string{
		"mailboxes without one self-alias": "SELECT " + address + ` FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE 1 <> (SELECT count(*)
			FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
			WHERE a.internal = true AND a.address = ` + address + " AND a.domain_id = d.id AND r.r_mailbox_id = m.id AND r.address = " + address + ")",
		"mailboxes without usage": "SELECT " + address + ` FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id
			WHERE NOT EXISTS (SELECT 1 FROM admin_quota q WHERE q.username = ` + address + ")",
		"usage without a mailbox": `SELECT q.username FROM admin_quota q WHERE NOT EXISTS (SELECT 1
			FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE q.username = ` + address + ")",
		"domain aliases without their alias": `SELECT a.name FROM admin_domainalias a JOIN admin_domain d ON d.id = a.target_id WHERE 1 <> (SELECT count(*)
			FROM admin_alias i JOIN modoboa_admin_aliasrecipient r ON r.alias_id = i.id
			WHERE i.internal = true AND i.domain_id IS NULL AND i.address = ` + w.at("a.name") + " AND r.address = " + w.at("d.name") + ")",
		"aliases without recipients": "SELECT address FROM admin_alias a WHERE NOT EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient r WHERE r.alias_id = a.id)",
		"access to nothing": `SELECT ct.model, oa.object_id FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
			WHERE ct.model = 'domain' AND oa.object_id NOT IN (SELECT id FROM admin_domain)
			OR ct.model = 'domainalias' AND oa.object_id NOT IN (SELECT id FROM admin_domainalias)
			OR ct.model = 'mailbox' AND oa.object_id NOT IN (SELECT id FROM admin_mailbox)
			OR ct.model = 'alias' AND oa.object_id NOT IN (SELECT id FROM admin_alias)
			OR ct.model = 'user' AND oa.object_id NOT IN (SELECT id FROM core_user)`,
		"objects without one owner": `SELECT k.model, k.id FROM (SELECT 'domain' model, id FROM admin_domain UNION ALL SELECT 'domainalias', id FROM admin_domainalias
			UNION ALL SELECT 'mailbox', id FROM admin_mailbox UNION ALL SELECT 'user', id FROM core_user
			UNION ALL SELECT 'alias', id FROM admin_alias WHERE internal = false) k WHERE 1 <> (SELECT count(*) FROM core_objectaccess oa
			JOIN django_content_type ct ON ct.id = oa.content_type_id WHERE ct.model = k.model AND oa.object_id = k.id AND oa.is_owner = true)`,
		"domains with more given away than they have": `SELECT d.name FROM admin_domain d
			WHERE d.quota > 0 AND d.quota < (SELECT coalesce(sum(m.quota), 0) FROM admin_mailbox m WHERE m.domain_id = d.id)`,
		"relay domains without a transport": `SELECT d.name FROM admin_domain d WHERE d.type = 'relaydomain'
			AND NOT EXISTS (SELECT 1 FROM transport_transport t WHERE t.id = d.transport_id AND t.pattern = d.name)`,
		"recipient access of no transport": `SELECT pattern FROM relaydomains_recipientaccess a
			WHERE NOT EXISTS (SELECT 1 FROM transport_transport t WHERE t.pattern = a.pattern)`,
	} {
		for _, row := range w.rows(query) {
			found = append(found, what+": "+row)
		}
	}
	return sorted(found)
}

// at is a domain's name behind an "@", in SQL.
func (w *world) at(name string) string {
	if w.d.Dialect == db.MySQL {
		return "concat('@', " + name + ")"
	}
	return "'@' || " + name
}

func some[T any](v T) manage.Opt[T] { return manage.Some(v) }

func (w *world) fold(name string) string { return strings.ToLower(name) }

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
