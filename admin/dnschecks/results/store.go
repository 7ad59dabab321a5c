package results

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// Options say where results are kept.
type Options struct {
	DB *db.DB
	// Dir is the folder for reports that the database has no place for. It is
	// made when it is needed.
	Dir string
	// FileOnly leaves the database as it is: somebody else writes there.
	FileOnly bool
}

// Store keeps results. Its methods may be called at the same time, by several
// processes on one database.
type Store struct{ o Options }

// New returns a store.
func New(o Options) *Store { return &Store{o} }

// The tables.
const (
	mxTable     = "admin_mxrecord"
	listTable   = "admin_dnsblresult"
	recordTable = "dnstools_dnsrecord"
	ownTable    = "vmapd_dns_check"
)

// tables describe those that are there.
type tables map[string]rows.Table

func readTables(ctx context.Context, d *db.DB, q db.Queryer) (tables, error) {
	t := tables{}
	for _, name := range []string{"admin_domain", "vmapd_dkim_key", mxTable, listTable, recordTable, ownTable} {
		var err error
		if t[name], err = rows.ReadTable(ctx, d, q, name); err != nil {
			return nil, err
		}
	}
	if len(t["admin_domain"]) == 0 {
		return nil, errors.New("there is no table admin_domain: is database.url right?")
	}
	return t, nil
}

// Keep writes a report. It reports whether it did: one that is older than what
// is there, or of a domain that is not there any more, is not written.
func (s *Store) Keep(ctx context.Context, r *dnschecks.Report) (kept bool, err error) {
	if s.o.FileOnly {
		return true, s.writeFile(r)
	}
	w := &writer{d: s.o.DB, ctx: ctx, r: r}
	if w.tx, err = rows.Begin(ctx, w.d); err != nil {
		return false, fmt.Errorf("keep what DNS says of %s: %w", r.Domain, err)
	}
	defer w.tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	if w.t, err = readTables(ctx, w.d, w.tx); err == nil {
		kept, err = w.write()
	}
	if err == nil {
		err = w.d.Explain(w.tx.Commit())
	}
	if err == nil && kept && len(w.t[ownTable]) == 0 {
		err = s.writeFile(r)
	}
	if err != nil {
		return false, fmt.Errorf("keep what DNS says of %s: %w", r.Domain, err)
	}
	return kept, nil
}

// Last returns the last report about a domain, nil if there is none. name is
// the domain's name as it is now: what was found under another one says nothing.
func (s *Store) Last(ctx context.Context, id int64, name string) (*dnschecks.Report, error) {
	columns, err := s.o.DB.Columns(ctx, s.o.DB, ownTable)
	if err != nil {
		return nil, err
	}
	var text []byte
	if len(columns) == 0 || s.o.FileOnly {
		text, err = s.readFile(id)
	} else {
		err = s.o.DB.QueryRowContext(ctx, s.o.DB.Rebind("SELECT report FROM "+ownTable+" WHERE domain_id = ?"), id).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		err = s.o.DB.Explain(err)
	}
	if err != nil || text == nil {
		return nil, err
	}
	r := &dnschecks.Report{}
	if json.Unmarshal(text, r) != nil || r.Domain != name || r.DomainID != id {
		return nil, nil // of another version, or of another domain
	}
	return r, nil
}

// expiry is how long Modoboa may take a result for good.
func expiry(r *dnschecks.Report, ttl int) time.Time {
	const least, most = 300, 86400
	return r.Checked.Add(time.Duration(min(max(ttl, least), most)) * time.Second)
}
