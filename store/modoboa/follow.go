package modoboa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

const (
	// maxChanged is the number of changed rows from which on reading everything
	// is cheaper.
	maxChanged = 20000
	// maxEntries is the same for entries of the log, of which one row may have
	// many.
	maxEntries = 200000
)

// Follow reads what was committed after a position, in one consistent view.
// The error wraps store.ErrLost if the log does not lead from there to the
// present, and says why; a failure to reach the database does not.
func (s *Source) Follow(ctx context.Context, from store.Position) (*store.Changes, error) {
	before, err := parsePosition(from, s.DB.Dialect)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	to, changed, err := s.follow(ctx, before)
	if err != nil {
		if ctx.Err() != nil {
			// The connection hung. Those that idle may hang as well, each for
			// as long as a look may take; a new one says soon how things are.
			s.DB.CloseIdle()
		}
		return nil, fmt.Errorf("follow: %w", s.followError(ctx, err))
	}
	s.remember(to)
	c := &store.Changes{To: to.text(), Restarted: before.Boot != "" && before.Boot != to.Boot}
	if changed != nil && changed.n > 0 {
		c.Rows, c.Apply = changed.n, changed.apply
	}
	return c, nil
}

func (s *Source) follow(ctx context.Context, from *position) (*position, *changes, error) {
	switch s.DB.Dialect {
	case db.PostgreSQL:
		return s.followPostgres(ctx, from)
	case db.MySQL:
		return s.followMySQL(ctx, from)
	default:
		return s.followSQLite(ctx, from)
	}
}

// followError makes a store.ErrLost of what a changed schema causes.
func (s *Source) followError(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, store.ErrLost):
		return err
	case ctx.Err() == nil && s.DB.FailureOf(err) == db.NotThere:
		return lost("the tables have changed (%v)", err)
	}
	return s.explain(ctx, err)
}

// here returns the place in the log that a transaction sees, nil if capture is
// not completely installed or may not be read. It must be called before
// anything else is read: what it asks MySQL's catalogue must not be newer than
// the view.
func (s *Source) here(ctx context.Context, tx *sql.Tx) (*position, error) {
	p := &position{Dialect: s.DB.Dialect.String()}
	if s.DB.Dialect == db.MySQL {
		digest, err := s.mysqlTables(ctx, tx)
		if err != nil {
			return nil, err
		}
		p.Tables = digest
	}
	if ok, err := s.readable(ctx, tx); err != nil || !ok {
		return nil, err
	}
	c, err := inspectCapture(ctx, s.DB, tx)
	if err != nil || c.State != captureInstalled || c.Unusable != "" {
		return nil, err
	}
	p.Epoch, p.Pruned = c.Epoch, c.Pruned
	switch s.DB.Dialect {
	case db.PostgreSQL:
		err = s.herePostgres(ctx, tx, p)
	case db.MySQL:
		err = s.hereMySQL(ctx, tx, p)
	default:
		err = s.hereSQLite(ctx, tx, p)
	}
	if err != nil || !p.valid(s.DB.Dialect) { // more gaps than are worth to be remembered
		return nil, err
	}
	return p, nil
}

// readable reports whether the log is there and may be read; a refused query
// would end PostgreSQL's transaction.
func (s *Source) readable(ctx context.Context, tx *sql.Tx) (bool, error) {
	if s.DB.Dialect != db.PostgreSQL {
		return true, nil
	}
	ok := false
	err := scanOne(ctx, tx, `select coalesce(has_table_privilege(to_regclass('`+logTable+`'), 'select') and has_table_privilege(to_regclass('`+captureTable+`'), 'select'), false)`, &ok)
	return ok, err
}

// log is what a transaction sees of the log after a position.
type log struct {
	epoch   string
	pruned  int64
	last    int64 // greatest id, 0 = empty
	hasLast bool  // the row that was last at the position is still there
	tables  string
}

// check compares what is seen with what was known at a position.
func (l *log) check(from *position) error {
	switch {
	case l.epoch != from.Epoch:
		return lost("the triggers were installed again, or this is another database")
	case l.tables != from.Tables:
		return lost("the tables have changed")
	case l.last < from.Last:
		return lost("the log of changes was emptied")
	case l.pruned != from.Pruned && !from.reaches(l.pruned):
		return lost("the log was pruned beyond what was read: nothing was read for too long")
	// The newest row is never pruned.
	case !l.hasLast && from.Last > 0 && l.pruned == from.Pruned:
		return lost("the log of changes was emptied")
	}
	return nil
}

// reaches reports whether all that comes after the position is still in a log
// that was pruned up to a mark.
func (p *position) reaches(pruned int64) bool { return p.low() >= pruned }

// changes are the rows that changed and what is in the database for them now.
type changes struct {
	n      int
	tables []changedTable
}

type changedTable struct {
	table *table
	ids   []int64
	keys  []string
	rows  [][]any // those that exist
}

// apply brings a Builder up to date. Rows are removed before any is added, so
// that a name can go from one row to another.
func (c *changes) apply(b *store.Builder) {
	for _, t := range c.tables {
		for _, id := range t.ids {
			b.Remove(t.table.kind, uint32(id))
		}
		for _, key := range t.keys {
			b.RemoveQuotaUsage(key)
		}
	}
	for n, t := range c.tables {
		r := newRow(t.table)
		for _, values := range t.rows {
			r.values = values
			t.table.add(b, r)
		}
		if n%pace == 0 {
			b.GiveWay()
		}
	}
}

// entry is what one row of the log says.
type entry struct {
	id     int64
	xid    int64 // PostgreSQL
	source string
	rowID  sql.NullInt64
	key    sql.NullString
}

// keys collects the keys of changed rows, each once.
type keys struct {
	n    int
	ids  map[string]map[int64]struct{}
	text map[string]struct{} // user names of admin_quota
}

func (k *keys) add(e *entry) error {
	switch {
	case e.rowID.Valid && !rowID(e.rowID.Int64):
		return lost("%s has the row %d, whose key a snapshot cannot hold", e.source, e.rowID.Int64)
	case e.rowID.Valid:
		if k.ids == nil {
			k.ids = map[string]map[int64]struct{}{}
		}
		set := k.ids[e.source]
		if set == nil {
			set = map[int64]struct{}{}
			k.ids[e.source] = set
		}
		k.n -= len(set)
		set[e.rowID.Int64] = struct{}{}
		k.n += len(set)
	case e.key.Valid:
		if k.text == nil {
			k.text = map[string]struct{}{}
		}
		k.n -= len(k.text)
		k.text[e.key.String] = struct{}{}
		k.n += len(k.text)
	default:
		return lost("all of %s may have changed", e.source)
	}
	if k.n > maxChanged {
		return lost("more than %d rows have changed", maxChanged)
	}
	return nil
}

// readLog hands each row of a query over the log to f. The columns are those
// of entryColumns.
func readLog(ctx context.Context, q db.Queryer, query string, args []any, f func(*entry) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for n := 1; rows.Next(); n++ {
		var e entry
		if err := rows.Scan(&e.id, &e.xid, &e.source, &e.rowID, &e.key); err != nil {
			return err
		}
		if n > maxEntries {
			return lost("more than %d changes are in the log", maxEntries)
		}
		if err := f(&e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// remember notes how far the log was read, for Prune.
func (s *Source) remember(p *position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if n := len(s.marks); n > 0 && s.marks[n-1].epoch != p.Epoch {
		s.marks = nil
	} else if n > 0 && now.Sub(s.marks[n-1].at) < s.retention()/20 {
		return
	}
	s.marks = append(s.marks, mark{at: now, epoch: p.Epoch, low: p.low()})
	// Of those that are old enough to prune to, the newest will do.
	old := slices.IndexFunc(s.marks, func(m mark) bool { return now.Sub(m.at) < s.retention() })
	if old > 1 {
		s.marks = slices.Delete(s.marks, 0, old-1)
	}
}

func (s *Source) retention() time.Duration {
	if s.Retention > 0 {
		return s.Retention
	}
	return 10 * time.Minute
}
