package mailops

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// databaseError is a failure that is not an operation's own.
type databaseError struct{ err error }

func (e *databaseError) Error() string { return e.err.Error() }
func (e *databaseError) Unwrap() error { return e.err }

// each runs a query and calls scan for each row.
func (r *Runner) each(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	if err := rows.Each(ctx, r.o.DB, r.o.DB, query, args, scan); err != nil {
		return &databaseError{fmt.Errorf("read: %w", err)}
	}
	return nil
}

// read returns the operations there are, by row.
func (r *Runner) read(ctx context.Context) ([]Operation, error) {
	table, err := rows.ReadTable(ctx, r.o.DB, r.o.DB, "admin_mailboxoperation")
	if err != nil || len(table) == 0 {
		return nil, err
	}
	var ops []Operation
	err = r.each(ctx, `SELECT o.id, o.type, o.argument, o.mailbox_id, m.address, d.name FROM admin_mailboxoperation o
		LEFT JOIN admin_mailbox m ON m.id = o.mailbox_id LEFT JOIN admin_domain d ON d.id = m.domain_id ORDER BY o.id`, nil, func(row *sql.Rows) error {
		var op Operation
		var mailbox sql.NullInt64
		var local, domain sql.NullString
		if err := row.Scan(&op.ID, &op.Kind, &op.Argument, &mailbox, &local, &domain); err != nil {
			return err
		}
		op.MailboxID = mailbox.Int64
		if op.Kind == Rename && local.Valid && domain.Valid {
			op.Address = store.Fold(local.String + "@" + domain.String)
			op.Home = r.o.Home(op.Address)
		}
		ops = append(ops, op)
		return nil
	})
	return ops, err
}

// Pending implements [Facts].
func (r *Runner) Pending(ctx context.Context, op *Operation) error {
	found := false
	err := r.each(ctx, "SELECT type, argument FROM admin_mailboxoperation WHERE id = ?", []any{op.ID}, func(row *sql.Rows) error {
		var kind, argument string
		err := row.Scan(&kind, &argument)
		found = kind == op.Kind && argument == op.Argument
		return err
	})
	if err == nil && !found {
		err = errDone
	}
	return err
}

// Owner implements [Facts].
func (r *Runner) Owner(ctx context.Context, home string, op *Operation) (*Owner, error) {
	home = filepath.Clean(home)
	var owner *Owner
	var mailbox int64
	query := "SELECT m.id, m.address, d.name, " + r.o.DB.Text("m.creation") + " FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id"
	if domain := r.o.Domain(home); domain != "" {
		ids, err := r.domains(ctx, domain)
		if err != nil || ids == "" {
			return nil, err
		}
		query += " WHERE m.domain_id IN (" + ids + ")"
	}
	err := r.each(ctx, query, nil, func(row *sql.Rows) error {
		var id int64
		var local, domain string
		var since sql.NullString
		if err := row.Scan(&id, &local, &domain, &since); err != nil {
			return err
		}
		address := store.Fold(local + "@" + domain)
		if at := r.o.Home(address); owner != nil || id == op.MailboxID || at == "" || filepath.Clean(at) != home {
			return nil
		}
		owner, mailbox = &Owner{Address: address}, id
		owner.Since, _ = rows.ParseTime(since.String)
		return nil
	})
	if err != nil || owner == nil {
		return nil, err
	}
	owner.Elsewhere, err = r.elsewhere(ctx, mailbox, home, op)
	return owner, err
}

// domains returns the ids of domains of a name, as a list for SQL.
func (r *Runner) domains(ctx context.Context, name string) (ids string, err error) {
	name = store.Fold(name)
	err = r.each(ctx, "SELECT id, name FROM admin_domain", nil, func(row *sql.Rows) error {
		var id int64
		var stored string
		if err := row.Scan(&id, &stored); err != nil {
			return err
		}
		if store.Fold(stored) == name {
			if ids != "" {
				ids += ", "
			}
			ids += fmt.Sprint(id)
		}
		return nil
	})
	return ids, err
}

// elsewhere reports whether the mail of a mailbox is yet to come to its home.
func (r *Runner) elsewhere(ctx context.Context, mailbox int64, home string, op *Operation) (found bool, err error) {
	err = r.each(ctx, "SELECT argument FROM admin_mailboxoperation WHERE mailbox_id = ? AND type = ? AND id > ?", []any{mailbox, Rename, op.ID}, func(row *sql.Rows) error {
		var path string
		err := row.Scan(&path)
		found = found || filepath.Clean(path) != home
		return err
	})
	return found, err
}

// Leaves implements [Facts].
func (r *Runner) Leaves(ctx context.Context, home string, op *Operation) (found int64, err error) {
	home = filepath.Clean(home)
	err = r.each(ctx, "SELECT id, argument FROM admin_mailboxoperation WHERE type = ? AND id <> ?", []any{Rename, op.ID}, func(row *sql.Rows) error {
		var id int64
		var path string
		if err := row.Scan(&id, &path); err != nil {
			return err
		}
		if found == 0 && filepath.Clean(path) == home {
			found = id
		}
		return nil
	})
	return found, err
}

// deleteRow takes an operation that is done off the list, and says so in
// Modoboa's log.
func (r *Runner) deleteRow(ctx context.Context, op *Operation) error {
	tx, err := rows.Begin(ctx, r.o.DB)
	if err != nil {
		return &databaseError{err}
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	result, err := tx.ExecContext(ctx, r.o.DB.Rebind("DELETE FROM admin_mailboxoperation WHERE id = ? AND type = ?"), op.ID, op.Kind)
	if err != nil {
		return &databaseError{fmt.Errorf("delete the row of an operation that is done: %w", r.o.DB.Explain(err))}
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 { // another process was quicker, and has said so
		return err
	}
	if err := r.log(ctx, tx, "info", op.String()+" succeed"); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return &databaseError{fmt.Errorf("commit: %w", r.o.DB.Explain(err))}
	}
	return nil
}
