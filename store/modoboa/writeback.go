package modoboa

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/spool"
)

// WriteBack writes what mail servers report into Modoboa's tables: quota usage
// into admin_quota, last logins into core_user. It implements spool.Sink.
//
// Writes for users that do not exist, any more or yet, are skipped and counted
// in Unknown. Names are compared as the database compares them, so keys have
// to be spelled as the tables spell them.
type WriteBack struct {
	DB *db.DB

	unknown atomic.Uint64
}

// Unknown returns how many writes were skipped since there is no such user.
func (w *WriteBack) Unknown() uint64 { return w.unknown.Load() }

const (
	// connectPatience bounds the search for the database, which must be
	// noticed soon after it has come back.
	connectPatience = 2 * time.Second
	// raceAttempts is how often a transaction is begun that lost against
	// another one.
	raceAttempts = 3
)

// Apply writes a batch in one transaction. An error that is spool.ErrRefused
// says that a value cannot be read or that the database will never take it;
// other errors are *db.ConnectError where that applies.
func (w *WriteBack) Apply(ctx context.Context, batch []spool.Write) error {
	quotas, logins, err := sortBatch(batch)
	if err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return fmt.Errorf("write back: %w", err)
	}
	for attempt := 1; ; attempt++ {
		unknown, err := w.transact(ctx, quotas, logins)
		switch {
		case err == nil:
			w.unknown.Add(uint64(unknown))
			return nil
		case w.DB.LostRace(err) && attempt < raceAttempts && ctx.Err() == nil:
		case w.DB.BadData(err):
			return fmt.Errorf("write back: %w: %w", spool.ErrRefused, err)
		default:
			return fmt.Errorf("write back: %w", w.DB.Explain(err))
		}
	}
}

func (w *WriteBack) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	return w.DB.Connect(ctx)
}

// sortBatch reads the values and sorts them by name: transactions that lock
// rows in one order do not deadlock.
func sortBatch(batch []spool.Write) (quotas []quotaUsage, logins []lastLogin, err error) {
	for i := range batch {
		b := &batch[i]
		switch b.Kind {
		case KindQuota:
			var q quotaUsage
			if q, err = readQuota(b); err == nil {
				quotas = append(quotas, q)
			}
		case KindLastLogin:
			var l lastLogin
			if l, err = readLastLogin(b); err == nil {
				logins = append(logins, l)
			}
		default:
			err = fmt.Errorf("there is no kind of write %q", b.Kind)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("write back: %w: %w", spool.ErrRefused, err)
		}
	}
	slices.SortFunc(quotas, func(a, b quotaUsage) int { return cmp.Compare(a.username, b.username) })
	slices.SortFunc(logins, func(a, b lastLogin) int { return cmp.Compare(a.username, b.username) })
	return quotas, logins, nil
}

// transact writes all in one transaction. It is never a single statement that
// commits itself: one that a hung server still has from a connection that was
// given up could then overtake a newer one. In a transaction it has either
// locked its rows, and the newer one waits, or will not be committed.
func (w *WriteBack) transact(ctx context.Context, quotas []quotaUsage, logins []lastLogin) (unknown int, err error) {
	writeQuotas, writeLogins := w.quotaRows, w.loginRows
	if w.DB.Dialect == db.PostgreSQL {
		writeQuotas, writeLogins = quotaArrays, loginArrays
	}
	err = w.DB.Transact(ctx, func(c *sql.Conn) error {
		if len(quotas) > 0 {
			if unknown, err = writeQuotas(ctx, c, quotas); err != nil {
				return fmt.Errorf("admin_quota: %w", err)
			}
		}
		if len(logins) > 0 {
			n, err := writeLogins(ctx, c, logins)
			if err != nil {
				return fmt.Errorf("core_user: %w", err)
			}
			unknown += n
		}
		return nil
	})
	return unknown, err
}
