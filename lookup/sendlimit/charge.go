package sendlimit

import "time"

// Charge is a message that somebody wants to send.
type Charge struct {
	// Instance names the message: Postfix's attribute of that name, which is the
	// same in all questions about one message. A second charge with the same
	// Instance takes the place of the first. Empty: every charge is another
	// message.
	Instance string
	// Subjects are those who are charged, as a rule an account and its domain.
	// All limits of all of them must hold. One without limits is only looked up
	// among those that are suspended.
	Subjects []Limited

	Recipients, Messages, Bytes int64 // less than 0 is 0

	// Addresses are those of the recipients, folded. They are needed for limits
	// of NewRecipients alone: one is new if the first account among Subjects has
	// not sent to it before. They are kept as keyed hashes.
	Addresses []string

	// Dry asks what would be answered: nothing is counted. Without an Instance and
	// Addresses it is a look at what this node knows, which takes no time.
	Dry bool
}

// Verdict is what becomes of a charge.
type Verdict struct {
	OK bool
	// Over is the limit that is in the way, if OK is false and nobody is
	// suspended; of several the one that is free again last.
	Over Mark
	// Suspended says who is suspended, if that is why OK is false.
	Suspended *Suspension
	// Warn are the limits whose soft mark was passed just now, each once in its
	// window.
	Warn []Mark
}

// Mark is how a subject stands with a limit.
type Mark struct {
	Subject Subject
	Limit   Limit
	Used    int64 // of Limit.Max, without the charge that was refused
	// Free is when what was refused fits again, if nothing else comes between;
	// of Peek, when something gets free. Zero: never, or nothing is used.
	Free time.Time
	// First says that it is the first refusal by this limit for its window.
	First bool
	// Apart says that the other nodes could not be asked, and this node's share
	// of what was left is used up.
	Apart bool
}

// maxAmount bounds what one charge can add, so that sums cannot overflow, not
// even in Redis, where numbers have 53 bits.
const maxAmount = 1 << 44

func bounded(n int64) int64 { return min(max(n, 0), maxAmount) }

// amount gives what a charge adds to a unit, of which fresh recipients are new.
func (c *Charge) amount(u Unit, fresh int64) int64 {
	switch u {
	case Recipients:
		return bounded(c.Recipients)
	case Messages:
		return bounded(c.Messages)
	case Bytes:
		return bounded(c.Bytes)
	case NewRecipients:
		return bounded(fresh)
	}
	return 0
}

// limited reports whether there is anything to count.
func (c *Charge) limited() bool {
	for i := range c.Subjects {
		if len(c.Subjects[i].Limits) > 0 {
			return true
		}
	}
	return false
}

// remembers gives the account whose recipients are to be remembered, and whether
// there is one: it is needed if a limit counts new ones.
func (c *Charge) remembers() (Subject, bool) {
	counts := false
	for i := range c.Subjects {
		for _, l := range c.Subjects[i].Limits {
			counts = counts || l.Unit == NewRecipients
		}
	}
	for i := range c.Subjects {
		if c.Subjects[i].Kind == Account {
			return c.Subjects[i].Subject, counts
		}
	}
	return Subject{}, false
}
