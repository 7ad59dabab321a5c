package modoboa

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// Schema says which of Modoboa's layouts a database has.
type Schema struct {
	Name string // for people: "Modoboa 1.10 – 1.15", "Modoboa 2.2", … or "vmapd"

	columns map[string]map[string]bool // by table, of those that are there
}

// has reports whether a table is there. Only optional ones may be missing.
func (s *Schema) has(table string) bool { return len(s.columns[table]) > 0 }

// SchemaError says that a database is not one of Modoboa's that we can read.
type SchemaError struct {
	Table  string // what is missing; "" when the database is empty or too old
	Column string
	Empty  bool // the database has no table at all
	Old    bool // made by a Modoboa before 1.10
}

// Error returns one sentence.
func (e *SchemaError) Error() string {
	switch {
	case e.Empty:
		return "this database is empty"
	case e.Old:
		return "this database was made by a Modoboa before 1.10"
	case e.Column != "":
		return fmt.Sprintf("this database has no column %s in table %s: is it Modoboa's?", e.Column, e.Table)
	default:
		return fmt.Sprintf("this database has no table %s: is it Modoboa's?", e.Table)
	}
}

// Remedy returns one sentence that says what to do.
func (e *SchemaError) Remedy() string {
	switch {
	case e.Empty:
		return `run "vmapd init" to make the tables, or check database.url`
	case e.Old:
		return "upgrade Modoboa to 1.10 or later"
	case e.Table == "admin_domain":
		return `check the database's name in database.url (and the search_path of its user on PostgreSQL), or run "vmapd init" in an empty database to make the tables`
	default:
		return `check database.url, and finish Modoboa's upgrade with "manage.py migrate"`
	}
}

// Detect says which layout the database has, reading its catalogue through q.
// The error is a *SchemaError if it is none that can be read, a
// *db.ConnectError if it cannot be reached.
func Detect(ctx context.Context, d *db.DB, q db.Queryer) (*Schema, error) {
	found := map[string]map[string]bool{}
	look := func(table string) (err error) {
		found[table], err = d.Columns(ctx, q, table)
		return err
	}
	for _, t := range tables() {
		if err := look(t.name); err != nil {
			return nil, err
		}
	}
	if err := look("vmapd_schema"); err != nil {
		return nil, err
	}
	if err := check(ctx, d, q, found); err != nil {
		return nil, err
	}
	if ok, err := mayRead(ctx, d, q, keyTable); err != nil {
		return nil, err
	} else if !ok {
		delete(found, keyTable)
	}
	return &Schema{Name: generation(found), columns: found}, nil
}

// mayRead reports whether a table that came after the rights on the others were
// given may be read: a refused query would end PostgreSQL's transaction, and
// MySQL does not show such a table at all.
func mayRead(ctx context.Context, d *db.DB, q db.Queryer, table string) (ok bool, err error) {
	if d.Dialect != db.PostgreSQL {
		return true, nil
	}
	err = scanOne(ctx, q, "select coalesce(has_table_privilege(to_regclass('"+table+"'), 'select'), false)", &ok)
	return ok, err
}

// check looks for the first thing that is missing.
func check(ctx context.Context, d *db.DB, q db.Queryer, found map[string]map[string]bool) error {
	for _, t := range tables() {
		if len(found[t.name]) == 0 && !t.optional {
			return missing(ctx, d, q, t.name)
		}
		if len(found[t.name]) == 0 {
			continue
		}
		for _, c := range t.columns {
			if name := c.name(); !c.optional() && !found[t.name][name] {
				return &SchemaError{Table: t.name, Column: name}
			}
		}
	}
	return nil
}

// missing tells the ways apart in which a table can be missing.
func missing(ctx context.Context, d *db.DB, q db.Queryer, table string) error {
	all, err := d.Tables(ctx, q)
	if err != nil {
		return err
	}
	e := &SchemaError{Table: table}
	if len(all) == 0 {
		return &SchemaError{Empty: true}
	}
	for _, name := range all {
		// The relay tables that 1.10.0 replaced by transport_transport.
		if strings.HasPrefix(name, "postfix_relay_domains_") && table == "transport_transport" {
			return &SchemaError{Old: true}
		}
	}
	return e
}

// generation names the range of Modoboa releases that have these columns.
func generation(found map[string]map[string]bool) string {
	if len(found["vmapd_schema"]) > 0 {
		return "vmapd"
	}
	return parameters.ReleaseOf(func(table, column string) bool { return found[table][column] }).String()
}
