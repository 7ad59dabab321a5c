package lookup

import (
	"strings"

	"github.com/vmapd/vmapd/store"
)

// OwnMailbox finds the mailbox that a recipient names by itself: the one at its
// address, without its extension and under the name of the domain that a domain
// alias stands for, provided that mail for it goes there and nowhere else. ok is
// false for forwards, aliases, catch-alls, and what is not here. It does not
// allocate but for addresses that are not ASCII.
//
// Whether the mailbox may receive, and its domain is enabled, is not asked. What its
// account says (AccountID, Disabled) is not set: see Snapshot.DisabledByID.
func (r *Resolver) OwnMailbox(s *store.Snapshot, recipient []byte) (m store.Mailbox, ok bool) {
	q := r.queries.Get().(*query)
	q.Snapshot, q.opt, q.now = s, r.options.Load(), r.now
	q.buf = q.key.parse(q.buf, recipient, q.opt.RecipientDelimiter)
	m, ok = q.ownMailbox()
	q.Snapshot, q.key = nil, key{}
	r.queries.Put(q)
	return m, ok
}

// ownMailbox takes the steps of the table aliases, as long as they lead to the
// address itself.
func (q *query) ownMailbox() (store.Mailbox, bool) {
	if q.key.local == "" {
		return store.Mailbox{}, false
	}
	plain, here, decided := q.ownHere()
	if decided {
		return plain, here
	}
	catchAll := q.At(q.key.full[len(q.key.local):])
	d, isAlias := q.aliasedDomain()
	if !isAlias {
		if answers, _ := q.leadsTo(catchAll, ""); answers {
			return store.Mailbox{}, false
		}
		return plain, here // no alias answers: Postfix goes on with the address itself
	}
	if answers, there := q.leadsTo(catchAll, q.join("@", d.Name)); !answers || !there {
		return store.Mailbox{}, false
	}
	q.join(q.key.local, "@", d.Name)
	q.buf = q.key.parse(q.buf, q.scratch, q.opt.RecipientDelimiter)
	if plain, here, decided = q.ownHere(); decided {
		return plain, here
	}
	if answers, _ := q.leadsTo(q.At(q.key.full[len(q.key.local):]), ""); answers {
		return store.Mailbox{}, false
	}
	return plain, here
}

// ownHere asks for the address, and then for it without its extension. decided is
// false if no alias answers for either: m is then the mailbox at the first of them
// that has one.
func (q *query) ownHere() (m store.Mailbox, ok, decided bool) {
	if m, ok, decided = q.ownAt(q.key.full); decided || q.key.base == "" {
		return m, ok, decided
	}
	shorter, is, decided := q.ownAt(q.key.base)
	if decided || !ok {
		return shorter, is, decided
	}
	return m, true, false
}

// ownAt is one step of ownHere.
func (q *query) ownAt(address string) (m store.Mailbox, ok, decided bool) {
	at := q.At(address)
	m, ok = at.Inbox()
	if ok && at.OnlyItself() {
		return m, true, true
	}
	switch answers, itself := q.leadsTo(at, address); {
	case answers && ok && itself:
		return m, true, true
	case answers:
		return store.Mailbox{}, false, true
	}
	return m, ok, false
}

// leadsTo reports whether an alias answers for a name, and whether an address is
// all that it answers.
func (q *query) leadsTo(at store.Address, address string) (answers, there bool) {
	there = true
	for a := at.Aliases(); a.Next(); {
		if !q.live(&a.Alias) {
			continue
		}
		for r := a.Recipients(); r.Next(); {
			answers = true
			there = there && (strings.EqualFold(r.Address(), address) || r.MailboxAddress() == address)
		}
	}
	return answers, there
}

// aliasedDomain finds the domain that the domain of the key is another name of.
func (q *query) aliasedDomain() (d store.Domain, isAlias bool) {
	a, isAlias := q.DomainAlias(q.key.domain)
	if isAlias && a.Enabled {
		d, _ = q.DomainByID(a.TargetID)
	}
	return d, isAlias
}
