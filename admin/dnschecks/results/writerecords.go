package results

import (
	"database/sql"

	"github.com/vmapd/vmapd/admin/dnschecks"
)

// kept are the checks that dnstools_dnsrecord has a type for.
func kept() []dnschecks.Kind {
	return []dnschecks.Kind{dnschecks.SPF, dnschecks.DKIM, dnschecks.DMARC, dnschecks.Autoconfig, dnschecks.Autodiscover}
}

// records brings dnstools_dnsrecord to what was found.
func (w *writer) records() error {
	if len(w.t[recordTable]) == 0 {
		return nil
	}
	for _, k := range kept() {
		if res := w.result(k); res != nil && res.State != dnschecks.Unknown {
			if err := w.record(res); err != nil {
				return err
			}
		}
	}
	return nil
}

// record writes one. Modoboa takes any row of a type, so there is to be one.
func (w *writer) record(res *dnschecks.Result) error {
	var ids []int64
	err := w.each("SELECT id FROM "+recordTable+" WHERE domain_id = ? AND type = ? ORDER BY id", []any{w.r.DomainID, string(res.Kind)}, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return err
	}
	if res.Value == "" || res.State == dnschecks.Off {
		return w.dropRecords(ids)
	}
	valid := res.State == dnschecks.OK || res.State == dnschecks.Warning
	var fault any
	if res.Error != "" {
		fault = res.Error
	}
	until := w.time(expiry(w.r, res.TTL))
	if len(ids) == 0 {
		return w.exec("INSERT INTO "+recordTable+" (domain_id, type, value, is_valid, error, updated) VALUES (?, ?, ?, ?, ?, ?)",
			w.r.DomainID, string(res.Kind), res.Value, valid, fault, until)
	}
	if err := w.exec("UPDATE "+recordTable+" SET value = ?, is_valid = ?, error = ?, updated = ? WHERE id = ?", res.Value, valid, fault, until, ids[0]); err != nil {
		return err
	}
	return w.dropRecords(ids[1:])
}

func (w *writer) dropRecords(ids []int64) error {
	for _, id := range ids {
		if err := w.exec("DELETE FROM "+recordTable+" WHERE id = ?", id); err != nil {
			return err
		}
	}
	return nil
}
