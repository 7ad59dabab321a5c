package manage

import "database/sql"

// draftQuota decides the quota of a mailbox. Its own and the domain's rule
// exclude each other: a quota that is given beside use_domain_quota does not
// count.
func (t *Tx) draftQuota(d *draft, b *boxDraft, in *MailboxInput) error {
	b.useRule = !in.Quota.Set
	if b.was != nil {
		b.quota, b.useRule = b.was.Quota, b.was.UseDomainQuota && !in.Quota.Set
		if !in.Quota.Set && !in.UseDomainQuota.Set && !b.moved() {
			return nil
		}
	}
	b.useRule = in.UseDomainQuota.Or(b.useRule)
	switch {
	case b.useRule:
		b.quota = b.domain.MailboxQuota
	case in.Quota.Set:
		if !inRange(d.f, "mailbox.quota", in.Quota.Value, 0) {
			return nil
		}
		b.quota = in.Quota.Value
	case b.was == nil:
		d.f.add("mailbox.quota", "This field is required")
		return nil
	}
	if b.stays() && b.quota == b.was.Quota {
		return nil
	}
	return d.blame(t.quotaFits(b))
}

// quotaFits is an error if a domain has no such quota to give.
func (t *Tx) quotaFits(b *boxDraft) error {
	if b.domain.Quota == 0 {
		return nil
	}
	if b.quota == 0 {
		return t.unlimitedBox(b)
	}
	if b.was != nil && !b.moved() && b.was.Quota != 0 && b.quota < b.was.Quota {
		return nil
	}
	var mine int64
	if b.was != nil {
		mine = b.was.ID
	}
	var others sql.NullInt64
	_, err := t.find("SELECT sum(quota) FROM admin_mailbox WHERE domain_id = ? AND id <> ?", []any{b.domain.ID, mine}, &others)
	if err == nil && others.Int64+b.quota > b.domain.Quota {
		err = &Error{Kind: Invalid, Text: b.domain.Name + ": domain quota exceeded"}
	}
	return err
}

// unlimitedBox is an error if the caller may not make a mailbox unlimited in a
// domain that is not: only super administrators may, and resellers whose own
// quota has no limit.
func (t *Tx) unlimitedBox(b *boxDraft) error {
	if t.caller.Super() || b.was != nil && b.was.Quota == 0 {
		return nil
	}
	if t.caller.Role == Resellers {
		most, err := t.limitOf(t.caller.ID, "quota")
		if err != nil || most == 0 {
			return err
		}
	}
	return &Error{Kind: Invalid, Text: "A quota is required"}
}
