package store

import "iter"

// The cursors walk over the rows of one key without allocating:
//
//	for r := s.Aliases(address); r.Next(); {
//		use(r.Alias)
//	}
//
// All does the same for callers that may allocate.

// AccountRows walks over accounts.
type AccountRows struct {
	Account Account
	s       *Snapshot
	next    uint32
}

// Next moves to the next row and reports whether there is one.
func (r *AccountRows) Next() bool {
	if r.next == 0 {
		return false
	}
	r.Account = r.s.account(r.next)
	r.next = r.s.base.accounts.at(r.next).next
	return true
}

// All yields the rows that are left.
func (r AccountRows) All() iter.Seq[Account] {
	return func(yield func(Account) bool) {
		for r := r; r.Next() && yield(r.Account); {
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
	Recipient Recipient
	s         *Snapshot
	alias     uint32
	mailbox   uint32 // row of Recipient.MailboxID
	next      uint32
}

// Mailbox returns the mailbox of r.Recipient.MailboxID.
func (r *RecipientRows) Mailbox() (Mailbox, bool) { return r.s.mailboxAt(r.mailbox) }

// Next moves to the next row and reports whether there is one.
func (r *RecipientRows) Next() bool {
	if r.next == 0 {
		return false
	}
	row := r.s.base.recipients.at(r.next)
	r.Recipient = Recipient{ID: row.id, Address: r.s.base.symbols.text(row.address), AliasID: r.alias}
	if r.mailbox = row.mailbox; row.mailbox != 0 {
		r.Recipient.MailboxID = r.s.base.mailboxes.at(row.mailbox).id
	}
	if row.target != 0 {
		r.Recipient.TargetID = r.s.base.aliases.at(row.target).id
	}
	r.next = row.next
	return true
}

// All yields the rows that are left.
func (r RecipientRows) All() iter.Seq[Recipient] {
	return func(yield func(Recipient) bool) {
		for r := r; r.Next() && yield(r.Recipient); {
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

// Next moves to the next row and reports whether there is one.
func (r *SenderRows) Next() bool {
	if r.next == 0 {
		return false
	}
	row := r.s.base.senders.at(r.next)
	r.SenderAddress = SenderAddress{ID: row.id, Address: r.s.base.symbols.text(row.address), MailboxID: r.s.base.mailboxes.at(row.mailbox).id}
	r.mailbox, r.next = row.mailbox, row.next
	return true
}

// All yields the rows that are left.
func (r SenderRows) All() iter.Seq[SenderAddress] {
	return func(yield func(SenderAddress) bool) {
		for r := r; r.Next() && yield(r.SenderAddress); {
		}
	}
}
