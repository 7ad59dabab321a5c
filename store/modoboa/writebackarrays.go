package modoboa

import (
	"context"
	"database/sql"
	"time"
)

// PostgreSQL writes a batch with a few statements over arrays.
//
// Rows are locked by a SELECT first: ORDER BY orders its locks, an UPDATE
// locks in whatever order its plan finds rows in.

const (
	lockQuotas = `SELECT username FROM admin_quota WHERE username = ANY ($1::text[]) ORDER BY username FOR NO KEY UPDATE`

	// A row that says so already is left alone: no dead tuple, no trigger.
	updateQuotas = `UPDATE admin_quota AS q SET bytes = v.bytes, messages = v.messages
		FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS v (username, bytes, messages)
		WHERE q.username = v.username AND (q.bytes, q.messages) IS DISTINCT FROM (v.bytes, v.messages)`

	// The row of a mailbox that lacks one is made with zeroes and updated
	// then. Modoboa's installer puts a trigger on the table (merge_quota, for
	// Dovecot 2.3) that adds an INSERT's figures to a row that is there, and
	// stores a negative count of messages if none is; adding zeroes harms
	// nobody. core_user.email is the address of the user's mailbox, and unlike
	// admin_mailbox.address it has an index.
	insertQuotas = `INSERT INTO admin_quota (username, bytes, messages)
		SELECT v.username, 0, 0 FROM unnest($1::text[]) AS v (username)
		WHERE EXISTS (SELECT FROM core_user AS u JOIN admin_mailbox AS m ON m.user_id = u.id WHERE u.email = v.username)
		ORDER BY v.username ON CONFLICT (username) DO NOTHING`

	lockLogins = `SELECT username FROM core_user WHERE username = ANY ($1::text[]) ORDER BY username FOR NO KEY UPDATE`

	updateLogins = `UPDATE core_user AS u SET last_login = v.at
		FROM unnest($1::text[], $2::timestamptz[]) AS v (username, at)
		WHERE u.username = v.username AND (u.last_login IS NULL OR u.last_login < v.at)`
)

func quotaArrays(ctx context.Context, c *sql.Conn, quotas []quotaUsage) (missing []quotaUsage, err error) {
	missing, err = updateQuotaArrays(ctx, c, quotas)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	names := make([]string, len(missing))
	for i := range missing {
		names[i] = missing[i].username
	}
	if _, err := c.ExecContext(ctx, insertQuotas, names); err != nil {
		return nil, err
	}
	return updateQuotaArrays(ctx, c, missing)
}

// updateQuotaArrays updates rows and returns what has none.
func updateQuotaArrays(ctx context.Context, c *sql.Conn, quotas []quotaUsage) (missing []quotaUsage, err error) {
	names := make([]string, len(quotas))
	size, messages := make([]int64, len(quotas)), make([]int64, len(quotas))
	for i, q := range quotas {
		names[i], size[i], messages[i] = q.username, q.bytes, q.messages
	}
	there, err := lockNames(ctx, c, lockQuotas, names)
	if err != nil {
		return nil, err
	}
	for _, q := range quotas {
		if !there[q.username] {
			missing = append(missing, q)
		}
	}
	if len(there) > 0 {
		_, err = c.ExecContext(ctx, updateQuotas, names, size, messages)
	}
	return missing, err
}

func loginArrays(ctx context.Context, c *sql.Conn, logins []lastLogin) (missing []lastLogin, err error) {
	names, at := make([]string, len(logins)), make([]time.Time, len(logins))
	for i, l := range logins {
		names[i], at[i] = l.username, l.at.Truncate(time.Microsecond)
	}
	there, err := lockNames(ctx, c, lockLogins, names)
	if err != nil {
		return nil, err
	}
	for _, l := range logins {
		if !there[l.username] {
			missing = append(missing, l)
		}
	}
	if len(there) > 0 {
		_, err = c.ExecContext(ctx, updateLogins, names, at)
	}
	return missing, err
}

func lockNames(ctx context.Context, c *sql.Conn, query string, names []string) (map[string]bool, error) {
	rows, err := c.QueryContext(ctx, query, names)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	set := make(map[string]bool, len(names))
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		set[name] = true
	}
	return set, rows.Err()
}
