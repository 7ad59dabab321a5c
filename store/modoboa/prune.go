package modoboa

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// mark says how far the log had been read at some time.
type mark struct {
	at    time.Time
	epoch string
	low   int64 // see position.low
}

const (
	pruneChunk = 1000
	// pruneChunks bounds one Prune: the rest waits for the next.
	pruneChunks = 500
)

// Prune deletes from the log what this daemon had read ten minutes ago
// (Retention), in small transactions. It does nothing without a Writer. The
// error is a *CaptureError.
func (s *Source) Prune(ctx context.Context) error {
	if s.Writer == nil {
		return nil
	}
	m, ok := s.pruneMark()
	if !ok {
		return nil
	}
	for range pruneChunks {
		n, err := s.pruneSome(ctx, m)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return pruneError(s.Writer, err)
		}
		if n < pruneChunk {
			break
		}
	}
	return nil
}

func pruneError(d *db.DB, err error) error {
	e := newCaptureError(d, "prune the log of changes", err)
	if d.FailureOf(err) == db.NotAllowed {
		e.remedy = fmt.Sprintf("grant vmapd's user DELETE on %s and UPDATE on %s, as \"vmapd db install-triggers --grant\" does", logTable, captureTable)
	}
	return e
}

// pruneMark returns the newest mark that is old enough.
func (s *Source) pruneMark() (m mark, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.marks {
		if time.Since(x.at) >= s.retention() {
			m, ok = x, true
		}
	}
	return m, ok && m.low > 0
}

// pruneSome deletes one chunk, and first says so, in one transaction. Another
// epoch means another log: then there is nothing to do. The newest row stays:
// old InnoDB counts from the greatest id that it finds when it starts.
func (s *Source) pruneSome(ctx context.Context, m mark) (int64, error) {
	d := s.Writer
	opts := &sql.TxOptions{Isolation: sql.LevelReadCommitted} // no locks between rows
	if d.Dialect == db.SQLite {
		opts.Isolation = sql.LevelDefault
	}
	tx, err := d.BeginTx(ctx, opts)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	// Written first: SQLite's transaction then begins as a writer's, and two
	// daemons take turns on the row.
	raise := fmt.Sprintf("update %s set pruned = case when pruned < %[2]d then %[2]d else pruned end", captureTable, m.low)
	if _, err := tx.ExecContext(ctx, raise); err != nil {
		return 0, err
	}
	var epoch string
	if err := scanOne(ctx, tx, "select epoch from "+captureTable, &epoch); err != nil || epoch != m.epoch {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, pruneStatement(d, m.low))
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return 0, err
	}
	return n, tx.Commit()
}

func pruneStatement(d *db.DB, low int64) string {
	switch d.Dialect {
	case db.PostgreSQL:
		return fmt.Sprintf("delete from %[1]s where id in (select id from %[1]s where xid < %[2]d and id < (select max(id) from %[1]s) order by xid limit %[3]d)", logTable, low, pruneChunk)
	case db.MySQL:
		return fmt.Sprintf("delete from %[1]s where id <= %[2]d and id < (select m from (select max(id) as m from %[1]s) as newest) order by id limit %[3]d", logTable, low, pruneChunk)
	default:
		return fmt.Sprintf("delete from %[1]s where id in (select id from %[1]s where id <= %[2]d and id < (select max(id) from %[1]s) order by id limit %[3]d)", logTable, low, pruneChunk)
	}
}
