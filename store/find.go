package store

import "iter"

// Domain finds a domain by its name.
func (s *Snapshot) Domain(name string) (Domain, bool) {
	n := s.base.firstName(s.base.symbols.find(name), Domains)
	if n == nil {
		return Domain{}, false
	}
	return s.domain(n.row), true
}

// DomainByID finds a domain by its primary key.
func (s *Snapshot) DomainByID(id uint32) (Domain, bool) {
	at := s.base.domains.ids.row(id)
	if !s.base.domainHere(at) {
		return Domain{}, false
	}
	return s.domain(at), true
}

// DomainAlias finds a domain alias by its name; one of a domain that does not
// exist is none.
func (s *Snapshot) DomainAlias(name string) (DomainAlias, bool) {
	for n := s.base.firstName(s.base.symbols.find(name), DomainAliases); n != nil && n.kind == DomainAliases; n = s.base.nameAfter(n) {
		if s.base.domainHere(s.base.domainAliases.at(n.row).target) {
			return s.domainAlias(n.row), true
		}
	}
	return DomainAlias{}, false
}

// DomainAliasByID finds a domain alias by its primary key, one of a domain that
// does not exist too.
func (s *Snapshot) DomainAliasByID(id uint32) (DomainAlias, bool) {
	at := s.base.domainAliases.ids.row(id)
	if at == 0 || s.base.domainAliases.at(at).flags&here == 0 {
		return DomainAlias{}, false
	}
	return s.domainAlias(at), true
}

// Mailbox finds the mailbox at an address.
func (s *Snapshot) Mailbox(address string) (Mailbox, bool) { return s.At(address).Mailbox() }

// MailboxByID finds a mailbox by its primary key.
func (s *Snapshot) MailboxByID(id uint32) (Mailbox, bool) {
	return s.mailboxAt(s.base.mailboxes.ids.row(id))
}

// served reports whether a row of mailboxes, 0 being none, is served.
func (s *Snapshot) served(at uint32) bool {
	return at != 0 && s.base.mailboxes.at(at).flags&mailboxServed != 0
}

// mailboxAt returns the mailbox of a row, 0 being none.
func (s *Snapshot) mailboxAt(at uint32) (Mailbox, bool) {
	if !s.served(at) {
		return Mailbox{}, false
	}
	return s.mailbox(at), true
}

// DisabledByID reports Mailbox.Disabled of the mailbox with a primary key.
func (s *Snapshot) DisabledByID(id uint32) bool {
	at := s.base.mailboxes.ids.row(id)
	if !s.served(at) {
		return false
	}
	a := s.base.mailboxes.at(at).account
	return a != 0 && s.base.accounts.at(a).flags&(here|accountActive) == here
}

// Mailboxes yields the mailboxes that are served, in no particular order.
func (s *Snapshot) Mailboxes() iter.Seq[Mailbox] {
	return func(yield func(Mailbox) bool) {
		for at := range s.base.mailboxes.all(func() {}) {
			if m, ok := s.mailboxAt(at); ok && !yield(m) {
				return
			}
		}
	}
}

// MailboxOf finds the mailbox of the account with an id.
func (s *Snapshot) MailboxOf(accountID uint32) (Mailbox, bool) {
	if at := s.base.accounts.ids.row(accountID); at != 0 {
		return s.mailboxAt(s.base.accounts.at(at).mailbox)
	}
	return Mailbox{}, false
}

// Account finds an account by its user name (login).
func (s *Snapshot) Account(login string) (Account, bool) {
	at := s.base.symbols.first(s.base.symbols.find(login), loginList)
	if at == 0 {
		return Account{}, false
	}
	return s.account(at), true
}

// AccountByID finds an account by its primary key.
func (s *Snapshot) AccountByID(id uint32) (Account, bool) {
	at := s.base.accounts.ids.row(id)
	if at == 0 || s.base.accounts.at(at).flags&here == 0 {
		return Account{}, false
	}
	return s.account(at), true
}

// Address is everything that is known under one name: found once, asked often.
type Address struct {
	s   *Snapshot
	sym ref
}

// At finds an address, "@domain", or any other folded name. What is not there
// is an Address of which nothing is known.
func (s *Snapshot) At(address string) Address { return Address{s, s.base.symbols.find(address)} }

// OnlyItself reports whether the one thing that the aliases of the address lead
// to is the mailbox at the address itself, always: for nearly every mailbox. It
// may say no although it is so.
func (a Address) OnlyItself() bool { return a.s.base.symbols.facts(a.sym)&onlyItself != 0 }

// OwnSender reports whether the aliases and extra senders of the address name
// the mailbox at the address itself and nobody else. It may say no although it
// is so.
func (a Address) OwnSender() bool { return a.s.base.symbols.facts(a.sym)&ownSender != 0 }

// OnlyDomain reports whether the name is that of a domain and of no domain
// alias, and nobody may send as all of its addresses ("@name"): for nearly every
// domain. It may say no although it is so.
func (a Address) OnlyDomain() bool { return a.s.base.symbols.facts(a.sym)&onlyDomain != 0 }

// Mailbox returns the mailbox at the address.
func (a Address) Mailbox() (Mailbox, bool) {
	return a.s.mailboxAt(a.s.base.symbols.first(a.sym, mailboxList))
}

// Inbox returns the mailbox at the address as the mail that comes in has to know
// it: without AccountID and Disabled, since the account lies elsewhere in memory
// (see DisabledByID).
func (a Address) Inbox() (Mailbox, bool) {
	at := a.s.base.symbols.first(a.sym, mailboxList)
	if !a.s.served(at) {
		return Mailbox{}, false
	}
	return a.s.inbox(at, a.sym), true
}

// Box is what a service must know of a mailbox to use it: a Mailbox without what
// is in it and whose it is, which lies elsewhere in memory.
type Box struct {
	Address  string // local@domain, folded
	Quota    uint32 // MB, 0 = unlimited
	SendOnly bool   // see Mailbox.SendOnly
}

// Box returns the mailbox at the address.
func (a Address) Box() (Box, bool) {
	at := a.s.base.symbols.first(a.sym, mailboxList)
	if !a.s.served(at) {
		return Box{}, false
	}
	r := a.s.base.mailboxes.at(at)
	return Box{a.s.base.symbols.text(r.address), r.quota, r.flags&mailboxSendOnly != 0}, true
}

// Accounts returns the accounts with that e-mail address: one, unless somebody
// was renamed by an old Modoboa.
func (a Address) Accounts() AccountRows {
	return AccountRows{s: a.s, next: a.s.base.symbols.first(a.sym, emailList)}
}

// Aliases returns the alias rows of the address in order of id, the dead ones
// too.
func (a Address) Aliases() AliasRows {
	return AliasRows{s: a.s, next: a.s.base.symbols.first(a.sym, aliasList)}
}

// SenderAddresses returns the rows that let the owner of a mailbox send as the
// address ("a@b" or "@b"), in order of id.
func (a Address) SenderAddresses() SenderRows {
	return SenderRows{s: a.s, next: a.s.base.symbols.first(a.sym, senderList)}
}

// AccountsByEmail is At(address).Accounts.
func (s *Snapshot) AccountsByEmail(address string) AccountRows { return s.At(address).Accounts() }

// Aliases is At(address).Aliases.
func (s *Snapshot) Aliases(address string) AliasRows { return s.At(address).Aliases() }

// AliasByID finds an alias by its primary key.
func (s *Snapshot) AliasByID(id uint32) (Alias, bool) {
	at := s.base.aliases.ids.row(id)
	if !s.aliasHere(at) {
		return Alias{}, false
	}
	return s.alias(at), true
}

func (s *Snapshot) aliasHere(at uint32) bool {
	return at != 0 && s.base.aliases.at(at).flags&here != 0
}

// Recipients returns the recipients of the alias with an id, in order of id.
func (s *Snapshot) Recipients(aliasID uint32) RecipientRows {
	at := s.base.aliases.ids.row(aliasID)
	if !s.aliasHere(at) {
		return RecipientRows{s: s}
	}
	return s.recipients(at)
}

// recipients returns those of a row of aliases.
func (s *Snapshot) recipients(at uint32) RecipientRows {
	a := s.base.aliases.at(at)
	return RecipientRows{s: s, alias: a.id, one: a.one, next: a.more}
}

// SenderAddresses is At(address).SenderAddresses.
func (s *Snapshot) SenderAddresses(address string) SenderRows { return s.At(address).SenderAddresses() }

// Transport finds a transport by its pattern, without any partial-key step.
func (s *Snapshot) Transport(pattern string) (Transport, bool) {
	r := s.routeOf(pattern, Transports)
	if r == nil {
		return Transport{}, false
	}
	return Transport{ID: r.id, Pattern: s.base.symbols.text(r.name), Service: s.base.texts.text(r.value), NextHop: s.base.texts.text(r.hop)}, true
}

// RecipientAccess finds the access action of a relay domain.
func (s *Snapshot) RecipientAccess(pattern string) (RecipientAccess, bool) {
	r := s.routeOf(pattern, RecipientAccesses)
	if r == nil {
		return RecipientAccess{}, false
	}
	return RecipientAccess{ID: r.id, Pattern: s.base.symbols.text(r.name), Action: s.base.texts.text(r.value)}, true
}

// AutoreplyTransport finds the autoreply plugin's transport of a domain.
func (s *Snapshot) AutoreplyTransport(domain string) (AutoreplyTransport, bool) {
	r := s.routeOf(domain, AutoreplyTransports)
	if r == nil {
		return AutoreplyTransport{}, false
	}
	return AutoreplyTransport{ID: r.id, Domain: s.base.symbols.text(r.name), Method: s.base.texts.text(r.value)}, true
}

func (s *Snapshot) routeOf(pattern string, k Kind) *routeRow {
	n := s.base.firstName(s.base.symbols.find(pattern), k)
	if n == nil {
		return nil
	}
	return s.base.route(k).at(n.row)
}
