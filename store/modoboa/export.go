package modoboa

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// ExportOptions steer [ExportCSV].
type ExportOptions struct {
	// Domains restricts the export to these domains, with their other names,
	// mailboxes, aliases and administrators; nil is everything.
	Domains []string
	// NoPasswords leaves the password column empty.
	NoPasswords bool
	// Separator stands between fields, ';' if 0.
	Separator rune
	// Warn, if not nil, is told what is left out, or will not be the same after
	// an import.
	Warn func(text string)
}

// ExportReport says what an export has written.
type ExportReport struct {
	Lines    map[string]int `json:"lines"` // by kind: "domain", "account" ...
	Warnings int            `json:"warnings"`
}

// ErrNoDomain says that a domain of [ExportOptions] does not exist.
var ErrNoDomain = errors.New("no such domain")

// ExportCSV writes the lines that [ImportCSV] reads: domain, relaydomain,
// domainalias, account, alias and forward, sorted by name, in the same order
// whatever the engine. It reads one consistent state and writes as it reads, so
// memory grows with the number of domains and administrators alone.
//
// Cells that a spreadsheet would take for a formula get a single quote before
// them, which the import takes away again: the address of a catch-all is
// '@domain. Passwords are {SCHEME}hash, and stand in the file as they are.
//
// The lines have no fields for what is in other columns: keys and limits of
// domains, descriptions and expiry of aliases, sender addresses, usage, who
// owns what. No warning and no error contains a password.
func ExportCSV(ctx context.Context, d *db.DB, w io.Writer, o ExportOptions) (*ExportReport, error) {
	tx, err := d.BeginSnapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	e := &exporter{ctx: ctx, db: d, tx: tx, o: o, w: csv.NewWriter(w), report: &ExportReport{Lines: map[string]int{}}}
	if e.w.Comma = ';'; o.Separator != 0 {
		e.w.Comma = o.Separator
	}
	for _, part := range []func() error{e.readDomains, e.relayDomains, e.domainAliases, e.accounts, e.aliases} {
		if err := part(); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
	}
	e.w.Flush()
	if err := e.w.Error(); err != nil {
		return nil, fmt.Errorf("export: write: %w", err)
	}
	return e.report, nil
}

// exporter carries one export from part to part.
type exporter struct {
	ctx    context.Context
	db     *db.DB
	tx     *sql.Tx
	o      ExportOptions
	w      *csv.Writer
	report *ExportReport

	domains map[int64]*exportedDomain // those that are exported
	lost    map[int64]bool            // those that no line can hold
}

type exportedDomain struct {
	name         string
	mailboxQuota int64
}

// each runs a query and calls scan for each of its rows.
func (e *exporter) each(table, query string, args []any, scan func(*sql.Rows) error) error {
	if err := rows.Each(e.ctx, e.db, e.tx, query, args, scan); err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	return nil
}

// bytewise is an ORDER BY expression for the bytes of a name, which all engines
// sort alike.
func (e *exporter) bytewise(column string) string {
	switch e.db.Dialect {
	case db.PostgreSQL:
		return column + ` COLLATE "C"`
	case db.MySQL:
		return "cast(" + column + " as binary)"
	}
	return column
}

// line writes a line. A field that the import would refuse takes the line out.
func (e *exporter) line(kind, name string, fields ...string) error {
	out := make([]string, 0, len(fields)+2)
	out = append(out, kind, protect(name))
	for i, s := range append([]string{name}, fields...) {
		if err := rows.CheckBytes(s); err != nil {
			e.warn("%s %q is left out: field %d %v", kind, rows.Shown(name), i+2, err)
			return nil
		}
		if i > 0 {
			out = append(out, protect(s))
		}
	}
	e.report.Lines[kind]++
	if err := e.w.Write(out); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (e *exporter) warn(format string, args ...any) {
	e.report.Warnings++
	if e.o.Warn != nil {
		e.o.Warn(fmt.Sprintf(format, args...))
	}
}

// wanted are the folded names of the domains to export.
func (e *exporter) wanted() map[string]bool {
	names := map[string]bool{}
	for _, s := range e.o.Domains {
		names[store.Fold(s)] = true
	}
	return names
}

func boolean(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
