package store

import "strings"

// Sender is whose limits count for what is sent under a login.
type Sender struct {
	Address     string // of the mailbox
	Domain      string // of the address
	Limit       Limit  // of the mailbox, see Mailbox.MessageLimit
	DomainLimit Limit  // see Domain.MessageLimit
}

// Sender finds the mailbox of a login: the one at that address, or else that of
// the account with that user name. It reads no row that it does not need: it is
// asked for with each message.
func (s *Snapshot) Sender(login string) (Sender, bool) {
	sym := s.base.symbols.find(login)
	at := s.base.symbols.first(sym, mailboxList)
	found := s.served(at)
	if !found {
		if at = s.base.symbols.first(sym, loginList); at != 0 {
			at = s.base.accounts.at(at).mailbox
		}
		if !s.served(at) {
			return Sender{}, false
		}
	}
	m := s.base.mailboxes.at(at)
	if !found {
		sym = m.address
	}
	address := s.base.symbols.text(sym)
	return Sender{
		Address: address, Domain: address[strings.LastIndexByte(address, '@')+1:],
		Limit: m.limit, DomainLimit: s.base.domains.at(m.domain).limit,
	}, true
}
