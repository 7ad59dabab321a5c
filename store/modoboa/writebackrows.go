package modoboa

import (
	"context"
	"database/sql"
)

// MySQL and SQLite write a batch row by row, with prepared statements.

// rowStatements are prepared for one batch.
type rowStatements struct{ update, find, insert *sql.Stmt }

// prepareRows prepares the statements; an empty text is none. They are to be
// closed after an error, too.
func prepareRows(ctx context.Context, c *sql.Conn, update, find, insert string) (s rowStatements, err error) {
	prepared := func(text string) *sql.Stmt {
		if err != nil || text == "" {
			return nil
		}
		var p *sql.Stmt
		p, err = c.PrepareContext(ctx, text)
		return p
	}
	s = rowStatements{update: prepared(update), find: prepared(find), insert: prepared(insert)}
	return s, err
}

func (s *rowStatements) close() {
	for _, p := range []*sql.Stmt{s.update, s.find, s.insert} {
		if p != nil {
			_ = p.Close()
		}
	}
}

// quotaRows updates, and inserts only where no row was found. That an UPDATE
// touched no row does not say so: MySQL counts the rows that it changed, not
// those that it found, and a batch may be written twice.
func (w *WriteBack) quotaRows(ctx context.Context, c *sql.Conn, quotas []quotaUsage) (missing []quotaUsage, err error) {
	s, err := prepareRows(ctx, c,
		"UPDATE admin_quota SET bytes = ?, messages = ? WHERE username = ?",
		"SELECT 1 FROM admin_quota WHERE username = ?",
		`INSERT INTO admin_quota (username, bytes, messages) SELECT ?, ?, ? FROM core_user AS u
			JOIN admin_mailbox AS m ON m.user_id = u.id WHERE u.email = ? LIMIT 1`)
	defer s.close()
	if err != nil {
		return nil, err
	}
	for _, q := range quotas {
		known, err := s.touch(ctx, q.username, q.bytes, q.messages, q.username)
		if err != nil {
			return nil, err
		}
		if known {
			continue
		}
		inserted, err := execRows(ctx, s.insert, q.username, q.bytes, q.messages, q.username)
		if err != nil {
			return nil, err
		}
		if inserted == 0 {
			missing = append(missing, q)
		}
	}
	return missing, nil
}

func (w *WriteBack) loginRows(ctx context.Context, c *sql.Conn, logins []lastLogin) (missing []lastLogin, err error) {
	s, err := prepareRows(ctx, c,
		"UPDATE core_user SET last_login = ? WHERE username = ? AND (last_login IS NULL OR last_login < ?)",
		"SELECT 1 FROM core_user WHERE username = ?",
		"")
	defer s.close()
	if err != nil {
		return nil, err
	}
	for _, l := range logins {
		at := w.DB.Time(l.at)
		known, err := s.touch(ctx, l.username, at, l.username, at)
		if err != nil {
			return nil, err
		}
		if !known {
			missing = append(missing, l)
		}
	}
	return missing, nil
}

// touch updates a row and reports whether it is there.
func (s *rowStatements) touch(ctx context.Context, name string, args ...any) (bool, error) {
	n, err := execRows(ctx, s.update, args...)
	if err != nil || n > 0 {
		return true, err
	}
	return exists(ctx, s.find, name)
}

func execRows(ctx context.Context, s *sql.Stmt, args ...any) (int64, error) {
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// exists reports whether a query returns a row.
func exists(ctx context.Context, s *sql.Stmt, args ...any) (bool, error) {
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	found := rows.Next()
	return found, rows.Err()
}
