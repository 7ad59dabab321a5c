package modoboa

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// settleGaps returns gaps without those that were rolled back. It must come
// before the view is taken: what a gap turns out to hold is then in the view.
func (s *Source) settleGaps(ctx context.Context, gaps []gap) ([]gap, error) {
	now := time.Now().Unix()
	var kept []gap
	var tx *sql.Tx
	var lock string
	asked := 0
	for _, g := range gaps {
		if age := now - g[2]; asked == settleAtOnce || age >= 0 && age < gapAge {
			kept = append(kept, g)
			continue
		}
		if tx == nil {
			var err error
			if tx, lock, err = s.beginSettle(ctx); err != nil {
				return nil, err
			}
			defer tx.Rollback() //nolint:errcheck // nothing was written
		}
		asked++
		dead, err := s.gapIsDead(ctx, tx, g, lock)
		if err != nil {
			return nil, err
		}
		if !dead {
			kept = append(kept, g)
		}
	}
	return kept, nil
}

// gapIsDead reports whether no id of a gap is there or can still come.
func (s *Source) gapIsDead(ctx context.Context, tx *sql.Tx, g gap, lock string) (bool, error) {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("select id from %s where id between %d and %d limit 1 %s", logTable, g[0], g[1], lock))
	if err != nil {
		if s.DB.FailureOf(err) == db.WouldBlock {
			return false, nil
		}
		return false, err
	}
	defer func() { _ = rows.Close() }()
	found := rows.Next()
	if s.DB.FailureOf(rows.Err()) == db.WouldBlock {
		return false, nil
	}
	return !found, rows.Err()
}

// beginSettle begins a transaction for locking reads that do not wait. At READ
// COMMITTED they lock rows alone, not the room between them, which would make
// Modoboa's writes wait for us.
func (s *Source) beginSettle(ctx context.Context) (*sql.Tx, string, error) {
	tx, err := s.DB.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted, ReadOnly: true})
	if err != nil {
		return nil, "", err
	}
	var version string
	if err := scanOne(ctx, tx, "select version()", &version); err != nil {
		_ = tx.Rollback()
		return nil, "", err
	}
	lock := lockClause(version)
	if !strings.HasSuffix(lock, "nowait") {
		if _, err := tx.ExecContext(ctx, "set session innodb_lock_wait_timeout = 1"); err != nil {
			_ = tx.Rollback()
			return nil, "", err
		}
	}
	return tx, lock, nil
}

// lockClause spells a shared lock that does not wait: MariaDB has NOWAIT since
// 10.3, MySQL since 8.0.1 and only in the new spelling. Others wait a second.
func lockClause(version string) string {
	var major, minor int
	_, _ = fmt.Sscanf(version, "%d.%d", &major, &minor)
	maria := strings.Contains(version, "MariaDB")
	switch {
	case maria && (major > 10 || major == 10 && minor >= 3):
		return "lock in share mode nowait"
	case !maria && major >= 8:
		return "for share nowait"
	}
	return "lock in share mode"
}
