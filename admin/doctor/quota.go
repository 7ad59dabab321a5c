package doctor

import (
	"fmt"

	"github.com/vmapd/vmapd/store"
)

func checkFull() Check {
	return Check{
		Name: "mailbox-full", Group: "quota",
		Text: "Mailboxes over their quota, which take no mail, and those at 90 % of it or more.",
		Do:   "Delete mail, or raise the quota.",
		look: look{mailbox: func(r *run, m *store.Mailbox) {
			limit := int64(m.Quota) << 20
			if limit == 0 || !m.Counted || m.Bytes < limit/10*9 {
				return
			}
			remedy := fmt.Sprintf("ask the owner to delete mail, or raise the quota of %s; if the figure is wrong: doveadm quota recalc -u %[1]s", m.Address)
			if m.Bytes >= limit {
				r.say(Warning, m.Address, remedy, "%s are in the mailbox, its quota is %d MB: it takes no mail", megabytes(m.Bytes), m.Quota)
			} else {
				r.say(Info, m.Address, remedy, "%s are in the mailbox, its quota is %d MB: it is nearly full", megabytes(m.Bytes), m.Quota)
			}
		}},
	}
}

// allotment is what the mailboxes of a domain may hold together.
type allotment struct {
	megabytes int64
	unlimited int // mailboxes without a quota
}

func checkDomainQuota() Check {
	return Check{
		Name: "domain-quota", Group: "quota",
		Text: "Domains with a quota whose mailboxes may hold more together, have no quota of their own, or hold more already. Nothing enforces the quota of a domain but the mailboxes' own.",
		Do:   "Raise the quota of the domain, or lower those of its mailboxes.",
		look: look{mailbox: (*run).addAllotment, finish: (*run).judgeAllotments},
	}
}

func (r *run) addAllotment(m *store.Mailbox) {
	a := r.allotted[m.DomainID]
	if a == nil {
		a = new(allotment)
		r.allotted[m.DomainID] = a
	}
	if a.megabytes += int64(m.Quota); m.Quota == 0 {
		a.unlimited++
	}
}

func (r *run) judgeAllotments() {
	for d := range r.s.AllDomains() {
		a := r.allotted[d.ID]
		remedy := fmt.Sprintf("raise the quota of the domain %s, or lower those of its mailboxes", d.Name)
		switch {
		case r.stop():
			return
		case d.Quota == 0 || a == nil:
		case d.Bytes > int64(d.Quota)<<20:
			r.say(Warning, d.Name, remedy, "%s are in the mailboxes of the domain, its quota is %d MB", megabytes(d.Bytes), d.Quota)
		case a.unlimited > 0:
			r.say(Warning, d.Name, fmt.Sprintf("give the mailboxes of %s a quota", d.Name), "the quota of the domain is %d MB, but %d of its mailboxes have none", d.Quota, a.unlimited)
		case a.megabytes > int64(d.Quota):
			r.say(Warning, d.Name, remedy, "the mailboxes of the domain may hold %d MB together, its quota is %d MB", a.megabytes, d.Quota)
		}
	}
}

func checkDefaultQuota() Check {
	return Check{
		Name: "domain-default-quota", Group: "quota",
		Text: "Domains whose quota for a new mailbox is more than the quota of the domain: no mailbox can be created.",
		Do:   "Lower default_mailbox_quota.",
		look: look{domain: func(r *run, d *store.Domain) {
			if d.Quota > 0 && d.DefaultMailboxQuota > d.Quota {
				r.say(Warning, d.Name, fmt.Sprintf("lower default_mailbox_quota of %s to at most %d", d.Name, d.Quota), "a new mailbox is to have %d MB, the whole domain %d MB", d.DefaultMailboxQuota, d.Quota)
			}
		}},
	}
}
