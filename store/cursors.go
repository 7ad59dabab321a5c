package store

import "iter"

// The cursors walk over the rows of one key without allocating:
//
//	for r := s.Aliases(address); r.Next(); {
//		use(r.Alias, r.Recipients())
//	}
//
// All does the same for callers that may allocate.

// AccountRows walks over accounts.
type AccountRows struct {
	s    *Snapshot
	row  uint32
	next uint32
}

// Next moves to the next row and reports whether there is one.
func (r *AccountRows) Next() bool {
	if r.row = r.next; r.row == 0 {
		return false
	}
	r.next = r.s.base.accounts.at(r.row).next
	return true
}

// Account returns the row.
func (r *AccountRows) Account() Account { return r.s.account(r.row) }

// Active is Account().Active, for less.
func (r *AccountRows) Active() bool { return r.s.base.accounts.at(r.row).flags&accountActive != 0 }

// All yields the rows that are left.
func (r AccountRows) All() iter.Seq[Account] {
	return func(yield func(Account) bool) {
		for r := r; r.Next() && yield(r.Account()); {
		}
	}
}

// AliasRows walks over aliases.
type AliasRows struct {
	Alias Alias
	s     *Snapshot
	row   uint32 // the one in Alias
	next  uint32
}

// Recipients returns the recipients of the alias in r.Alias, in order of id.
func (r *AliasRows) Recipients() RecipientRows { return r.s.recipients(r.row) }

// Next moves to the next row and reports whether there is one.
func (r *AliasRows) Next() bool {
	if r.next == 0 {
		return false
	}
	r.Alias, r.row = r.s.alias(r.next), r.next
	r.next = r.s.base.aliases.at(r.next).next
	return true
}

// All yields the rows that are left.
func (r AliasRows) All() iter.Seq[Alias] {
	return func(yield func(Alias) bool) {
		for r := r; r.Next() && yield(r.Alias); {
		}
	}
}

// RecipientRows walks over the recipients of one alias.
type RecipientRows struct {
	s     *Snapshot
	alias uint32    // id
	row   recipient // the current one
	one   recipient // the first, until it was the current one
	next  uint32
}

// Next moves to the next row and reports whether there is one.
func (r *RecipientRows) Next() bool {
	if r.one.id != 0 {
		r.row, r.one = r.one, recipient{}
		return true
	}
	if r.next == 0 {
		return false
	}
	row := r.s.base.recipients.at(r.next)
	r.row, r.next = row.recipient, row.next
	return true
}

// Recipient returns the row, with the references that lead somewhere.
func (r *RecipientRows) Recipient() Recipient {
	out := r.s.base.recipientValue(&r.row)
	out.AliasID = r.alias
	if !r.s.served(r.row.mailbox) {
		out.MailboxID = 0
	}
	if r.row.target == 0 || !r.s.aliasHere(r.row.target) {
		out.TargetID = 0
	}
	return out
}

// Address is Recipient().Address, for less.
func (r *RecipientRows) Address() string { return r.s.base.symbols.text(r.row.address) }

// Known reports whether the recipient is a mailbox or alias here.
func (r *RecipientRows) Known() bool { return r.s.served(r.row.mailbox) || r.s.aliasHere(r.row.target) }

// Mailbox returns the mailbox that the recipient is, if it is one.
func (r *RecipientRows) Mailbox() (Mailbox, bool) { return r.s.mailboxAt(r.row.mailbox) }

// MailboxAddress returns the address of that mailbox, "" if there is none.
func (r *RecipientRows) MailboxAddress() string {
	if !r.s.served(r.row.mailbox) {
		return ""
	}
	return r.s.base.symbols.text(r.s.base.mailboxes.at(r.row.mailbox).address)
}

// All yields the rows that are left.
func (r RecipientRows) All() iter.Seq[Recipient] {
	return func(yield func(Recipient) bool) {
		for r := r; r.Next() && yield(r.Recipient()); {
		}
	}
}

// SenderRows walks over extra sender addresses.
type SenderRows struct {
	SenderAddress SenderAddress
	s             *Snapshot
	mailbox       uint32 // row of SenderAddress.MailboxID
	next          uint32
}

// Mailbox returns the mailbox of r.SenderAddress.MailboxID.
func (r *SenderRows) Mailbox() (Mailbox, bool) { return r.s.mailboxAt(r.mailbox) }

// Next moves to the next row and reports whether there is one. Rows of a
// mailbox that is not served are passed over.
func (r *SenderRows) Next() bool {
	for r.next != 0 {
		at := r.next
		row := r.s.base.senders.at(at)
		r.mailbox, r.next = row.mailbox, row.next
		if r.s.served(row.mailbox) {
			r.SenderAddress = r.s.sender(at)
			return true
		}
	}
	return false
}

// All yields the rows that are left.
func (r SenderRows) All() iter.Seq[SenderAddress] {
	return func(yield func(SenderAddress) bool) {
		for r := r; r.Next() && yield(r.SenderAddress); {
		}
	}
}
