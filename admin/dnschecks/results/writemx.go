package results

import (
	"database/sql"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/admin/dnschecks"
)

// mxRow is a row of admin_mxrecord.
type mxRow struct {
	id      int64
	name    string
	address netip.Addr
}

// mxRows reads the rows of the domain.
func (w *writer) mxRows() (all []mxRow, err error) {
	err = w.each("SELECT id, name, "+w.d.Text("address")+" FROM "+mxTable+" WHERE domain_id = ? ORDER BY id", []any{w.r.DomainID}, func(r *sql.Rows) error {
		var m mxRow
		var address string
		err := r.Scan(&m.id, &m.name, &address)
		address, _, _ = strings.Cut(strings.TrimSpace(address), "/") // as PostgreSQL writes an inet
		m.address, _ = netip.ParseAddr(address)
		all = append(all, m)
		return err
	})
	return all, err
}

// mx brings admin_mxrecord to what was found. Addresses of hosts that could not
// be asked for stay.
func (w *writer) mx() error {
	res := w.result(dnschecks.MX)
	if len(w.t[mxTable]) == 0 || res == nil || slices.Contains(w.r.Vague, "*") {
		return nil
	}
	have, err := w.mxRows()
	if err != nil {
		return err
	}
	until, seen := w.time(expiry(w.r, res.TTL)), map[mxRow]bool{}
	var missing []dnschecks.Host
	for _, h := range w.r.Hosts {
		key := mxRow{name: h.Name, address: h.Address}
		if seen[key] {
			continue
		}
		seen[key] = true
		i := slices.IndexFunc(have, func(m mxRow) bool { return m.name == h.Name && m.address == h.Address })
		if i < 0 {
			missing = append(missing, h)
			continue
		}
		if err := w.exec("UPDATE "+mxTable+" SET managed = ?, updated = ? WHERE id = ?", h.Managed, until, have[i].id); err != nil {
			return err
		}
		have = slices.Delete(have, i, i+1)
	}
	for _, m := range have {
		if slices.Contains(w.r.Vague, m.name) {
			continue
		}
		if err := w.dropMX(m.id); err != nil {
			return err
		}
	}
	for _, h := range missing {
		if err := w.exec("INSERT INTO "+mxTable+" (domain_id, name, address, managed, updated) VALUES (?, ?, ?, ?, ?)", w.r.DomainID, h.Name, h.Address.String(), h.Managed, until); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) dropMX(id int64) error {
	if len(w.t[listTable]) > 0 {
		if err := w.exec("DELETE FROM "+listTable+" WHERE mx_id = ?", id); err != nil {
			return err
		}
	}
	return w.exec("DELETE FROM "+mxTable+" WHERE id = ?", id)
}

// listRow is a row of admin_dnsblresult.
type listRow struct {
	id       int64
	mx       int64
	provider string
	status   string
}

// lists brings admin_dnsblresult to what was found: rows of lists that are not
// asked any more go, those of lists that said nothing stay.
func (w *writer) lists() error {
	if len(w.t[listTable]) == 0 || len(w.t[mxTable]) == 0 || w.result(dnschecks.DNSBL) == nil {
		return nil
	}
	hosts, err := w.mxRows()
	if err != nil {
		return err
	}
	have, err := w.listRows()
	if err != nil {
		return err
	}
	for _, l := range w.r.Listings {
		for _, m := range hosts {
			if m.address != l.Address {
				continue
			}
			i := slices.IndexFunc(have, func(r listRow) bool { return r.mx == m.id && r.provider == l.Provider })
			var row *listRow
			if i >= 0 {
				row = &listRow{}
				*row = have[i]
				have = slices.Delete(have, i, i+1)
			}
			if err := w.list(&l, m.id, row); err != nil {
				return err
			}
		}
	}
	return w.dropLists(have, hosts)
}

func (w *writer) listRows() (all []listRow, err error) {
	err = w.each("SELECT id, mx_id, provider, status FROM "+listTable+" WHERE domain_id = ? ORDER BY id", []any{w.r.DomainID}, func(r *sql.Rows) error {
		var l listRow
		err := r.Scan(&l.id, &l.mx, &l.provider, &l.status)
		all = append(all, l)
		return err
	})
	return all, err
}

// list writes what one list says of one address; row is nil if there is none
// yet.
func (w *writer) list(l *dnschecks.Listing, mx int64, row *listRow) error {
	status := ""
	switch {
	case l.State == dnschecks.Critical:
		status = l.Answer
	case l.State != dnschecks.OK:
		return nil // nobody knows
	}
	switch {
	case row == nil:
		return w.exec("INSERT INTO "+listTable+" (domain_id, provider, mx_id, status) VALUES (?, ?, ?, ?)", w.r.DomainID, l.Provider, mx, status)
	case row.status == status:
		return nil
	}
	return w.exec("UPDATE "+listTable+" SET status = ? WHERE id = ?", status, row.id)
}

// dropLists deletes rows that nothing was found for, but those of addresses
// that may still be.
func (w *writer) dropLists(rest []listRow, hosts []mxRow) error {
	known := map[int64]bool{}
	for _, m := range hosts {
		known[m.id] = !slices.Contains(w.r.Vague, "*") && !slices.Contains(w.r.Vague, m.name)
	}
	for _, r := range rest {
		if !known[r.mx] {
			continue
		}
		if err := w.exec("DELETE FROM "+listTable+" WHERE id = ?", r.id); err != nil {
			return err
		}
	}
	return nil
}
