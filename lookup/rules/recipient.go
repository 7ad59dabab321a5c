package rules

import (
	"context"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/store"
)

// lookAtRecipient finds the mailbox that the recipient is, once.
func (r *Rules) lookAtRecipient(q *question) bool {
	if !q.looked {
		q.looked = true
		q.box, q.here = r.data.OwnMailbox(q.snap, q.Recipient)
	}
	return q.here
}

// recipientExempt reports whether a rule does not hold for the recipient.
func (q *question) recipientExempt(e *Exemptions) bool {
	d, _ := q.snap.DomainByID(q.box.DomainID)
	return e.match(q.Request, q.box.Address, d.Name)
}

// recipient refuses recipients that take no mail.
func (r *Rules) recipient(_ context.Context, q *question) policy.Action {
	switch {
	case !q.set.Recipients || q.State != policy.Rcpt || !r.lookAtRecipient(q):
	case q.receives() || q.recipientExempt(&q.set.Exempt):
	default:
		return q.set.Disabled
	}
	return policy.Dunno()
}

// receives reports whether the mailbox of the recipient takes mail. That of a
// disabled account does on a host of Modoboa's. One without an account does:
// nobody has disabled it.
func (q *question) receives() bool {
	return q.box.Receives() && !q.box.DomainDisabled && !(q.set.DisabledAccounts && q.snap.DisabledByID(q.box.ID))
}

// quota refuses what does not fit. Mailboxes of which nobody knows how full they
// are have room.
func (r *Rules) quota(_ context.Context, q *question) policy.Action {
	if !q.set.Quota || r.usage == nil || q.State != policy.Rcpt || !r.lookAtRecipient(q) || q.box.Quota == 0 {
		return policy.Dunno()
	}
	f, known := r.usage.Of(&q.box)
	if !known {
		return policy.Dunno()
	}
	fits := fit(&q.box, f.Bytes, q.Size, q.set.Grace)
	if fits == roomy || q.recipientExempt(&q.set.QuotaExempt) {
		return policy.Dunno()
	}
	if fits == tooLarge {
		return q.set.TooLarge
	}
	return q.set.Full
}

// fitting is whether a message goes into a mailbox.
type fitting int

const (
	roomy fitting = iota
	full
	tooLarge // for any mailbox of that quota
)

// fit reports whether a message of so many bytes, 0 if nobody knows, goes into a
// mailbox in which used bytes are. The last one may exceed the quota by grace
// percent, as with Dovecot's quota_grace.
func fit(m *store.Mailbox, used, size int64, grace int) fitting {
	limit := int64(m.Quota) << 20
	most := limit + limit*int64(grace)/100
	switch {
	case size > most:
		return tooLarge
	case used >= limit || size > most-used:
		return full
	}
	return roomy
}
