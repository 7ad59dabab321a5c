package modoboa

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// keyTable holds further DKIM keys. It is ours, in Modoboa's databases too, and
// need not be there.
const keyTable = "vmapd_dkim_key"

// MakeKeyTable makes the table vmapd_dkim_key where it is missing, with
// triggers if changes are captured, readable for who may read admin_domain. The
// error is a *SchemaError or a *CaptureError.
func MakeKeyTable(ctx context.Context, d *db.DB) error {
	if ok, err := hasTriggeredKeyTable(ctx, d); err != nil || ok {
		return captureError(d, "look for the table of keys", err)
	}
	return changeCapture(ctx, d, "make the table of keys", func(q querier) error { return makeKeyTable(ctx, d, q) })
}

// hasTriggeredKeyTable reports whether there is nothing to do, without any lock.
func hasTriggeredKeyTable(ctx context.Context, d *db.DB) (bool, error) {
	tables, err := d.Tables(ctx, d)
	if err != nil || !slices.Contains(tables, keyTable) {
		return false, err
	}
	c, err := inspectCapture(ctx, d, d)
	return err == nil && !slices.Contains(c.Missing, keyTable), err
}

func makeKeyTable(ctx context.Context, d *db.DB, q querier) error {
	if _, err := Detect(ctx, d, q); err != nil {
		return err
	}
	if err := makeOwnTable(ctx, d, q, keyTable, "0002_dkim_keys.sql"); err != nil {
		return err
	}
	schema, err := captureSchema(ctx, d, q)
	if err != nil {
		return err
	}
	return triggerKeyTable(ctx, d, q, schema)
}

// makeOwnTable makes a table of ours where it is missing; file is the one of
// schema/ that has it alone.
func makeOwnTable(ctx context.Context, d *db.DB, q querier, name, file string) error {
	all, err := d.Tables(ctx, q)
	if err != nil || slices.Contains(all, name) {
		return err
	}
	if slices.Contains(all, "vmapd_schema") { // our own tables, made by an older vmapd
		at, err := schemaVersion(ctx, d, q)
		if err != nil {
			return err
		}
		return applySchema(ctx, d, q, at, nil)
	}
	schema, err := captureSchema(ctx, d, q)
	if err != nil {
		return err
	}
	return createOwnTable(ctx, d, q, schema, name, file)
}

func createOwnTable(ctx context.Context, d *db.DB, q querier, schema, name, file string) error {
	statements, err := schemaStatements(file, d.Dialect)
	if err != nil {
		return err
	}
	for i := range statements {
		statements[i] = strings.Replace(statements[i], "CREATE TABLE ", "CREATE TABLE "+schema, 1)
	}
	if d.Dialect == db.PostgreSQL {
		// Its owner is who runs this; Modoboa's backups must be able to read it.
		readers := `select distinct case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end from pg_class c,
			lateral (select relowner union select grantee from aclexplode(relacl) where privilege_type = 'SELECT') a (grantee)
			where c.oid = to_regclass('admin_domain')`
		err := rows.Each(ctx, d, q, readers, nil, func(r *sql.Rows) error {
			var who string
			err := r.Scan(&who)
			statements = append(statements, "grant select on "+schema+name+" to "+who)
			return err
		})
		if err != nil {
			return err
		}
	}
	return execAll(ctx, q, statements)
}

// triggerKeyTable adds the table's triggers to those of the others.
func triggerKeyTable(ctx context.Context, d *db.DB, q querier, schema string) error {
	c, err := inspectCapture(ctx, d, q)
	if err != nil || c.State != captureIncomplete || !slices.Equal(c.Missing, []string{keyTable}) {
		return err // what else is missing is for InstallCapture
	}
	found, err := foundTriggers(ctx, d, q, false)
	if err != nil {
		return err
	}
	var statements []string
	for _, t := range found {
		if t.table == keyTable {
			statements = append(statements, dropTrigger(d, schema, t))
		}
	}
	for _, t := range triggersOf(d, &table{name: keyTable, columns: []column{"id"}}, schema) {
		statements = append(statements, t.create...)
	}
	return execAll(ctx, q, statements)
}

// dropKeyTable removes the table from a database that Modoboa made, unless it
// has rows: those name private keys. It returns how many.
func dropKeyTable(ctx context.Context, d *db.DB, q querier) (kept int, err error) {
	all, err := d.Tables(ctx, q)
	if err != nil || !slices.Contains(all, keyTable) || slices.Contains(all, "vmapd_schema") {
		return 0, err
	}
	schema, err := captureSchema(ctx, d, q)
	if err != nil {
		return 0, err
	}
	if err := scanOne(ctx, q, "select count(*) from "+schema+keyTable, &kept); err != nil || kept > 0 {
		return kept, err
	}
	return 0, execAll(ctx, q, []string{"drop table " + schema + keyTable})
}

// Keys records DKIM keys.
type Keys struct{ DB *db.DB }

// Record notes the first key of a domain where Modoboa would: path, public key
// and selector in admin_domain, and that its mail is signed. It does so only
// while the row still says what was read, and reports whether it did: Modoboa
// may have made a key meanwhile.
func (k Keys) Record(ctx context.Context, domainID uint32, was, is store.DKIM) (bool, error) {
	q := `UPDATE admin_domain SET enable_dkim = ?, dkim_key_selector = ?, dkim_private_key_path = ?, dkim_public_key = ?
		WHERE id = ? AND enable_dkim = ? AND dkim_private_key_path = ?`
	args := []any{true, is.Selector, is.Path, is.PublicKey, domainID, was.Enabled, was.Path}
	if was.Enabled { // of others a snapshot does not tell the rest
		q += " AND dkim_key_selector = ? AND coalesce(dkim_key_length, 0) = ?"
		args = append(args, was.Selector, was.Bits)
	}
	return k.changed(ctx, "record the key", k.DB.Rebind(q), args)
}

// Add adds a row of vmapd_dkim_key; ID is given by the database.
func (k Keys) Add(ctx context.Context, key store.SigningKey) error {
	q := k.DB.Rebind("INSERT INTO " + keyTable + " (domain, selector, algorithm, bits, private_key_path, public_key, state, created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
	at := k.DB.Time(time.UnixMicro(key.Changed))
	_, err := k.DB.ExecContext(ctx, q, key.Domain, key.Selector, key.Algorithm, key.Bits, key.Path, key.PublicKey, key.Stage, k.DB.Time(time.UnixMicro(key.Created)), at)
	if err != nil {
		return fmt.Errorf("record the key: %w", k.DB.Explain(err))
	}
	return nil
}

// SetStage brings a key from one stage to another. It reports false if the key
// is at another stage, or gone, by now.
func (k Keys) SetStage(ctx context.Context, id uint32, from, to string, at time.Time) (bool, error) {
	q := k.DB.Rebind("UPDATE " + keyTable + " SET state = ?, changed = ? WHERE id = ? AND state = ?")
	return k.changed(ctx, "change the stage of the key", q, []any{to, k.DB.Time(at), id, from})
}

func (k Keys) changed(ctx context.Context, doing, q string, args []any) (bool, error) {
	r, err := k.DB.ExecContext(ctx, q, args...)
	if err != nil {
		return false, fmt.Errorf("%s: %w", doing, k.DB.Explain(err))
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// Prepare makes the table of further keys if need be.
func (k Keys) Prepare(ctx context.Context) error { return MakeKeyTable(ctx, k.DB) }
