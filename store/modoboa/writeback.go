package modoboa

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/spool"
)

// WriteBack writes what mail servers report into Modoboa's tables: quota usage
// into admin_quota, last logins into core_user. It implements spool.Sink.
//
// Writes for users that do not exist, any more or yet, are skipped and counted
// in Unknown. A name that is not found is looked for in other spellings too,
// which costs a walk over the table: keys had better be spelled as there.
type WriteBack struct {
	DB *db.DB
	// Parameters are those of Modoboa's that vmapd's file sets.
	Parameters parameters.Overrides

	unknown atomic.Uint64
}

// Unknown returns how many writes were skipped since there is no such user.
func (w *WriteBack) Unknown() uint64 { return w.unknown.Load() }

// connectPatience bounds the search for the database, which must be noticed soon
// after it has come back.
const connectPatience = 2 * time.Second

// Apply writes a batch in one transaction. An error that is spool.ErrRefused
// says that a value cannot be read or that the database will never take it;
// other errors are *db.ConnectError where that applies.
func (w *WriteBack) Apply(ctx context.Context, batch []spool.Write) error {
	b, err := sortBatch(batch)
	if err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return fmt.Errorf("write back: %w", err)
	}
	unknown, err := w.transact(ctx, b)
	switch {
	case err == nil:
		w.unknown.Add(uint64(unknown))
		return nil
	case w.DB.BadData(err):
		return fmt.Errorf("write back: %w: %w", spool.ErrRefused, err)
	}
	return fmt.Errorf("write back: %w", w.DB.Explain(err))
}

func (w *WriteBack) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	return w.DB.Connect(ctx)
}

// sorted is a batch by kind.
type sorted struct {
	quotas    []quotaUsage
	logins    []lastLogin
	passwords []newPassword
}

// sortBatch reads the values and sorts them by name: transactions that lock
// rows in one order do not deadlock.
func sortBatch(batch []spool.Write) (b sorted, err error) {
	for i := range batch {
		switch w := &batch[i]; w.Kind {
		case KindQuota:
			b.quotas, err = appendRead(b.quotas, w, readQuota)
		case KindLastLogin:
			b.logins, err = appendRead(b.logins, w, readLastLogin)
		case KindPassword:
			b.passwords, err = appendRead(b.passwords, w, readPassword)
		default:
			err = fmt.Errorf("there is no kind of write %q", w.Kind)
		}
		if err != nil {
			return b, fmt.Errorf("write back: %w: %w", spool.ErrRefused, err)
		}
	}
	slices.SortFunc(b.quotas, func(x, y quotaUsage) int { return cmp.Compare(x.username, y.username) })
	slices.SortFunc(b.logins, func(x, y lastLogin) int { return cmp.Compare(x.username, y.username) })
	slices.SortFunc(b.passwords, func(x, y newPassword) int { return cmp.Compare(x.username, y.username) })
	return b, nil
}

func appendRead[T any](list []T, w *spool.Write, read func(*spool.Write) (T, error)) ([]T, error) {
	v, err := read(w)
	return append(list, v), err
}

// transact writes all in one transaction. It is never a single statement that
// commits itself: one that a hung server still has from a connection that was
// given up could then overtake a newer one. In a transaction it has either
// locked its rows, and the newer one waits, or will not be committed.
func (w *WriteBack) transact(ctx context.Context, b sorted) (unknown int, err error) {
	writeQuotas, writeLogins := w.quotaRows, w.loginRows
	if w.DB.Dialect == db.PostgreSQL {
		writeQuotas, writeLogins = quotaArrays, loginArrays
	}
	err = w.DB.Transact(ctx, func(c *sql.Conn) error {
		n, err := writeSpelled(ctx, w.DB, c, "admin_quota", b.quotas, func(q *quotaUsage) *string { return &q.username }, writeQuotas)
		if err != nil {
			return fmt.Errorf("admin_quota: %w", err)
		}
		unknown = n
		if n, err = writeSpelled(ctx, w.DB, c, "core_user", b.logins, func(l *lastLogin) *string { return &l.username }, writeLogins); err != nil {
			return fmt.Errorf("core_user: %w", err)
		}
		unknown += n
		if n, err = w.passwordRows(ctx, c, b.passwords); err != nil {
			return fmt.Errorf("core_user: %w", err)
		}
		unknown += n
		return nil
	})
	return unknown, err
}

// writeSpelled writes rows, and those whose names were not found again with the
// names that the table has in another spelling. It returns how many are of
// nobody.
func writeSpelled[T any](ctx context.Context, d *db.DB, c *sql.Conn, table string, rows []T, name func(*T) *string,
	write func(context.Context, *sql.Conn, []T) (missing []T, err error),
) (unknown int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	missing, err := write(ctx, c, rows)
	if err != nil || len(missing) == 0 {
		return 0, err
	}
	spelled, err := spellings(ctx, d, c, table, missing, name)
	if err != nil {
		return 0, err
	}
	var again []T
	for i := range missing {
		if s, ok := spelled[strings.ToLower(*name(&missing[i]))]; ok {
			*name(&missing[i]) = s
			again = append(again, missing[i])
		}
	}
	unknown = len(missing) - len(again)
	if len(again) > 0 {
		missing, err = write(ctx, c, again)
		unknown += len(missing)
	}
	return unknown, err
}

// spellings finds how a table spells names, by their spelling in small letters.
func spellings[T any](ctx context.Context, d *db.DB, c *sql.Conn, table string, rows []T, name func(*T) *string) (map[string]string, error) {
	args := make([]any, len(rows))
	for i := range rows {
		args[i] = strings.ToLower(*name(&rows[i]))
	}
	marks := strings.Repeat(", ?", len(rows))[2:]
	found, err := c.QueryContext(ctx, d.Rebind("SELECT username FROM "+table+" WHERE lower(username) IN ("+marks+") ORDER BY username"), args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	spelled := map[string]string{}
	for found.Next() {
		var s string
		if err := found.Scan(&s); err != nil {
			return nil, err
		}
		spelled[strings.ToLower(s)] = s
	}
	return spelled, found.Err()
}
