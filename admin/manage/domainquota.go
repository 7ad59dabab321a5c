package manage

import "github.com/vmapd/vmapd/store/modoboa/parameters"

// refused makes of "limit reached", which Modoboa tells about a field where
// accounts and aliases are made, what it answers where domains are: nothing is
// wrong with a field.
func refused(err error) error {
	e, ok := asError(err)
	if !ok || !e.Limit || e.Kind != Invalid {
		return err
	}
	out := &Error{Kind: Denied, Limit: true}
	for field := range e.Fields {
		out.Text = e.Fields[field][0]
	}
	return out
}

// limitDomain holds a new or changed domain against the caller's limits: how
// many domains he may own, and what their quotas may be together. A reseller
// whose quota is limited cannot give an unlimited one.
func (t *Tx) limitDomain(p *domainPlan) error {
	if p.was == nil {
		if err := t.room("domains", "name", 1); err != nil {
			return refused(err)
		}
	} else if p.was.Quota == p.Quota && p.was.DefaultMailboxQuota == p.DefaultMailboxQuota {
		return nil
	}
	params, err := t.Parameters()
	if err != nil || t.caller.Super() || !params.Flag(parameters.EnableAdminLimits) {
		return err
	}
	limit, err := t.limitOf(t.caller.ID, "quota")
	if err != nil || limit <= 0 {
		return err
	}
	const unlimited = "You can't define an unlimited quota."
	switch {
	case p.Quota == 0:
		return invalid("quota", unlimited)
	case p.DefaultMailboxQuota == 0:
		return invalid("default_mailbox_quota", unlimited)
	}
	return t.limitQuota(p, limit)
}

// limitQuota is an error if the domains that the caller owns would have more
// than his limit together.
func (t *Tx) limitQuota(p *domainPlan, limit int64) error {
	sum, err := t.used(t.caller.ID, "quota")
	if err != nil {
		return err
	}
	if p.was != nil {
		owner, err := t.ownerOf(DomainObject, p.ID)
		if err != nil || owner != t.caller.ID {
			return err
		}
		sum -= p.was.Quota
	}
	if sum+p.Quota > limit {
		return refused(fullLimit("quota", "quota"))
	}
	return nil
}

// checkAllocated is an error if a domain's mailboxes would have more together
// than the domain: its quota cannot be lowered below what they have, nor their
// default raised above what there is. What was wrong before may stay as it is.
func (t *Tx) checkAllocated(p *domainPlan) error {
	own, err := t.count("SELECT sum(quota) FROM admin_mailbox WHERE domain_id = ? AND use_domain_quota = ?", p.ID, false)
	if err != nil {
		return err
	}
	n, err := t.count("SELECT count(*) FROM admin_mailbox WHERE domain_id = ? AND use_domain_quota = ?", p.ID, true)
	if err != nil {
		return err
	}
	sum := own + n*p.DefaultMailboxQuota
	switch {
	case p.Quota == 0 || sum <= p.Quota, p.Quota == p.was.Quota && sum <= p.was.Allocated:
		return nil
	case p.Quota != p.was.Quota:
		return invalid("quota", "Cannot be lower than what the mailboxes have together, %d MB", sum)
	}
	return invalid("default_mailbox_quota", "The mailboxes would have %d MB together, more than the domain quota", sum)
}
