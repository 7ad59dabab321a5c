package results

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// Subjects returns all domains that are to be checked: those that are enabled
// and have enable_dns_checks, in order of their ids.
func (s *Store) Subjects(ctx context.Context) ([]dnschecks.Subject, error) {
	return s.subjects(ctx, "d.enabled = ? AND d.enable_dns_checks = ?", true, true)
}

// Subject returns one domain by its name, whether it is to be checked or not; nil
// if there is none.
func (s *Store) Subject(ctx context.Context, name string) (*dnschecks.Subject, error) {
	found, err := s.subjects(ctx, "d.name = ?", name)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (s *Store) subjects(ctx context.Context, where string, args ...any) ([]dnschecks.Subject, error) {
	tx, err := s.o.DB.BeginSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	t, err := readTables(ctx, s.o.DB, tx)
	if err != nil {
		return nil, err
	}
	found, err := s.read(ctx, tx, t, where, args)
	if err == nil {
		err = s.addKeys(ctx, tx, t, found)
	}
	if err != nil {
		return nil, fmt.Errorf("read the domains to check: %w", err)
	}
	return found, nil
}

// read reads domains, with when and with what they were checked last.
func (s *Store) read(ctx context.Context, q db.Queryer, t tables, where string, args []any) ([]dnschecks.Subject, error) {
	d := s.o.DB
	last, state, join := "NULL", "NULL", ""
	if t["admin_domain"].Has("last_dns_check_execution") {
		last = d.Text("d.last_dns_check_execution")
	}
	if len(t[ownTable]) > 0 {
		last, state, join = d.Text("c.checked"), "c.state", " LEFT JOIN "+ownTable+" c ON c.domain_id = d.id"
	}
	var found []dnschecks.Subject
	query := "SELECT d.id, d.name, d.enable_dkim, d.dkim_key_selector, d.dkim_public_key, " + last + ", " + state + " FROM admin_domain d" + join + " WHERE " + where + " ORDER BY d.id"
	err := rows.Each(ctx, d, q, query, args, func(r *sql.Rows) error {
		var sub dnschecks.Subject
		var own dnschecks.Key
		var at, was sql.NullString
		err := r.Scan(&sub.ID, &sub.Name, &sub.Signs, &own.Selector, &own.Public, &at, &was)
		sub.Checked, _ = rows.ParseTime(at.String)
		sub.State = dnschecks.State(was.String)
		if sub.Signs && own.Public != "" {
			own.Algorithm = "rsa"
			sub.Keys = []dnschecks.Key{own}
		}
		found = append(found, sub)
		return err
	})
	if err == nil && len(t[ownTable]) == 0 {
		s.fromFiles(found)
	}
	return found, err
}

// fromFiles completes what the database has no place for. A host that has no
// file has not checked the domain itself; the column may still know of another.
func (s *Store) fromFiles(found []dnschecks.Subject) {
	for i := range found {
		sub := &found[i]
		text, err := s.readFile(sub.ID)
		var r dnschecks.Report
		if err != nil || text == nil || json.Unmarshal(text, &r) != nil || r.Domain != sub.Name {
			continue
		}
		if !r.Checked.Before(sub.Checked) {
			sub.Checked, sub.State = r.Checked, r.State
		}
	}
}

// addKeys adds the further keys that sign: of each algorithm the newest. One of
// RSA takes the place of the domain's own.
func (s *Store) addKeys(ctx context.Context, q db.Queryer, t tables, found []dnschecks.Subject) error {
	if len(t["vmapd_dkim_key"]) == 0 || len(found) == 0 {
		return nil
	}
	keys := map[string][]dnschecks.Key{}
	query := "SELECT domain, selector, algorithm, public_key FROM vmapd_dkim_key WHERE state = 'active' ORDER BY changed DESC, id DESC"
	err := rows.Each(ctx, s.o.DB, q, query, nil, func(r *sql.Rows) error {
		var domain string
		var k dnschecks.Key
		err := r.Scan(&domain, &k.Selector, &k.Algorithm, &k.Public)
		for _, newer := range keys[domain] {
			if newer.Algorithm == k.Algorithm {
				return err
			}
		}
		keys[domain] = append(keys[domain], k)
		return err
	})
	for i := range found {
		further := keys[found[i].Name]
		if !found[i].Signs {
			continue
		}
		for _, k := range further {
			if k.Algorithm == "rsa" {
				found[i].Keys = nil
			}
		}
		found[i].Keys = append(found[i].Keys, further...)
	}
	return err
}
