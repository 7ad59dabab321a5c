package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// file is the SQLite file. One goroutine uses it, over one connection.
type file struct {
	path    string
	db      *db.DB
	lock    *lock // shared while the file is open
	seen    int64 // the newest sequence number that was read or given
	version int64 // of the file, as other processes change it

	statements // they end with db
}

// statements are prepared once.
type statements struct{ sequence, put, finish, setAside, countDead, supersede *sql.Stmt }

// in gives the statements that work within a transaction, and end with it.
func (s *statements) in(tx *sql.Tx) *statements {
	return &statements{
		sequence: tx.Stmt(s.sequence), put: tx.Stmt(s.put), finish: tx.Stmt(s.finish),
		setAside: tx.Stmt(s.setAside), countDead: tx.Stmt(s.countDead), supersede: tx.Stmt(s.supersede),
	}
}

// schema: AUTOINCREMENT never gives a number twice, whichever process asks,
// and one writer at a time means that numbers become visible in their order.
// A newer version of a key replaces the row and has a new number, so deleting
// by number deletes one exact version.
const schema = `
CREATE TABLE IF NOT EXISTS pending (
	seq   INTEGER PRIMARY KEY AUTOINCREMENT,
	kind  TEXT NOT NULL,
	"key" TEXT NOT NULL,
	value BLOB NOT NULL,
	at    INTEGER NOT NULL, -- nanoseconds since 1970
	UNIQUE (kind, "key")
);
CREATE TABLE IF NOT EXISTS dead (
	seq    INTEGER NOT NULL,
	kind   TEXT NOT NULL,
	"key"  TEXT NOT NULL,
	value  BLOB NOT NULL,
	at     INTEGER NOT NULL,
	reason TEXT NOT NULL,
	since  INTEGER NOT NULL,
	PRIMARY KEY (kind, "key")
);`

// prepare makes the statements. Columns are read with fixed lists, so a column
// that a later version adds does no harm.
func (f *file) prepare() error {
	var failed error
	prepared := func(text string) *sql.Stmt {
		s, err := f.db.Prepare(text)
		failed = errors.Join(failed, err)
		return s
	}
	f.statements = statements{
		sequence: prepared(`SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'pending'`),
		put:      prepared(`INSERT OR REPLACE INTO pending (seq, kind, "key", value, at) VALUES (?, ?, ?, ?, ?)`),
		finish:   prepared(`DELETE FROM pending WHERE seq = ?`),
		setAside: prepared(`INSERT OR REPLACE INTO dead (seq, kind, "key", value, at, reason, since)
			SELECT seq, kind, "key", value, at, ?, ? FROM pending WHERE seq = ?`),
		countDead: prepared(`SELECT count(*) FROM dead`),
		supersede: prepared(`DELETE FROM dead WHERE kind = ? AND "key" = ?`),
	}
	return failed
}

// commit runs one transaction. It is begun IMMEDIATE: nobody else writes
// between its first read and its end.
func (f *file) commit(c *change) (outcome, error) {
	tx, err := f.db.Begin()
	if err != nil {
		return outcome{}, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	in := f.in(tx)
	var last int64
	if err := in.sequence.QueryRow().Scan(&last); err != nil {
		return outcome{}, err
	}
	out := outcome{first: last + 1}
	if last > f.seen {
		if out.foreign, err = f.load(tx, f.seen); err != nil {
			return outcome{}, err
		}
	}
	if err := in.countDead.QueryRow().Scan(&out.dead); err != nil {
		return outcome{}, err
	}
	if err := in.write(c, &out); err != nil {
		return outcome{}, err
	}
	if err := tx.Commit(); err != nil {
		return outcome{}, err
	}
	f.seen = last + int64(len(c.writes))
	return out, nil
}

// write writes first and sets aside then, so that a version that has just been
// replaced is not set aside.
func (s *statements) write(c *change, out *outcome) error {
	for i, w := range c.writes {
		if out.dead > 0 {
			if _, err := s.supersede.Exec(w.Kind, w.Key); err != nil {
				return err
			}
		}
		if _, err := s.put.Exec(out.first+int64(i), w.Kind, w.Key, w.Value, w.At.UnixNano()); err != nil {
			return err
		}
	}
	now := time.Now().UnixNano()
	for _, r := range c.refused {
		if _, err := s.setAside.Exec(r.reason, now, r.seq); err != nil {
			return err
		}
	}
	for _, seq := range c.finished {
		if _, err := s.finish.Exec(seq); err != nil {
			return err
		}
	}
	for _, r := range c.refused {
		if _, err := s.finish.Exec(r.seq); err != nil {
			return err
		}
	}
	if out.dead == 0 && len(c.refused) == 0 {
		return nil
	}
	return s.countDead.QueryRow().Scan(&out.dead)
}

// load reads the pending versions after a number, in their order.
func (f *file) load(q db.Queryer, after int64) ([]item, error) {
	rows, err := q.QueryContext(context.Background(), `SELECT seq, kind, "key", value, at FROM pending WHERE seq > ? ORDER BY seq`, after)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []item
	for rows.Next() {
		var i item
		var at int64
		if err := rows.Scan(&i.seq, &i.Kind, &i.Key, &i.Value, &at); err != nil {
			return nil, err
		}
		i.At = time.Unix(0, at)
		all = append(all, i)
	}
	return all, rows.Err()
}

// news returns what has been added since the last look.
func (f *file) news() ([]item, error) {
	var last int64
	if err := f.sequence.QueryRow().Scan(&last); err != nil || last <= f.seen {
		return nil, err
	}
	return f.after(f.seen, last)
}

// all returns all that is pending, and how many writes were set aside.
func (f *file) all() (read []item, dead int, err error) {
	var last int64
	if err := errors.Join(f.sequence.QueryRow().Scan(&last), f.countDead.QueryRow().Scan(&dead)); err != nil {
		return nil, 0, err
	}
	read, err = f.after(0, last)
	return read, dead, err
}

// after loads, and notes how far it got: at least to last, and further if more
// came in between.
func (f *file) after(seq, last int64) ([]item, error) {
	read, err := f.load(f.db, seq)
	if err != nil {
		return nil, err
	}
	if n := len(read); n > 0 {
		last = max(last, read[n-1].seq)
	}
	f.seen = max(f.seen, last)
	return read, nil
}

// changed reports whether another process has changed the file since the last
// call; true when in doubt.
func (f *file) changed() bool {
	var v int64
	err := f.db.QueryRow("PRAGMA data_version").Scan(&v)
	same := err == nil && v == f.version
	f.version = v
	return !same
}

func (f *file) close() error {
	err := f.db.Close()
	f.lock.close()
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
