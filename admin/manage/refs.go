package manage

import (
	"database/sql"
	"fmt"
	"slices"

	"github.com/vmapd/vmapd/store/db"
)

// reference is a column that refers to the rows of another table.
type reference struct {
	table  string // that has the column
	key    string // its primary key
	column string
	clear  bool // the column may be NULL, and the row means something without it
}

// dropReferences makes ready for the deletion of a row: rows of any table that
// refer to it go too, with what refers to them, or lose the reference. The
// tables are found in the database's own catalogue, since a Modoboa with
// plugins has more than we know, and their keys do not cascade. What has
// effects on further rows - a mailbox, an alias - is to be deleted before.
func (t *Tx) dropReferences(table string, id int64) error {
	if err := t.dropRefs(table, id, nil); err != nil {
		return fmt.Errorf("delete what refers to row %d of %s: %w", id, table, err)
	}
	return nil
}

// dropRefs does it for a row with a primary key of any type; path are the rows
// above it, so that rows that refer to each other come to an end.
func (t *Tx) dropRefs(table string, key any, path []string) error {
	refs, err := t.m.references(t)
	if err != nil {
		return err
	}
	here := fmt.Sprintf("%s %v", table, key)
	if slices.Contains(path, here) {
		return nil
	}
	path = append(path, here)
	for _, r := range refs[table] {
		column := t.db.Quote(r.column)
		if r.clear {
			if _, err := t.exec("UPDATE "+r.table+" SET "+column+" = NULL WHERE "+column+" = ?", key); err != nil {
				return err
			}
			continue
		}
		if len(refs[r.table]) > 0 {
			if err := t.dropBelow(r, key, path); err != nil {
				return err
			}
		}
		if _, err := t.exec("DELETE FROM "+r.table+" WHERE "+column+" = ?", key); err != nil {
			return err
		}
	}
	return nil
}

// dropBelow makes ready for the deletion of the rows that refer to one.
func (t *Tx) dropBelow(r reference, key any, path []string) error {
	if r.key == "" {
		return nil // nothing can refer to it
	}
	var keys []any
	err := t.each("SELECT "+t.db.Quote(r.key)+" FROM "+r.table+" WHERE "+t.db.Quote(r.column)+" = ?", []any{key}, func(rs *sql.Rows) error {
		var k any
		err := rs.Scan(&k)
		keys = append(keys, k)
		return err
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := t.dropRefs(r.table, k, path); err != nil {
			return err
		}
	}
	return nil
}

// dependent are columns that may be NULL while their rows are nothing, or
// worse than nothing, without what they refer to: a token of OAuth without an
// account is one of a program that acts for itself.
var dependent = [][2]string{
	{"admin_alarm", "domain_id"},
	{"admin_alias", "domain_id"},
	{"admin_mailboxoperation", "mailbox_id"},
	{"modoboa_admin_aliasrecipient", "r_mailbox_id"},
	{"modoboa_admin_aliasrecipient", "r_alias_id"},
	{"oauth2_provider_accesstoken", "user_id"},
	{"oauth2_provider_accesstoken", "id_token_id"},
	{"oauth2_provider_application", "user_id"},
	{"oauth2_provider_devicegrant", "user_id"},
	{"oauth2_provider_idtoken", "user_id"},
	{"oauth2_provider_refreshtoken", "access_token_id"},
}

// ownKeys are references among Modoboa's tables that are followed even where
// somebody has made the tables without foreign keys.
var ownKeys = []struct{ to, table, column string }{
	{"core_user", "core_user_groups", "user_id"},
	{"core_user", "core_objectaccess", "user_id"},
	{"core_user", "limits_userobjectlimit", "user_id"},
	{"core_user", "authtoken_token", "user_id"},
	{"admin_domain", "limits_domainobjectlimit", "domain_id"},
	{"admin_domain", "admin_alarm", "domain_id"},
	{"admin_mailbox", "admin_senderaddress", "mailbox_id"},
	{"admin_mailbox", "admin_mailboxoperation", "mailbox_id"},
	{"admin_mailbox", "modoboa_admin_aliasrecipient", "r_mailbox_id"},
	{"admin_alias", "modoboa_admin_aliasrecipient", "alias_id"},
	{"admin_alias", "modoboa_admin_aliasrecipient", "r_alias_id"},
}

// references returns who refers to each table, read once and again when the
// tables are.
func (m *Manager) references(t *Tx) (map[string][]reference, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refs != nil {
		return m.refs, nil
	}
	refs := map[string][]reference{}
	err := t.each(referenceQuery(t.db.Dialect), nil, func(r *sql.Rows) error {
		var to string
		var key sql.NullString
		var ref reference
		err := r.Scan(&to, &ref.table, &ref.column, &ref.clear, &key)
		ref.key = key.String
		ref.clear = ref.clear && !slices.Contains(dependent, [2]string{ref.table, ref.column})
		refs[to] = append(refs[to], ref)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("foreign keys: %w", err)
	}
	for _, k := range ownKeys {
		same := func(r reference) bool { return r.table == k.table && r.column == k.column }
		if len(t.tables[k.table]) > 0 && !slices.ContainsFunc(refs[k.to], same) {
			refs[k.to] = append(refs[k.to], reference{table: k.table, column: k.column, key: "id"})
		}
	}
	m.refs = refs
	return refs, nil
}

// referenceQuery asks for the foreign keys of one column: the table they lead
// to, the table and column they are of, whether it may be NULL, and the primary
// key of that table. The tables are those that a name alone leads to.
func referenceQuery(d db.Dialect) string {
	switch d {
	case db.PostgreSQL:
		return `SELECT p.relname::text, c.conrelid::regclass::text, a.attname::text, NOT a.attnotnull,
			(SELECT k.attname::text FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = i.indkey[0]
				WHERE i.indrelid = c.conrelid AND i.indisprimary AND i.indnkeyatts = 1)
			FROM pg_constraint c JOIN pg_class p ON p.oid = c.confrelid
			JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
			WHERE c.contype = 'f' AND cardinality(c.conkey) = 1 AND pg_table_is_visible(p.oid) ORDER BY 2, 3`
	case db.MySQL:
		return `SELECT k.referenced_table_name, k.table_name, k.column_name, c.is_nullable = 'YES',
			(SELECT max(p.column_name) FROM information_schema.key_column_usage p WHERE p.table_schema = k.table_schema
				AND p.table_name = k.table_name AND p.constraint_name = 'PRIMARY' HAVING count(*) = 1)
			FROM information_schema.key_column_usage k JOIN information_schema.columns c
				ON c.table_schema = k.table_schema AND c.table_name = k.table_name AND c.column_name = k.column_name
			WHERE k.table_schema = database() AND k.referenced_table_schema = database() ORDER BY 2, 3`
	}
	return `SELECT f."table", m.name, f."from", i."notnull" = 0,
		(SELECT max(p.name) FROM pragma_table_info(m.name) p WHERE p.pk > 0 HAVING count(*) = 1)
		FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f JOIN pragma_table_info(m.name) i ON i.name = f."from"
		WHERE m.type = 'table' ORDER BY 2, 3`
}
