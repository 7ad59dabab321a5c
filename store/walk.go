package store

import "iter"

// The walks yield all rows of a table that are here, in no particular order,
// for those who look at a snapshot as a whole. They cost memory alone, a
// fraction of a microsecond a row. A row may share its name with another one,
// which is served in its place.

// walk yields the rows of a table that are here.
func walk[T, V any](t *table[T], flags func(*T) uint8, value func(row1 uint32) V) iter.Seq[V] {
	return func(yield func(V) bool) {
		for at, r := range t.all(func() {}) {
			if flags(r)&here != 0 && !yield(value(at)) {
				return
			}
		}
	}
}

// AllDomains yields the rows of admin_domain.
func (s *Snapshot) AllDomains() iter.Seq[Domain] {
	return walk(&s.base.domains, func(r *domainRow) uint8 { return r.flags }, s.domain)
}

// AllDomainAliases yields the rows of admin_domainalias, those of a domain that
// does not exist too.
func (s *Snapshot) AllDomainAliases() iter.Seq[DomainAlias] {
	return walk(&s.base.domainAliases, func(r *domainAliasRow) uint8 { return r.flags }, s.domainAlias)
}

// AllAccounts yields the rows of core_user.
func (s *Snapshot) AllAccounts() iter.Seq[Account] {
	return walk(&s.base.accounts, func(r *accountRow) uint8 { return r.flags }, s.account)
}

// AllMailboxes yields the rows of admin_mailbox, those of a domain that does
// not exist too: their addresses end with "@". Mailboxes yields those that are
// served.
func (s *Snapshot) AllMailboxes() iter.Seq[Mailbox] {
	return walk(&s.base.mailboxes, func(r *mailboxRow) uint8 { return r.flags }, s.mailbox)
}

// AllAliases yields the rows of admin_alias with their recipients.
func (s *Snapshot) AllAliases() iter.Seq2[Alias, RecipientRows] {
	return func(yield func(Alias, RecipientRows) bool) {
		for at, r := range s.base.aliases.all(func() {}) {
			if r.flags&here != 0 && !yield(s.alias(at), s.recipients(at)) {
				return
			}
		}
	}
}

// AllTransports yields the rows of transport_transport.
func (s *Snapshot) AllTransports() iter.Seq[Transport] {
	return walk(s.base.route(Transports), routeFlags, func(at uint32) Transport {
		r := s.base.route(Transports).at(at)
		return Transport{ID: r.id, Pattern: s.base.symbols.text(r.name), Service: s.base.texts.text(r.value), NextHop: s.base.texts.text(r.hop)}
	})
}

// AllRecipientAccess yields the rows of relaydomains_recipientaccess.
func (s *Snapshot) AllRecipientAccess() iter.Seq[RecipientAccess] {
	return walk(s.base.route(RecipientAccesses), routeFlags, func(at uint32) RecipientAccess {
		r := s.base.route(RecipientAccesses).at(at)
		return RecipientAccess{ID: r.id, Pattern: s.base.symbols.text(r.name), Action: s.base.texts.text(r.value)}
	})
}

func routeFlags(r *routeRow) uint8 { return r.flags }

// AllQuotaUsage yields the rows of admin_quota. The user names are as they are
// stored, not folded.
func (s *Snapshot) AllQuotaUsage() iter.Seq[QuotaUsage] {
	return func(yield func(QuotaUsage) bool) {
		for _, u := range s.base.usage.all(func() {}) {
			if u.username == 0 {
				continue
			}
			if !yield(QuotaUsage{Username: s.base.usageName(u), Bytes: u.bytes, Messages: int64(u.messages)}) {
				return
			}
		}
	}
}

// AllMailboxOperations yields the rows of admin_mailboxoperation.
func (s *Snapshot) AllMailboxOperations() iter.Seq[MailboxOperation] {
	return walk(&s.base.operations, func(r *operationRow) uint8 { return r.flags }, func(at uint32) MailboxOperation {
		r := s.base.operations.at(at)
		return MailboxOperation{ID: r.id, MailboxID: s.base.mailboxID(r.mailbox)}
	})
}
