package manage

import (
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// CreateDomain makes a domain, or a relay domain if the input's type says so,
// which the caller owns. Super administrators and resellers may; a reseller
// within his limits.
func (t *Tx) CreateDomain(in DomainInput) (*Domain, error) {
	if err := t.allow(DomainObject); err != nil {
		return nil, err
	}
	p, err := t.planDomain(nil, in)
	if err != nil {
		return nil, err
	}
	if err := t.limitDomain(p); err != nil {
		return nil, err
	}
	d := &rows.Domain{
		Name: p.Name, Relay: p.Type == relayDomain, Enabled: p.Enabled, Quota: p.Quota,
		MailboxQuota: p.DefaultMailboxQuota, Transport: p.transport, Rest: p.columns(),
	}
	set := rows.Set{Domains: []*rows.Domain{d}}
	if err := t.make(&set); err != nil {
		return nil, err
	}
	if p.transport != nil { // there may be a stray row
		if err := t.setRecipientAccess(p.Name, p.transport.Verify); err != nil {
			return nil, err
		}
	}
	if err := t.log("Domain %s added", d.Name); err != nil {
		return nil, err
	}
	return t.Domain(d.ID)
}

// columns are the columns of admin_domain that only some domains have a value
// for.
func (p *domainPlan) columns() rows.Columns {
	return rows.Columns{
		"enable_dkim": p.EnableDKIM, "dkim_key_selector": p.DKIMSelector, "dkim_key_length": orNull(p.DKIMLength),
		"message_limit": orNull(p.MessageLimit), "enable_dns_checks": p.EnableDNSChecks,
	}
}

// orNull is the value of a column that may be NULL.
func orNull(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// UpdateDomain changes a domain or relay domain. With its name all names in it
// change; mailboxes that follow its default quota get the new one; and it can
// become a relay domain, given a transport, or cease to be one.
func (t *Tx) UpdateDomain(id int64, in DomainInput) (*Domain, error) {
	was, err := t.Domain(id)
	if err != nil {
		return nil, err
	}
	if err := t.allow(DomainObject); err != nil {
		return nil, err
	}
	p, err := t.planDomain(was, in)
	if err != nil {
		return nil, err
	}
	if err := t.limitDomain(p); err != nil {
		return nil, err
	}
	if err := t.checkAllocated(p); err != nil {
		return nil, err
	}
	if err := t.writeDomain(p); err != nil {
		return nil, err
	}
	if err := t.log("Domain %s modified", p.Name); err != nil {
		return nil, err
	}
	return t.Domain(id)
}

func (t *Tx) writeDomain(p *domainPlan) error {
	if p.renamed() {
		if err := t.renameDomain(p.was, p.Name); err != nil {
			return err
		}
	}
	set := p.columns()
	set["name"], set["type"], set["enabled"], set["quota"], set["default_mailbox_quota"] = p.Name, p.Type, p.Enabled, p.Quota, p.DefaultMailboxQuota
	switch {
	case !sameNumber(p.DKIMLength, p.was.DKIMLength): // so that a key of this length is made (Modoboa 1.11 and newer)
		set["dkim_public_key"], set["dkim_private_key_path"] = "", ""
	case p.was.EnableDKIM && !p.EnableDKIM:
		set["dkim_private_key_path"] = ""
	}
	if err := t.update("admin_domain", p.ID, set); err != nil {
		return err
	}
	_, err := t.exec("UPDATE admin_mailbox SET quota = ? WHERE domain_id = ? AND use_domain_quota = ? AND quota <> ?",
		p.DefaultMailboxQuota, p.ID, true, p.DefaultMailboxQuota)
	if err != nil {
		return err
	}
	switch {
	case p.transport != nil:
		return t.setTransport(&p.Domain, p.transport)
	case p.Type != relayDomain && p.was.Type == relayDomain:
		return t.dropTransport(&p.Domain)
	}
	return nil
}

func sameNumber(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

// PutDomain makes a domain what in says, with the defaults for what it does not
// say, and creates it if there is none of the name.
func (t *Tx) PutDomain(name string, in DomainInput) (d *Domain, created bool, err error) {
	return t.putDomain(name, ordinaryDomain, in)
}

// putDomain is PutDomain for what is of a type by default.
func (t *Tx) putDomain(name, kind string, in DomainInput) (d *Domain, created bool, err error) {
	name = store.Fold(name)
	if in.Name.Set && store.Fold(in.Name.Value) != name {
		return nil, false, invalid("name", "This is not the name that is asked for, %s.", name)
	}
	limit, err := t.defaultMessageLimit()
	if err != nil {
		return nil, false, err
	}
	in = DomainInput{
		Name: Some(name), Type: Some(in.Type.Or(kind)), Enabled: Some(in.Enabled.Or(true)), Quota: Some(in.Quota.Or(0)),
		DefaultMailboxQuota: Some(in.DefaultMailboxQuota.Or(0)), EnableDKIM: Some(in.EnableDKIM.Or(false)),
		DKIMSelector: Some(in.DKIMSelector.Or("modoboa")), DKIMLength: Some(in.DKIMLength.Or(nil)), MessageLimit: Some(in.MessageLimit.Or(limit)),
		EnableDNSChecks: Some(in.EnableDNSChecks.Or(true)), Transport: in.Transport,
	}
	if in.Type.Value == relayDomain && !in.Transport.Set {
		return nil, false, invalid("transport", "This field is required")
	}
	was, err := t.DomainByName(name)
	if e, ok := asError(err); ok && e.Kind == NotFound {
		d, err = t.CreateDomain(in)
		return d, true, err
	}
	if err != nil {
		return nil, false, err
	}
	d, err = t.UpdateDomain(was.ID, in)
	return d, false, err
}
