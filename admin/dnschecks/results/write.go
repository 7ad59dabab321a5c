package results

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// writer writes one report in one transaction.
type writer struct {
	ctx context.Context
	d   *db.DB
	tx  *sql.Tx
	t   tables
	r   *dnschecks.Report
}

// write writes all rows, or none if the report is not the one to keep.
func (w *writer) write() (bool, error) {
	if wanted, err := w.wanted(); err != nil || !wanted {
		return false, err
	}
	for _, step := range []func() error{w.mx, w.lists, w.records, w.report, w.checked} {
		if err := step(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// wanted reports whether the domain is there by that name, and nothing later
// is known of it.
func (w *writer) wanted() (bool, error) {
	last := "NULL"
	if w.t["admin_domain"].Has("last_dns_check_execution") {
		last = w.d.Text("last_dns_check_execution")
	}
	if len(w.t[ownTable]) > 0 {
		last = "(SELECT " + w.d.Text("checked") + " FROM " + ownTable + " WHERE domain_id = admin_domain.id)"
	}
	var name string
	var at sql.NullString
	err := w.tx.QueryRowContext(w.ctx, w.d.Rebind("SELECT name, "+last+" FROM admin_domain WHERE id = ?"), w.r.DomainID).Scan(&name, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, w.d.Explain(err)
	}
	then, _ := rows.ParseTime(at.String)
	return name == w.r.Domain && !then.After(w.r.Checked), nil
}

func (w *writer) exec(query string, args ...any) error {
	_, err := w.tx.ExecContext(w.ctx, w.d.Rebind(query), args...)
	return w.d.Explain(err)
}

func (w *writer) each(query string, args []any, scan func(*sql.Rows) error) error {
	return rows.Each(w.ctx, w.d, w.tx, query, args, scan)
}

// result returns a check that was made, nil for one that was not.
func (w *writer) result(k dnschecks.Kind) *dnschecks.Result {
	r := w.r.Result(k)
	if !r.Made() {
		return nil
	}
	return r
}

// report writes the whole report where there is a table for it.
func (w *writer) report() error {
	if len(w.t[ownTable]) == 0 {
		return nil
	}
	text, err := json.Marshal(w.r)
	if err != nil {
		return err
	}
	if err := w.exec("DELETE FROM "+ownTable+" WHERE domain_id = ?", w.r.DomainID); err != nil {
		return err
	}
	return w.exec("INSERT INTO "+ownTable+" (domain_id, state, checked, report) VALUES (?, ?, ?, ?)", w.r.DomainID, string(w.r.State), w.time(w.r.Checked), string(text))
}

// checked notes when the domain was checked. That is no modification of it.
func (w *writer) checked() error {
	if !w.t["admin_domain"].Has("last_dns_check_execution") {
		return nil
	}
	return w.exec("UPDATE admin_domain SET last_dns_check_execution = ? WHERE id = ?", w.time(w.r.Checked), w.r.DomainID)
}

func (w *writer) time(t time.Time) any { return w.d.Time(t) }
