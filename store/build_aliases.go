package store

// AddAlias adds a row of admin_alias, or replaces it; the recipients stay.
func (b *Builder) AddAlias(a Alias) {
	if b.Remove(Aliases, a.ID); b.bad(Aliases, a.ID, "address", a.Address) {
		return
	}
	at := b.aliases.slot(a.ID, aliasRow{id: a.ID})
	row := *b.aliases.at(at)
	address := Fold(a.Address)
	row.address, row.domain, row.expireAt = b.symbols.intern(address), b.domainSlot(a.DomainID), a.ExpireAt
	row.flags = here | flag(address != a.Address, inexact) | flag(a.Enabled, aliasEnabled) | flag(a.Internal, aliasInternal)
	*b.aliases.edit(at) = row
	b.aliases.here++
	b.insertInto(row.address, aliasList, at, b.nextAlias, b.editNextAlias, func(other uint32) bool { return a.ID < b.aliases.at(other).id })
	b.touchAlias(at)
}

func (b *Builder) removeAlias(at uint32) {
	a := b.aliases.edit(at)
	a.flags &^= here
	b.aliases.here--
	b.removeFrom(a.address, aliasList, at, b.nextAlias, b.editNextAlias)
	b.touchAlias(at)
}

// touchAlias notes its recipients too: whether they are served depends on it.
func (b *Builder) touchAlias(at uint32) {
	if b.edit == nil {
		return
	}
	a := b.aliases.at(at)
	b.touchSymbol(a.address)
	if a.one.id != 0 {
		b.touch(Recipients, a.one.id)
	}
	for at := a.more; at != 0; at = b.recipients.at(at).next {
		b.touch(Recipients, b.recipients.at(at).id)
	}
}

// AddRecipient adds a row of modoboa_admin_aliasrecipient, or replaces it.
func (b *Builder) AddRecipient(r Recipient) {
	if b.Remove(Recipients, r.ID); b.bad(Recipients, r.ID, "address", r.Address) {
		return
	}
	alias := b.aliases.slot(r.AliasID, aliasRow{id: r.AliasID})
	if alias == 0 {
		b.dangling(Recipients, r.ID, "alias_id", "alias", 0)
		return
	}
	row := recipient{
		id: r.ID, address: b.symbols.intern(r.Address),
		mailbox: b.mailboxes.slot(r.MailboxID, mailboxRow{id: r.MailboxID}), target: b.aliases.slot(r.TargetID, aliasRow{id: r.TargetID}),
	}
	b.recipientIDs.set(r.ID, alias)
	b.received++
	a := b.aliases.edit(alias)
	if a.one.id == 0 {
		a.one = row
	} else {
		a.more = b.recipients.add(recipientRow{row, a.more})
	}
	b.touchRecipients(alias)
}

func (b *Builder) removeRecipient(id, alias uint32) {
	b.recipientIDs.set(id, 0)
	b.received--
	a := b.aliases.edit(alias)
	if a.one.id == id {
		a.one = recipient{}
		if a.more != 0 {
			second := b.recipients.at(a.more)
			a.one, a.more = second.recipient, second.next
		}
	} else {
		b.cutRecipient(id, a)
	}
	b.touchRecipients(alias)
}

// cutRecipient takes a recipient other than the first out of its list.
func (b *Builder) cutRecipient(id uint32, a *aliasRow) {
	prev, at := uint32(0), a.more
	for b.recipients.at(at).id != id {
		prev, at = at, b.recipients.at(at).next
	}
	after := b.recipients.at(at).next
	if prev == 0 {
		a.more = after
	} else {
		b.recipients.edit(prev).next = after
	}
}

// AddSenderAddress adds a row of admin_senderaddress, or replaces it.
func (b *Builder) AddSenderAddress(a SenderAddress) {
	if b.Remove(SenderAddresses, a.ID); b.bad(SenderAddresses, a.ID, "address", a.Address) {
		return
	}
	at := b.senders.slot(a.ID, senderRow{id: a.ID})
	address := Fold(a.Address)
	row := senderRow{id: a.ID, address: b.symbols.intern(address), mailbox: b.mailboxes.slot(a.MailboxID, mailboxRow{id: a.MailboxID})}
	row.flags = here | flag(address != a.Address, inexact)
	*b.senders.edit(at) = row
	b.senders.here++
	b.insertInto(row.address, senderList, at, b.nextSender, b.editNextSender, func(other uint32) bool { return a.ID < b.senders.at(other).id })
	b.touchSymbol(row.address)
}

func (b *Builder) removeSender(at uint32) {
	s := b.senders.edit(at)
	s.flags &^= here
	b.senders.here--
	b.removeFrom(s.address, senderList, at, b.nextSender, b.editNextSender)
	b.touchSymbol(s.address)
}

// AddMailboxOperation adds a row of admin_mailboxoperation, or replaces it.
// Deletions have no mailbox any more and change no answer.
func (b *Builder) AddMailboxOperation(o MailboxOperation) {
	b.Remove(MailboxOperations, o.ID)
	if o.ID == 0 {
		return
	}
	at := b.operations.slot(o.ID, operationRow{id: o.ID})
	row := operationRow{id: o.ID, mailbox: b.mailboxes.slot(o.MailboxID, mailboxRow{id: o.MailboxID}), flags: here}
	*b.operations.edit(at) = row
	b.operations.here++
	b.move(row.mailbox, 1)
}

// move changes the number of operations that are pending on a mailbox.
func (b *Builder) move(mailbox uint32, by int) {
	if mailbox != 0 {
		m := b.mailboxes.edit(mailbox)
		m.moving = uint16(int(m.moving) + by)
	}
}
