package modoboa_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// sqlQueries are what the Postfix map files and Dovecot's SQL configuration of
// a Modoboa host ask: %s is the key, %u and %d its parts. {on} makes a boolean
// column a condition, {cat:...} joins texts, {now} is the time. The wording is
// ours; tables, columns and conditions are Modoboa's.
var sqlQueries = map[string]string{
	"domains":        `SELECT name FROM admin_domain WHERE name = %s AND type = 'domain' AND enabled{on}`,
	"relaydomains":   `SELECT name FROM admin_domain WHERE name = %s AND type = 'relaydomain' AND enabled{on}`,
	"domain-aliases": `SELECT d.name FROM admin_domain d JOIN admin_domainalias a ON d.id = a.target_id WHERE a.name = %s AND a.enabled{on} AND d.enabled{on}`,
	"aliases": `SELECT r.address FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON r.alias_id = a.id
		WHERE a.enabled{on} AND a.address = %s AND (a.expire_at IS NULL OR a.expire_at > {now})`,
	"maintain": `SELECT '450 Requested mail action not taken: mailbox unavailable' FROM admin_mailbox m JOIN admin_domain d ON m.domain_id = d.id
		WHERE d.name = %d AND m.address = %u AND m.id IN (SELECT mailbox_id FROM admin_mailboxoperation) LIMIT 1`,
	"recipient-verification": `SELECT action FROM relaydomains_recipientaccess WHERE pattern = %d`,
	"transport":              `SELECT {cat:service,':',next_hop} FROM transport_transport WHERE pattern = %s`,
	"spliteddomains": `SELECT 'lmtp:unix:private/dovecot-lmtp' FROM admin_domain d JOIN admin_mailbox m ON d.id = m.domain_id
		JOIN core_user u ON u.id = m.user_id WHERE d.enabled{on} AND d.type = 'relaydomain' AND d.name = %d AND u.is_active{on} AND m.address = %u`,
	"sender-login": `SELECT email FROM core_user WHERE email = %s AND is_active{on}
		UNION SELECT {cat:m.address,'@',d.name} FROM admin_mailbox m JOIN admin_domain d ON m.domain_id = d.id
			JOIN admin_senderaddress s ON s.mailbox_id = m.id WHERE s.address = %s
		UNION SELECT {cat:m.address,'@',d.name} FROM admin_mailbox m JOIN modoboa_admin_aliasrecipient r ON r.r_mailbox_id = m.id
			JOIN admin_alias a ON r.alias_id = a.id JOIN admin_domain d ON m.domain_id = d.id
			WHERE a.enabled{on} AND (a.address = %s OR a.address IN (SELECT {cat:%u,'@',t.name} FROM admin_domainalias da
				JOIN admin_domain t ON da.target_id = t.id WHERE da.name = %d))
		UNION SELECT {cat:m.address,'@',d.name} FROM admin_mailbox m JOIN admin_domain d ON m.domain_id = d.id
			JOIN admin_senderaddress s ON s.mailbox_id = m.id WHERE s.address = {cat:'@',%d}`,
	"password": `SELECT u.email, u.password FROM core_user u JOIN admin_mailbox m ON u.id = m.user_id JOIN admin_domain d ON m.domain_id = d.id
		WHERE (NOT m.is_send_only OR 'imap' NOT IN ('imap', 'pop3')) AND u.email = %s AND u.is_active{on} AND d.enabled{on}`,
	"user": `SELECT {cat:'/srv/vmail/',%d,'/',%u}, 10, {cat:'*:bytes=',m.quota,'M'} FROM admin_mailbox m JOIN admin_domain d ON m.domain_id = d.id
		JOIN core_user u ON u.id = m.user_id WHERE (NOT m.is_send_only OR 'lmtp' NOT IN ('imap', 'pop3', 'lmtp')) AND m.address = %u AND d.name = %d`,
	"iterate": `SELECT email FROM core_user WHERE is_active{on}`,
}

// askSQL runs one query for one key and returns its values, sorted and joined
// with ",", "" if there is none.
func askSQL(t *testing.T, d *db.DB, query, key string) string {
	t.Helper()
	text := sqlQueries[query]
	at := strings.LastIndexByte(key, '@')
	if at < 1 && strings.Contains(text, "%u") || at < 0 && strings.Contains(text, "%d") {
		return "" // as Postfix: the query is not run
	}
	on, now := "=1", "datetime('now')"
	switch d.Dialect {
	case db.PostgreSQL:
		on, now = "", "now()"
	case db.MySQL:
		now = "utc_timestamp()"
	}
	text = strings.NewReplacer("{on}", on, "{now}", now).Replace(text)
	for {
		from := strings.Index(text, "{cat:")
		if from < 0 {
			break
		}
		to := from + strings.IndexByte(text[from:], '}')
		list := text[from+len("{cat:") : to]
		if d.Dialect == db.MySQL {
			list = "concat(" + list + ")"
		} else {
			list = strings.ReplaceAll(list, ",", " || ")
		}
		text = text[:from] + list + text[to+1:]
	}
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	text = strings.NewReplacer("%s", quote(key), "%u", quote(key[:max(at, 0)]), "%d", quote(key[at+1:])).Replace(text)
	return strings.Join(column(t, d, text), ",")
}

// column runs a query and returns its rows, sorted; the columns of a row are
// joined with a blank.
func column(t *testing.T, d *db.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := d.QueryContext(context.Background(), d.Rebind(query), args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values, into := make([]string, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		out = append(out, strings.Join(values, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	slices.Sort(out)
	return out
}

func openDB(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// initialised returns a database that Init made, on each engine.
func initialised(t *testing.T, f func(t *testing.T, d *db.DB)) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := openDB(t, url)
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		f(t, d)
	})
}

func run(t *testing.T, d *db.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := d.ExecContext(context.Background(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// TestSchemaByHand writes rows with the meaningful columns alone and asks
// Modoboa's own queries for them.
func TestSchemaByHand(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		yes, no, past := "1", "0", "'2020-01-01 00:00:00'"
		if d.Dialect == db.PostgreSQL {
			yes, no = "true", "false"
		}
		run(t, d,
			"INSERT INTO transport_transport (id, pattern, service, next_hop) VALUES (1, 'relay.test', 'relay', '[192.0.2.1]:25')",
			"INSERT INTO transport_transport (id, pattern, service) VALUES (2, 'hole.test', 'discard')",
			"INSERT INTO relaydomains_recipientaccess (pattern, action) VALUES ('relay.test', 'reject_unverified_recipient')",
			"INSERT INTO admin_domain (id, name) VALUES (1, 'one.test')",
			"INSERT INTO admin_domain (id, name, type, transport_id) VALUES (2, 'relay.test', 'relaydomain', 1)",
			"INSERT INTO admin_domain (id, name, enabled) VALUES (3, 'off.test', "+no+")",
			"INSERT INTO admin_domainalias (name, target_id) VALUES ('alias.test', 1)",
			"INSERT INTO admin_domainalias (name, target_id) VALUES ('offalias.test', 3)",
			"INSERT INTO core_user (id, username, email, password) VALUES (10, 'a@one.test', 'a@one.test', '{PLAIN}a')",
			"INSERT INTO core_user (id, username, email, password, is_active) VALUES (11, 'b@one.test', 'b@one.test', '{PLAIN}b', "+no+")",
			"INSERT INTO core_user (id, username, email, password) VALUES (12, 'l@relay.test', 'l@relay.test', '{PLAIN}l')",
			"INSERT INTO core_user (id, username, email, password) VALUES (13, 'x@off.test', 'x@off.test', '{PLAIN}x')",
			"INSERT INTO core_user (id, username, email, password) VALUES (14, 's@one.test', 's@one.test', '{PLAIN}s')",
			"INSERT INTO admin_mailbox (id, address, domain_id, user_id, quota) VALUES (1, 'a', 1, 10, 100)",
			"INSERT INTO admin_mailbox (id, address, domain_id, user_id) VALUES (2, 'b', 1, 11)",
			"INSERT INTO admin_mailbox (id, address, domain_id, user_id) VALUES (3, 'l', 2, 12)",
			"INSERT INTO admin_mailbox (id, address, domain_id, user_id) VALUES (4, 'x', 3, 13)",
			"INSERT INTO admin_mailbox (id, address, domain_id, user_id, is_send_only) VALUES (5, 's', 1, 14, "+yes+")",
			"INSERT INTO admin_quota (username) VALUES ('a@one.test')",
			"INSERT INTO admin_quota (username, bytes) VALUES ('b@one.test', 7)",
			"INSERT INTO admin_alias (id, address, domain_id) VALUES (1, 'info@one.test', 1)",
			"INSERT INTO admin_alias (id, address, domain_id, enabled) VALUES (2, 'no@one.test', 1, "+no+")",
			"INSERT INTO admin_alias (id, address, domain_id, expire_at) VALUES (3, 'old@one.test', 1, "+past+")",
			"INSERT INTO admin_alias (id, address, internal) VALUES (4, '@alias.test', "+yes+")",
			"INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) VALUES ('a@one.test', 1, 1)",
			"INSERT INTO modoboa_admin_aliasrecipient (address, alias_id) VALUES ('far@away.test', 1)",
			"INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) VALUES ('a@one.test', 2, 1)",
			"INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) VALUES ('a@one.test', 3, 1)",
			"INSERT INTO modoboa_admin_aliasrecipient (address, alias_id) VALUES ('@one.test', 4)",
			"INSERT INTO admin_senderaddress (address, mailbox_id) VALUES ('other@away.test', 1)",
			"INSERT INTO admin_senderaddress (address, mailbox_id) VALUES ('@all.test', 2)",
			"INSERT INTO admin_mailboxoperation (type, argument, mailbox_id) VALUES ('rename', '/srv/vmail/one.test/old', 2)",
			"INSERT INTO admin_alarm (domain_id, title, internal_name) VALUES (1, 'no MX', 'domain_has_no_mx')",
			"INSERT INTO core_log (message, level, logger) VALUES ('hello', 'info', 'test')",
			"INSERT INTO limits_domainobjectlimit (domain_id, name) VALUES (1, 'mailboxes')",
			"INSERT INTO postfix_autoreply_armessage (mbox_id, subject, content) VALUES (1, 'away', 'back soon')",
		)
		for _, c := range []struct{ query, key, want string }{
			{"domains", "one.test", "one.test"},
			{"domains", "relay.test", ""},
			{"domains", "off.test", ""},
			{"relaydomains", "relay.test", "relay.test"},
			{"domain-aliases", "alias.test", "one.test"},
			{"domain-aliases", "offalias.test", ""},
			{"aliases", "info@one.test", "a@one.test,far@away.test"},
			{"aliases", "no@one.test", ""},
			{"aliases", "old@one.test", ""},
			{"aliases", "@alias.test", "@one.test"},
			{"maintain", "b@one.test", "450 Requested mail action not taken: mailbox unavailable"},
			{"maintain", "a@one.test", ""},
			{"recipient-verification", "any@relay.test", "reject_unverified_recipient"},
			{"recipient-verification", "any@one.test", ""},
			{"transport", "relay.test", "relay:[192.0.2.1]:25"},
			{"transport", "hole.test", "discard:"},
			{"spliteddomains", "l@relay.test", "lmtp:unix:private/dovecot-lmtp"},
			{"spliteddomains", "a@one.test", ""},
			{"sender-login", "a@one.test", "a@one.test"},
			{"sender-login", "b@one.test", ""},
			{"sender-login", "info@one.test", "a@one.test"},
			{"sender-login", "info@alias.test", "a@one.test"},
			{"sender-login", "other@away.test", "a@one.test"},
			{"sender-login", "any@all.test", "b@one.test"},
			{"password", "a@one.test", "a@one.test {PLAIN}a"},
			{"password", "b@one.test", ""},
			{"password", "x@off.test", ""},
			{"password", "s@one.test", ""},
			{"user", "a@one.test", "/srv/vmail/one.test/a 10 *:bytes=100M"},
			{"user", "x@off.test", "/srv/vmail/off.test/x 10 *:bytes=0M"},
			{"user", "s@one.test", ""},
			{"iterate", "-", ",a@one.test,l@relay.test,s@one.test,x@off.test"},
		} {
			if got := askSQL(t, d, c.query, c.key); got != c.want {
				t.Errorf("%s of %q: %q, want %q", c.query, c.key, got, c.want)
			}
		}
	})
}
