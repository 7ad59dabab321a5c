package manage

import (
	"database/sql"

	"github.com/vmapd/vmapd/store"
)

// The types of domains. Modoboa takes any text for one; what is neither of
// these is served by nobody.
const (
	ordinaryDomain = "domain"
	relayDomain    = "relaydomain"
)

// Domains lists the domains, relay domains among them, that the caller has
// access to. The query's Type, Domain (a name) and Active (enabled) restrict
// them; they can be sorted by name, created, modified, quota, enabled and id.
func (t *Tx) Domains(q Query) (Page[Domain], error) {
	var p Page[Domain]
	where, args := t.visible(DomainObject, "d.id"), []any(nil)
	if q.Search != "" {
		where, args = where+" AND lower(d.name) LIKE ? ESCAPE '!'", append(args, like(q.Search))
	}
	if q.Domain != "" {
		where, args = where+" AND d.name = ?", append(args, store.Fold(q.Domain))
	}
	if q.Type != "" {
		where, args = where+" AND d.type = ?", append(args, q.Type)
	}
	if q.Active.Set {
		where, args = where+" AND d.enabled = ?", append(args, q.Active.Value)
	}
	n, err := t.count("SELECT count(*) FROM admin_domain d WHERE "+where, args...)
	if err != nil {
		return p, err
	}
	p.Total = int(n)
	order := q.page(map[string]string{
		"name": "d.name", "created": "d.creation", "modified": "d.last_modification",
		"quota": "d.quota", "enabled": "d.enabled", "id": "d.id",
	}, "d.name", "d.id")
	p.Items, err = t.domainsWhere(where+order, args...)
	return p, err
}

// Domain returns a domain or relay domain.
func (t *Tx) Domain(id int64) (*Domain, error) { return t.oneDomain("d.id = ?", id) }

// DomainByName is Domain by name, which is folded.
func (t *Tx) DomainByName(name string) (*Domain, error) {
	id, err := t.domainID(name)
	if err != nil {
		return nil, err
	}
	return t.Domain(id) // of id 0 there is none
}

// domainID returns the id of a domain, whoever may see it, 0 if there is none.
// Modoboa before 1.10.7 stored names as they were typed.
func (t *Tx) domainID(name string) (int64, error) {
	name = store.Fold(name)
	id, err := t.count("SELECT id FROM admin_domain WHERE name = ?", name)
	if err == nil && id == 0 {
		id, err = t.count("SELECT id FROM admin_domain WHERE lower(name) = ? ORDER BY id LIMIT 1", name)
	}
	return id, err
}

// oneDomain returns the domain that a condition holds for and the caller sees.
func (t *Tx) oneDomain(where string, args ...any) (*Domain, error) {
	found, err := t.domainsWhere(where+" AND "+t.visible(DomainObject, "d.id"), args...)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, missing(DomainObject)
	}
	return &found[0], nil
}

// domainsWhere reads domains with all that belongs to them, in two queries more
// for all of them together. where may go on with ORDER BY.
func (t *Tx) domainsWhere(where string, args ...any) ([]Domain, error) {
	found := []Domain{}
	via := map[int64]int64{} // domain to transport
	query := `SELECT d.id, d.name, d.type, d.enabled, d.quota, d.default_mailbox_quota, d.enable_dkim, d.dkim_key_selector, d.dkim_key_length,
		d.dkim_public_key, d.enable_dns_checks, d.transport_id, ` + t.column("admin_domain", "d", "message_limit", "NULL") + ", " + t.timeText("admin_domain", "d", "last_dns_check_execution") + ", " +
		t.timeText("admin_domain", "d", "creation") + ", " + t.timeText("admin_domain", "d", "last_modification") + " FROM admin_domain d WHERE " + where
	err := t.each(query, args, func(r *sql.Rows) error {
		var d Domain
		var bits, limit, transport sql.NullInt64
		var checked, created, modified sql.NullString
		err := r.Scan(&d.ID, &d.Name, &d.Type, &d.Enabled, &d.Quota, &d.DefaultMailboxQuota, &d.EnableDKIM, &d.DKIMSelector, &bits,
			&d.DKIMPublicKey, &d.EnableDNSChecks, &transport, &limit, &checked, &created, &modified)
		d.DKIMLength, d.MessageLimit = numberOrNil(bits), numberOrNil(limit)
		d.Created, d.Modified, d.DNSChecked = timeOf(created), timeOf(modified), timeOf(checked)
		via[d.ID] = transport.Int64
		found = append(found, d)
		return err
	})
	if err == nil {
		err = t.addTransports(found, via)
	}
	if err == nil {
		err = t.addCounts(found)
	}
	if err == nil {
		err = t.addDNSStatus(found)
	}
	return found, err
}

// numberOrNil turns a column that may be NULL into a pointer.
func numberOrNil(n sql.NullInt64) *int64 {
	if !n.Valid {
		return nil
	}
	return &n.Int64
}
