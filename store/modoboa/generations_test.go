package modoboa_test

import (
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// generation is one of Modoboa's layouts: what it has on top of 1.10's.
type generation struct {
	name    string // as Detect gives it
	release string // one release that has it
	extra   map[string]string
	plugin  bool // with the autoreply plugin's table
}

func generations() []generation {
	return []generation{
		{name: "Modoboa 1.10 – 1.15", release: "1.10", plugin: true},
		{name: "Modoboa 1.16", release: "1.16", extra: map[string]string{
			"admin_domain": "message_limit integer", "admin_mailbox": "message_limit integer",
		}},
		{name: "Modoboa 1.17 – 2.1", release: "2.1", extra: map[string]string{
			"admin_domain": "message_limit integer", "admin_mailbox": "message_limit integer", "core_user": "tfa_enabled BOOL not null",
		}},
		{name: "Modoboa 2.2", release: "2.2", extra: map[string]string{
			"admin_domain": "message_limit integer", "admin_mailbox": "message_limit integer, is_send_only BOOL not null", "core_user": "tfa_enabled BOOL not null",
		}},
		{name: "Modoboa 2.3 – 2.7.0", release: "2.3", extra: map[string]string{
			"admin_domain": "message_limit integer", "admin_mailbox": "message_limit integer, is_send_only BOOL not null", "core_user": "totp_enabled BOOL not null, webauthn_enabled BOOL not null",
		}},
		{name: "Modoboa 2.7.1 – 2.9", release: "2.9", extra: map[string]string{
			"admin_domain": "message_limit integer, last_dns_check_execution TIME", "admin_mailbox": "message_limit integer, is_send_only BOOL not null", "core_user": "totp_enabled BOOL not null, webauthn_enabled BOOL not null",
		}},
	}
}

func newest() generation { g := generations(); return g[len(g)-1] }

// mailTables are the tables of 1.10 without their foreign keys, so that tests
// can store what should not be. SERIAL, BOOL, TIME and NAT stand for what
// differs between the engines.
func mailTables() [][2]string {
	return [][2]string{
		{"admin_domain", `id SERIAL, name varchar(253) not null unique, default_mailbox_quota NAT not null, enabled BOOL not null, type varchar(20) not null,
			creation TIME not null, last_modification TIME not null, enable_dns_checks BOOL not null, quota NAT not null, transport_id integer,
			dkim_key_length integer, dkim_key_selector varchar(30) not null, dkim_private_key_path varchar(254) not null, dkim_public_key TEXT not null, enable_dkim BOOL not null`},
		{"admin_domainalias", `id SERIAL, name varchar(100) not null unique, enabled BOOL not null, target_id integer not null, creation TIME not null, last_modification TIME not null`},
		{"core_user", `id SERIAL, password varchar(256) not null, last_login TIME, is_superuser BOOL not null, username varchar(254) not null unique, first_name varchar(150) not null,
			last_name varchar(150) not null, email varchar(254) not null, is_staff BOOL not null, is_active BOOL not null, date_joined TIME not null, is_local BOOL not null,
			master_user BOOL not null, language varchar(10) not null, phone_number varchar(128), secondary_email varchar(254), _parameters TEXT not null`},
		{"admin_mailbox", `id SERIAL, address varchar(252) not null, quota NAT not null, use_domain_quota BOOL not null, domain_id integer not null, user_id integer not null unique,
			creation TIME not null, last_modification TIME not null`},
		{"admin_quota", `username varchar(254) not null primary key, bytes bigint not null, messages integer not null`},
		{"admin_alias", `id SERIAL, address varchar(254) not null, enabled BOOL not null, internal BOOL not null, domain_id integer, description TEXT not null, expire_at TIME,
			creation TIME not null, last_modification TIME not null, unique (address, internal)`},
		{"modoboa_admin_aliasrecipient", `id SERIAL, address varchar(254) not null, alias_id integer not null, r_alias_id integer, r_mailbox_id integer`},
		{"admin_senderaddress", `id SERIAL, address varchar(254) not null, mailbox_id integer not null, unique (address, mailbox_id)`},
		{"admin_mailboxoperation", `id SERIAL, type varchar(20) not null, argument TEXT not null, mailbox_id integer`},
		{"transport_transport", `id SERIAL, pattern varchar(253) not null unique, service varchar(30) not null, next_hop varchar(100) not null, _settings TEXT not null`},
		{"relaydomains_recipientaccess", `id SERIAL, pattern varchar(254) not null unique, action varchar(40) not null`},
	}
}

func engineWords(d db.Dialect) *strings.Replacer {
	switch d {
	case db.PostgreSQL:
		return strings.NewReplacer("SERIAL", "serial primary key", "BOOL", "boolean", "TIME", "timestamp with time zone", "NAT", "integer", "TEXT", "text")
	case db.MySQL:
		return strings.NewReplacer("SERIAL", "integer auto_increment primary key", "BOOL", "tinyint(1)", "TIME", "datetime(6)", "NAT", "integer unsigned", "TEXT", "longtext")
	default:
		return strings.NewReplacer("SERIAL", "integer not null primary key autoincrement", "BOOL", "bool", "TIME", "datetime", "NAT", "integer unsigned", "TEXT", "text")
	}
}

// makeTables makes the tables of a generation.
func makeTables(t testing.TB, d *db.DB, g generation) {
	t.Helper()
	tables := mailTables()
	if g.plugin {
		tables = append(tables, [2]string{"postfix_autoreply_transport", "id SERIAL, domain varchar(253) not null, method varchar(255) not null"})
	}
	for _, table := range tables {
		columns := table[1]
		if extra := g.extra[table[0]]; extra != "" {
			if at := strings.Index(columns, ", unique ("); at >= 0 {
				columns = columns[:at] + ", " + extra + columns[at:]
			} else {
				columns += ", " + extra
			}
		}
		dbtest.Exec(t, d, "create table "+table[0]+" ("+engineWords(d.Dialect).Replace(columns)+")")
	}
}

// fixed says which columns a test row need not name, with their values.
func fixed(d *db.DB, g generation, table string) (columns, values string) {
	const at = "'2026-01-02 03:04:05.678901'"
	off := "false"
	if d.Dialect != db.PostgreSQL {
		off = "0"
	}
	words := map[string][2]string{
		"admin_domain":        {"creation, last_modification, enable_dns_checks, dkim_key_selector, dkim_private_key_path, dkim_public_key, enable_dkim", at + ", " + at + ", " + off + ", 'modoboa', '', '', " + off},
		"admin_domainalias":   {"creation, last_modification", at + ", " + at},
		"core_user":           {"first_name, last_name, is_staff, date_joined, language, _parameters", "'', '', " + off + ", " + at + ", 'en', '{}'"},
		"admin_mailbox":       {"use_domain_quota, creation, last_modification", off + ", " + at + ", " + at},
		"admin_alias":         {"description, creation, last_modification", "'', " + at + ", " + at},
		"transport_transport": {"_settings", "'{}'"},
	}
	w := words[table]
	for _, c := range []string{"tfa_enabled", "totp_enabled", "webauthn_enabled"} {
		if table == "core_user" && strings.Contains(g.extra[table], c) {
			w[0], w[1] = w[0]+", "+c, w[1]+", "+off
		}
	}
	return w[0], w[1]
}

// insert adds a row; columns are "a, b", one value each.
func insert(t testing.TB, d *db.DB, g generation, table, columns string, values ...any) {
	t.Helper()
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")
	if c, v := fixed(d, g, table); c != "" {
		columns, marks = columns+", "+c, marks+", "+v
	}
	query := d.Rebind("insert into " + table + " (" + columns + ") values (" + marks + ")")
	if _, err := d.Exec(query, values...); err != nil {
		t.Fatalf("%s %q: %v", query, values, err)
	}
}
