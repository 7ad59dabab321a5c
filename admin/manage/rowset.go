package manage

import (
	"database/sql"
	"slices"
	"strings"
)

// rowSet is rows of a table: those that a condition holds for. It must hold for
// the same rows until they are deleted.
type rowSet struct {
	table, key string // key is the primary key, "" for "id"
	where      string
	args       []any
}

// keys selects the primary keys.
func (s rowSet) keys() string {
	key := s.key
	if key == "" {
		key = "id"
	}
	return "SELECT " + key + " FROM " + s.table + " WHERE " + s.where
}

// deleteRows deletes rows with all that refers to them, as dropReferences makes
// one row ready: a domain can have a hundred thousand mailboxes.
func (t *Tx) deleteRows(s rowSet) error {
	if err := t.dropSetReferences(s, nil); err != nil {
		return err
	}
	_, err := t.exec("DELETE FROM "+s.table+" WHERE "+s.where, s.args...)
	return err
}

// dropSetReferences is dropReferences for all rows of a set; path are the
// tables above it.
func (t *Tx) dropSetReferences(s rowSet, path []string) error {
	refs, err := t.m.references(t)
	if err != nil {
		return err
	}
	path = append(path, s.table)
	for _, r := range refs[s.table] {
		in := t.db.Quote(r.column) + " IN (" + s.keys() + ")"
		switch {
		case slices.Contains(path, r.table): // MySQL cannot select from what it changes
			if err := t.dropLoop(s); err != nil {
				return err
			}
			continue
		case r.clear:
			if _, err := t.exec("UPDATE "+r.table+" SET "+t.db.Quote(r.column)+" = NULL WHERE "+in, s.args...); err != nil {
				return err
			}
			continue
		case len(refs[r.table]) > 0 && r.key != "":
			if err := t.dropSetReferences(rowSet{r.table, t.db.Quote(r.key), in, s.args}, path); err != nil {
				return err
			}
		}
		if _, err := t.exec("DELETE FROM "+r.table+" WHERE "+in, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// dropLoop goes row by row where tables refer to each other.
func (t *Tx) dropLoop(s rowSet) error {
	var keys []any
	err := t.each(s.keys(), s.args, func(r *sql.Rows) error {
		var k any
		err := r.Scan(&k)
		keys = append(keys, k)
		return err
	})
	for _, k := range keys {
		if err == nil {
			err = t.dropRefs(s.table, k, nil)
		}
	}
	return err
}

// ungrantAll removes all rows of access to a set of objects.
func (t *Tx) ungrantAll(o Object, s rowSet) error {
	app, model, _ := strings.Cut(string(o), ".")
	_, err := t.exec(`DELETE FROM core_objectaccess WHERE object_id IN (`+s.keys()+`) AND content_type_id IN
		(SELECT id FROM django_content_type WHERE app_label = ? AND model = ?)`, append(slices.Clone(s.args), app, model)...)
	return err
}

// deleteAliases deletes aliases, and others that have no recipient left then.
func (t *Tx) deleteAliases(s rowSet) error {
	referring, err := t.ids("SELECT DISTINCT alias_id FROM modoboa_admin_aliasrecipient WHERE r_alias_id IN ("+s.keys()+") AND alias_id NOT IN ("+s.keys()+")",
		slices.Concat(s.args, s.args)...)
	if err != nil {
		return err
	}
	if err := t.ungrantAll(AliasObject, s); err != nil {
		return err
	}
	if err := t.deleteRows(s); err != nil {
		return err
	}
	return t.deleteEmptied(referring)
}

// deleteEmptied deletes those of some aliases that have no recipient any more:
// they would lead nowhere.
func (t *Tx) deleteEmptied(ids []int64) error {
	for part := range slices.Chunk(ids, 1000) {
		empty, err := t.ids("SELECT a.id FROM admin_alias a WHERE a.id IN (" + joinIDs(part) + `)
			AND NOT EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient r WHERE r.alias_id = a.id)`)
		if err != nil {
			return err
		}
		if len(empty) > 0 {
			if err := t.deleteAliases(rowSet{table: "admin_alias", where: "id IN (" + joinIDs(empty) + ")"}); err != nil {
				return err
			}
		}
	}
	return nil
}
