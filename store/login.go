package store

// LoginRefusal says why an account may not log in to a service ("imap", "pop3",
// "smtp", "sieve" ...; "" for none in particular), or "" if it may. It is the
// one place that knows: the account must be active and own a mailbox in an
// enabled domain, and a send-only mailbox is not for reading (Modoboa's
// password_query).
func (s *Snapshot) LoginRefusal(a *Account, service string) string {
	return s.loginRefusal(a.Active, s.base.accounts.ids.row(a.ID), service)
}

// LoginRefusal is that of the account, for less.
func (r *AccountRows) LoginRefusal(service string) string {
	return r.s.loginRefusal(r.Active(), r.row, service)
}

func (s *Snapshot) loginRefusal(active bool, at uint32, service string) string {
	if !active {
		return "the account is disabled"
	}
	if at == 0 {
		return "the account has no mailbox"
	}
	at = s.base.accounts.at(at).mailbox
	if !s.served(at) {
		return "the account has no mailbox"
	}
	m := s.base.mailboxes.at(at) // the row: nothing but its flags is asked for
	if !s.base.domainHere(m.domain) || s.base.domains.at(m.domain).flags&domainEnabled == 0 {
		return "the domain is disabled"
	}
	if m.flags&mailboxSendOnly != 0 && (service == "imap" || service == "pop3") {
		return "the mailbox is for sending only"
	}
	return ""
}

// MasterRefusal is that of the account.
func (r *AccountRows) MasterRefusal() string {
	a := r.Account()
	return a.MasterRefusal()
}

// MasterRefusal says why an account may not log in as somebody else, or "" if it
// may (Modoboa's query for master users: a mailbox is not needed).
func (a *Account) MasterRefusal() string {
	switch {
	case !a.Master:
		return "it is not a master user"
	case !a.Active:
		return "the account is disabled"
	}
	return ""
}

// Has reports whether a service finds the mailbox, the state of its account and
// domain aside: neither mail nor readers come to one that is for sending only
// (Modoboa's user_query).
func (m *Mailbox) Has(service string) bool { return has(m.SendOnly, service) }

// Has is that of the Mailbox.
func (b *Box) Has(service string) bool { return has(b.SendOnly, service) }

func has(sendOnly bool, service string) bool {
	return !sendOnly || service != "imap" && service != "pop3" && service != "lmtp"
}

// SomeAccount returns an account with a password, for each seed always the
// same one while the data is the same. Checking the password of somebody who
// does not exist against its hash takes as long as against that of somebody who
// does.
func (s *Snapshot) SomeAccount(seed uint64) (Account, bool) {
	rows := uint64(s.base.accounts.n)
	for i := range min(rows, 64) {
		at := uint32((seed+i)%rows) + 1
		if a := s.base.accounts.at(at); a.flags&here != 0 && a.password != 0 {
			return s.account(at), true
		}
	}
	return Account{}, false
}
