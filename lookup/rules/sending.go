package rules

import (
	"context"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/store"
)

// sending holds those who have logged in to their limits.
func (r *Rules) sending(ctx context.Context, q *question) policy.Action {
	if r.counters == nil || len(q.SASLUsername) == 0 {
		return policy.Dunno()
	}
	q.sender, q.buf = senderOf(q.snap, q.set, q.buf, q.SASLUsername)
	c := sendlimit.Charge{Subjects: q.charge(q.set.SendingExempt.match(q.Request, q.sender.account, q.sender.domain))}
	if q.State != policy.Rcpt {
		return r.atEnd(ctx, q, c)
	}
	return r.atRcpt(ctx, q, c)
}

// atRcpt counts what is counted by recipient, and looks whether there is room
// for the rest.
func (r *Rules) atRcpt(ctx context.Context, q *question, c sendlimit.Charge) policy.Action {
	if !q.set.AtRcpt {
		c.Dry, c.Recipients, c.Messages, c.Bytes = true, 1, 1, q.Size
		if v := r.counters.Take(ctx, c); !v.OK {
			return q.refusal(&v)
		}
		if !q.set.accounts.fresh && !q.set.domains.fresh || len(q.account)+len(q.shared) == 0 {
			return policy.Dunno()
		}
		c.Dry, c.Recipients, c.Messages, c.Bytes = false, 0, 0, 0
	} else {
		c.Recipients = 1
	}
	c.Instance = q.recipientInstance(len(q.account)+len(q.shared) > 0)
	if q.set.accounts.fresh || q.set.domains.fresh {
		q.address[0] = store.Fold(string(q.Recipient))
		c.Addresses = q.address[:]
	}
	if v := r.counters.Take(ctx, c); !v.OK {
		return q.refusal(&v)
	}
	return policy.Dunno()
}

// atEnd counts a message.
func (r *Rules) atEnd(ctx context.Context, q *question, c sendlimit.Charge) policy.Action {
	c.Messages, c.Bytes = 1, q.Size
	if !q.set.AtRcpt {
		c.Recipients = int64(max(q.RecipientCount, 1))
	}
	if len(q.account)+len(q.shared) > 0 {
		c.Instance = view(q.Instance)
	}
	if v := r.counters.Take(ctx, c); !v.OK {
		return q.refusal(&v)
	}
	return policy.Dunno()
}
