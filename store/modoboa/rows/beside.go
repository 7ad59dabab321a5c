package rows

// What Modoboa makes beside an object. The internal alias of the same address
// may be there already, without the mailbox or domain alias that it was made
// for: Modoboa leaves it behind when a domain alias is renamed. Such a one is
// taken over and loses its recipients.

// internal adds an internal alias, or takes over the old one.
func (s *Set) internal(address string, old *Alias) *Alias {
	if old != nil {
		s.Repointed = append(s.Repointed, old)
		return old
	}
	a := &Alias{Address: address, Internal: true}
	s.Aliases = append(s.Aliases, a)
	return a
}

// AddMailbox adds a mailbox of an account with its internal alias to itself,
// which keeps a catch-all from swallowing it, and its row of usage unless there
// is one. It returns the internal alias; old is the one that exists, or nil.
func (s *Set) AddMailbox(b *Base, m *Mailbox, old *Alias, usage bool) *Alias {
	m.User.Mailbox = m
	s.Mailboxes = append(s.Mailboxes, m)
	a := s.internal(m.Address, old)
	a.Domain = m.Domain
	a.Enabled = m.User.Enabled || !b.SelfAliasOff
	s.Recipients = append(s.Recipients, &Recipient{Alias: a, Address: m.Address, Mailbox: m})
	if !usage {
		s.Quotas = append(s.Quotas, m.Address)
	}
	return a
}

// AddDomainAlias adds a domain alias with its internal alias "@name" to
// "@target", which it returns; old is the one that exists, or nil.
func (s *Set) AddDomainAlias(d *DomainAlias, old *Alias) *Alias {
	s.DomainAliases = append(s.DomainAliases, d)
	a := s.internal("@"+d.Name, old)
	a.Enabled = true
	s.Recipients = append(s.Recipients, &Recipient{Alias: a, Address: "@" + d.Target.Name})
	return a
}

// AddRelayDomain adds a domain that has a transport, with its recipient access
// if recipients are to be verified; access says that there is one.
func (s *Set) AddRelayDomain(d *Domain, access bool) {
	s.Domains = append(s.Domains, d)
	switch {
	case d.Transport.Verify && !access:
		s.Access = append(s.Access, d.Name)
	case !d.Transport.Verify && access:
		s.NoAccess = append(s.NoAccess, d.Name)
	}
}
