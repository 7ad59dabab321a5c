package spool

import (
	"context"
	"time"
)

// DeadWrite is a write that was set aside.
type DeadWrite struct {
	Write
	Reason string    // what the database said
	Since  time.Time // when it was set aside
}

// Dead returns up to limit writes that were set aside, the newest first.
func (s *Spool) Dead(ctx context.Context, limit int) ([]DeadWrite, error) {
	var all []DeadWrite
	err := s.ask(ctx, &request{do: func() (err error) {
		all, err = s.file.listDead(limit)
		return err
	}})
	if err != nil {
		return nil, err // not all: the committer may still be at it
	}
	return all, nil
}

// Revive makes all writes that were set aside pending again, for when what the
// database disliked has been mended, and returns how many. They may exceed
// Options.Max.
func (s *Spool) Revive(ctx context.Context) (int, error) {
	n := 0
	err := s.ask(ctx, &request{do: func() (err error) {
		if n, err = s.file.revive(); err != nil {
			return err
		}
		s.mu.Lock()
		s.stats.Dead = 0
		s.mu.Unlock()
		return s.look()
	}})
	if err != nil {
		return 0, err
	}
	signal(s.work)
	return n, nil
}

func (f *file) listDead(limit int) ([]DeadWrite, error) {
	rows, err := f.db.Query(`SELECT kind, "key", value, at, reason, since FROM dead ORDER BY since DESC, seq DESC LIMIT ?`, limit)
	if err != nil {
		return nil, &StorageError{f.path, err}
	}
	defer func() { _ = rows.Close() }()
	var all []DeadWrite
	for rows.Next() {
		var d DeadWrite
		var at, since int64
		if err := rows.Scan(&d.Kind, &d.Key, &d.Value, &at, &d.Reason, &since); err != nil {
			return nil, &StorageError{f.path, err}
		}
		d.At, d.Since = time.Unix(0, at), time.Unix(0, since)
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, &StorageError{f.path, err}
	}
	return all, nil
}

// revive gives new numbers. A key never is in both tables but for what another
// process does at this moment; then the pending one is the newer.
func (f *file) revive() (int, error) {
	tx, err := f.db.Begin()
	if err != nil {
		return 0, &StorageError{f.path, err}
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	r, err := tx.Exec(`INSERT OR IGNORE INTO pending (kind, "key", value, at) SELECT kind, "key", value, at FROM dead ORDER BY seq`)
	if err == nil {
		_, err = tx.Exec("DELETE FROM dead")
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return 0, &StorageError{f.path, err}
	}
	n, err := r.RowsAffected()
	return int(n), err
}
