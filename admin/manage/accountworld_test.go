package manage_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// office is a database, and who works on its accounts.
type office struct {
	t testing.TB
	m *manage.Manager
	d *db.DB
}

// staff are the accounts that tests begin with. chief is the super
// administrator, sue another one; ron is a reseller who owns his.test, dot
// administrates one.test. Everybody's password is Secret11.
const staff = `domain;one.test;1000;100;true
domain;two.test;0;0;true
domain;his.test;500;50;true
domainalias;alias.test;one.test;true
relaydomain;relay.test;192.0.2.10;25;relay;true;true
account;sue;{PLAIN}Secret11;Sue;S;true;SuperAdmins;;0
account;ron;{PLAIN}Secret11;Ron;R;true;Resellers;;0
account;dot@one.test;{PLAIN}Secret11;Dot;D;true;DomainAdmins;dot@one.test;0;one.test
account;amy@one.test;{PLAIN}Secret11;Amy;A;true;SimpleUsers;amy@one.test;0
account;ben@one.test;{PLAIN}Secret11;Ben;B;true;SimpleUsers;ben@one.test;50
account;kim@two.test;{PLAIN}Secret11;Kim;K;true;SimpleUsers;kim@two.test;0
alias;info@one.test;true;amy@one.test;ben@one.test;far@away.test
alias;lists@one.test;true;ben+lists@one.test
alias;more@one.test;true;ben+a@one.test;ben+b@one.test
alias;sales@two.test;true;info@one.test;kim@two.test
`

func (o *office) newManager() *manage.Manager {
	return manage.New(manage.Options{
		DB: o.d, Home: func(address string) string { return "/srv/" + address },
		Hash: func(login, clear string) (string, error) {
			return password.New("PLAIN", login, clear, password.Params{})
		},
	})
}

// openOffice fills the empty database of url.
func openOffice(t testing.TB, url string) *office {
	t.Helper()
	o := &office{t: t, d: dbtest.Open(t, url, db.Options{})}
	if _, err := modoboa.Init(t.Context(), o.d, modoboa.InitOptions{Admin: "chief"}); err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.ImportCSV(t.Context(), o.d, strings.NewReader(staff), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	o.m = o.newManager()
	ron, his := o.account("ron"), o.id("SELECT id FROM admin_domain WHERE name = 'his.test'")
	kind := o.id("SELECT id FROM django_content_type WHERE app_label = 'admin' AND model = 'domain'")
	o.exec("UPDATE core_objectaccess SET is_owner = ? WHERE content_type_id = ? AND object_id = ?", false, kind, his)
	o.exec("INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner) VALUES (?, ?, ?, ?)", ron, kind, his, true)
	o.exec("UPDATE limits_userobjectlimit SET max_value = 10 WHERE user_id IN (?, ?) AND name <> 'quota'", ron, o.account("dot@one.test"))
	o.exec("UPDATE limits_userobjectlimit SET max_value = 2000 WHERE user_id = ? AND name = 'quota'", ron)
	return o
}

// eachOffice runs f on each engine.
func eachOffice(t *testing.T, f func(t *testing.T, o *office)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) { f(t, openOffice(t, url)) })
}

// eachOldOffice runs f on databases that Modoboa itself made.
func eachOldOffice(t *testing.T, f func(t *testing.T, o *office, release string)) {
	t.Helper()
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) {
		o := &office{t: t, d: dbtest.Open(t, url, db.Options{})}
		o.m = o.newManager()
		f(t, o, release)
	})
}

// as returns who has a login; "" is the command line.
func (o *office) as(login string) *manage.Caller {
	o.t.Helper()
	return callerOf(o.t, o.m, login)
}

// act does something as somebody and returns what he is told that went wrong:
// "" or "400 username: ...".
func (o *office) act(login string, f func(t *manage.Tx) error) string {
	o.t.Helper()
	err := o.m.Write(o.t.Context(), o.as(login), f)
	var e *manage.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		o.t.Fatalf("%s: not the caller's error: %v", login, err)
	}
	limit := ""
	if e.Limit {
		limit = " (limit)"
	}
	return fmt.Sprint([]int{400, 403, 404, 409, 424}[e.Kind], " ", e.Error(), limit)
}

// must is act of what works.
func (o *office) must(login string, f func(t *manage.Tx) error) {
	o.t.Helper()
	if told := o.act(login, f); told != "" {
		o.t.Fatalf("%s: %s", login, told)
	}
}

// create makes an account as somebody.
func (o *office) create(login string, in manage.AccountInput) string {
	o.t.Helper()
	return o.act(login, func(t *manage.Tx) error { _, _, err := t.CreateAccount(in); return err })
}

// change changes the account with a login, whose id only the test knows.
func (o *office) change(login, who string, in manage.AccountInput) string {
	o.t.Helper()
	id := o.account(who)
	return o.act(login, func(t *manage.Tx) error { _, _, err := t.UpdateAccount(id, in); return err })
}

// read returns an account as the command line sees it.
func (o *office) read(login string) *manage.Account {
	o.t.Helper()
	var a *manage.Account
	o.must("", func(t *manage.Tx) (err error) { a, err = t.AccountByName(login); return err })
	return a
}

func (o *office) exec(query string, args ...any) {
	o.t.Helper()
	if _, err := o.d.ExecContext(o.t.Context(), o.d.Rebind(query), args...); err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
}

func (o *office) id(query string, args ...any) int64 {
	o.t.Helper()
	var id int64
	if err := o.d.QueryRowContext(o.t.Context(), o.d.Rebind(query), args...).Scan(&id); err != nil {
		o.t.Fatalf("%s %v: %v", query, args, err)
	}
	return id
}

func (o *office) account(login string) int64 {
	o.t.Helper()
	return o.id("SELECT id FROM core_user WHERE username = ?", login)
}

// rows gives a query's rows in order, "-" for NULL.
func (o *office) rows(query string, args ...any) []string {
	o.t.Helper()
	found, err := o.d.QueryContext(o.t.Context(), o.d.Rebind(query), args...)
	if err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	columns, _ := found.Columns()
	out := []string{}
	for found.Next() {
		values, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := found.Scan(to...); err != nil {
			o.t.Fatalf("%s: %v", query, err)
		}
		words := make([]string, len(columns))
		for i, v := range values {
			words[i] = map[string]string{"true": "1", "false": "0", "": "''"}[v.String]
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
		o.t.Fatalf("%s: %v", query, err)
	}
	slices.Sort(out)
	return out
}

// set stores Modoboa's settings.
func (o *office) set(apps map[string]map[string]any) {
	o.t.Helper()
	text, err := json.Marshal(apps)
	if err != nil {
		o.t.Fatal(err)
	}
	o.exec("UPDATE core_localconfig SET _parameters = ?", string(text))
}

// seen lists the accounts and mailboxes that somebody has access to.
func (o *office) seen(login string) []string {
	o.t.Helper()
	return o.rows(`SELECT ct.model, u.username, oa.is_owner FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
		JOIN core_user u ON u.id = oa.object_id AND ct.model = 'user' WHERE oa.user_id = ? UNION ALL
		SELECT ct.model, u.username, oa.is_owner FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
		JOIN admin_mailbox m ON m.id = oa.object_id AND ct.model = 'mailbox' JOIN core_user u ON u.id = m.user_id WHERE oa.user_id = ?`, o.account(login), o.account(login))
}

// aliases lists the aliases and where they lead to.
func (o *office) aliases(like string) []string {
	o.t.Helper()
	return o.rows(`SELECT a.address, a.internal, a.enabled, r.address, r.r_mailbox_id IS NOT NULL FROM admin_alias a
		JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE a.address LIKE ?`, like)
}
