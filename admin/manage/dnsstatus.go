package manage

import (
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// DNSRules say which checks of DNS count for a domain's status. The zero value
// counts those that Modoboa's parameters do.
type DNSRules struct {
	// Off are checks that are never made: mx, dnsbl, spf, dkim, dmarc, autoconfig,
	// autodiscover.
	Off []string
	// Own says that an MX must be managed although valid_mxs names no network.
	Own bool
}

// dnsRows is what the tables of the checks say of a domain.
type dnsRows struct {
	mx, managed, listed bool
	records             map[string]bool // by type: is it valid
}

// addDNSStatus fills in what DNS checks came to (dns_global_status of
// modoboa/admin/models/domain.py), from the tables that they are kept in.
func (t *Tx) addDNSStatus(domains []Domain) error {
	if len(domains) == 0 {
		return nil
	}
	p, err := t.Parameters()
	if err != nil {
		return err
	}
	found, err := t.dnsRows(domains)
	if err != nil {
		return err
	}
	for i := range domains {
		d := &domains[i]
		d.DNSStatus = t.dnsStatus(d, found[d.ID], p)
	}
	return nil
}

// dnsRows reads the tables that are there.
func (t *Tx) dnsRows(domains []Domain) (map[int64]*dnsRows, error) {
	found, ids := map[int64]*dnsRows{}, make([]int64, len(domains))
	for i := range domains {
		ids[i] = domains[i].ID
		found[ids[i]] = &dnsRows{records: map[string]bool{}}
	}
	for _, q := range []struct {
		table, query string
		keep         func(r *dnsRows, text string, yes bool)
	}{
		{"admin_mxrecord", "SELECT domain_id, '', managed FROM admin_mxrecord WHERE domain_id IN (%s)", func(r *dnsRows, _ string, yes bool) { r.mx, r.managed = true, r.managed || yes }},
		{"admin_dnsblresult", "SELECT DISTINCT domain_id, '', status <> '' FROM admin_dnsblresult WHERE status <> '' AND domain_id IN (%s)", func(r *dnsRows, _ string, yes bool) { r.listed = r.listed || yes }},
		{"dnstools_dnsrecord", "SELECT domain_id, type, is_valid FROM dnstools_dnsrecord WHERE domain_id IN (%s) ORDER BY id DESC", func(r *dnsRows, kind string, yes bool) { r.records[kind] = yes }},
	} {
		if len(t.tables[q.table]) == 0 {
			continue
		}
		err := t.each(strings.Replace(q.query, "%s", joinIDs(ids), 1), nil, func(rs *sql.Rows) error {
			var id int64
			var text string
			var yes bool
			err := rs.Scan(&id, &text, &yes)
			q.keep(found[id], text, yes)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// dnsStatus judges one domain. Where the release notes when a domain was
// checked, one that never was is "pending": Modoboa calls it "critical" from its
// second day on.
func (t *Tx) dnsStatus(d *Domain, r *dnsRows, p *parameters.Set) string {
	valid := r.mx && (r.managed || strings.TrimSpace(p.Text(parameters.ValidMXs)) == "" && !t.m.o.DNS.Own)
	never := t.tables["admin_domain"].Has("last_dns_check_execution") && d.DNSChecked.IsZero() && !r.mx && len(r.records) == 0
	switch {
	case !d.EnableDNSChecks || resolve.Reserved(d.Name):
		return "disabled"
	case never || !valid && time.Since(d.Created) < 24*time.Hour:
		return "pending"
	case t.dnsWrong(d, r, p, valid):
		return "critical"
	}
	return "ok"
}

// dnsWrong reports whether a check that counts came out badly. A record without
// a row is not there; before dnstools (Modoboa 1.13) there are none at all.
func (t *Tx) dnsWrong(d *Domain, r *dnsRows, p *parameters.Set, validMX bool) bool {
	counts := func(kind string, f parameters.Flag) bool { return p.Flag(f) && !slices.Contains(t.m.o.DNS.Off, kind) }
	if counts("mx", parameters.EnableMXChecks) && !validMX || counts("dnsbl", parameters.EnableDNSBLChecks) && r.listed {
		return true
	}
	if len(t.tables["dnstools_dnsrecord"]) == 0 {
		return false
	}
	_, config := r.records["autoconfig"]
	_, discover := r.records["autodiscover"]
	return counts("spf", parameters.EnableSPFChecks) && !r.records["spf"] ||
		counts("dkim", parameters.EnableDKIMChecks) && d.EnableDKIM && !r.records["dkim"] ||
		counts("dmarc", parameters.EnableDMARCChecks) && p.Flag(parameters.DMARCCheckIsCritical) && !r.records["dmarc"] ||
		counts("autoconfig", parameters.EnableAutoconfigChecks) && !config ||
		counts("autodiscover", parameters.EnableAutoconfigChecks) && !discover
}
