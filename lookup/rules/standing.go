package rules

import (
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/store"
)

// Ledger is where counts and suspensions can be read: a sendlimit.Engine.
type Ledger interface {
	Peek(s sendlimit.Subject, limits ...sendlimit.Limit) []sendlimit.Mark
	Suspended(s sendlimit.Subject) (sendlimit.Suspension, bool)
}

// Standing is how an account or a domain stands with its limits.
type Standing struct {
	Subject   sendlimit.Subject
	Domain    string                // of an account, "" if it has none
	Limits    []sendlimit.Mark      // in the order of units and windows
	Suspended *sendlimit.Suspension // nil: it may send
}

// Subject finds out what a name is the name of: an account, by its login or the
// address of its mailbox, or else a domain. ok is false if there is neither;
// the subject is then the account of that name, of which something may have been
// counted.
func (r *Rules) Subject(s *store.Snapshot, name string) (who sendlimit.Subject, domain string, ok bool) {
	name = store.Fold(name)
	if sep := r.settings.Load().MasterSeparator; sep != "" {
		if user, master, apart := strings.Cut(name, sep); apart && user != "" && master != "" {
			name = user
		}
	}
	if d, found := s.Domain(name); found && !strings.Contains(name, "@") {
		return sendlimit.Subject{Kind: sendlimit.Domain, Name: d.Name}, d.Name, true
	}
	_, ok = s.Mailbox(name)
	if !ok {
		_, ok = s.Account(name)
	}
	w := find(s, name)
	return sendlimit.Subject{Kind: sendlimit.Account, Name: w.account}, w.domain, ok
}

// Standing returns how a subject stands.
func (r *Rules) Standing(s *store.Snapshot, l Ledger, who sendlimit.Subject) Standing {
	set := r.settings.Load()
	st := Standing{Subject: who}
	var limits []sendlimit.Limit
	if who.Kind == sendlimit.Domain {
		d, _ := s.Domain(who.Name)
		n, has := d.MessageLimit.Max()
		limits, st.Domain = set.domains.with(nil, n, has), who.Name
	} else {
		w := find(s, who.Name)
		n, has := w.accountLimit.Max()
		limits, st.Domain = set.accounts.with(nil, n, has), w.domain
	}
	sortLimits(limits)
	st.Limits = l.Peek(who, limits...)
	if x, suspended := l.Suspended(who); suspended {
		st.Suspended = &x
	}
	return st
}

// Describe puts a standing into sentences, one for each limit and one for a
// suspension.
func (st *Standing) Describe() (lines []string) {
	if x := st.Suspended; x != nil {
		until := "until it is released"
		if !x.Until.IsZero() {
			until = "until " + clock(x.Until)
		}
		lines = append(lines, fmt.Sprintf("%s is suspended from sending %s: %s", st.Subject, until, x.Why))
	}
	for _, m := range st.Limits {
		line := fmt.Sprintf("%s may send to %s: %d used", st.Subject, limitText(m.Limit), m.Used)
		if m.Limit.Unit != sendlimit.Recipients && m.Limit.Unit != sendlimit.NewRecipients {
			line = fmt.Sprintf("%s may send %s: %d used", st.Subject, limitText(m.Limit), m.Used)
		}
		if m.Used > 0 && !m.Free.IsZero() {
			line += "; some are free again at " + clock(m.Free)
		}
		lines = append(lines, line)
	}
	if len(st.Limits) == 0 {
		lines = append(lines, st.Subject.String()+" may send without limits")
	}
	return lines
}
