package modoboa

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store/db"
)

// chunk is the number of keys that one statement asks for.
const chunk = 500

// readChanged reads the rows of all keys that still exist.
func (s *Source) readChanged(ctx context.Context, q db.Queryer, k *keys) (*changes, error) {
	c := &changes{n: k.n}
	if k.n == 0 {
		return c, nil
	}
	for _, t := range tables() {
		t := changedTable{table: &t, ids: slices.Sorted(maps.Keys(k.ids[t.name]))}
		if !t.table.numbered() {
			t.keys = slices.Sorted(maps.Keys(k.text))
		}
		if len(t.ids)+len(t.keys) == 0 {
			continue
		}
		present := map[string]bool{}
		if t.table.optional || slices.ContainsFunc(t.table.columns, column.optional) {
			var err error
			if present, err = s.DB.Columns(ctx, q, t.table.name); err != nil {
				return nil, err
			}
		}
		if t.table.optional {
			if ok, err := mayRead(ctx, s.DB, q, t.table.name); err != nil {
				return nil, err
			} else if !ok || len(present) == 0 {
				continue
			}
		}
		if err := s.readRows(ctx, q, &t, t.table.query(s.DB, present)); err != nil {
			return nil, err
		}
		c.tables = append(c.tables, t)
	}
	return c, nil
}

// readRows fills t.rows.
func (s *Source) readRows(ctx context.Context, q db.Queryer, t *changedTable, query string) error {
	where := query + " where " + t.table.key()
	if s.DB.Dialect == db.PostgreSQL {
		if t.table.numbered() {
			return appendRows(ctx, q, t, where+" = any ('{"+idList(t.ids)+"}'::bigint[])", db.AtOnce)
		}
		return appendRows(ctx, q, t, where+" = any ($1::text[])", t.keys)
	}
	for ids := range slices.Chunk(t.ids, chunk) {
		if err := appendRows(ctx, q, t, where+" in ("+idList(ids)+")"); err != nil {
			return err
		}
	}
	for names := range slices.Chunk(t.keys, chunk) {
		args := make([]any, len(names))
		for i, name := range names {
			args[i] = name
		}
		if err := appendRows(ctx, q, t, where+" in (?"+strings.Repeat(", ?", len(args)-1)+")", args...); err != nil {
			return err
		}
	}
	return nil
}

// appendRows keeps the rows of a query as the drivers give them: database/sql
// clones a []byte that is scanned into an any.
func appendRows(ctx context.Context, q db.Queryer, t *changedTable, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		r := newRow(t.table)
		if err := r.scan(rows); err != nil {
			return err
		}
		t.rows = append(t.rows, r.values)
	}
	return rows.Err()
}
