package store

// Remove removes the row of a table with a primary key; one that is not there
// is no error. Rows that refer to it stay, without effect until it comes back.
// Of a row that was reported as a problem the report goes.
func (b *Builder) Remove(k Kind, id uint32) {
	b.touch(k, id)
	if k == Recipients {
		if alias := b.recipientIDs.row(id); alias != 0 {
			b.removeRecipient(id, alias)
		}
		return
	}
	at, flags := b.find(k, id)
	if flags&here == 0 {
		return
	}
	switch k {
	case Domains:
		b.removeDomain(at)
	case DomainAliases:
		b.removeDomainAlias(at)
	case Accounts:
		b.removeAccount(at)
	case Mailboxes:
		b.removeMailbox(at)
	case Aliases:
		b.removeAlias(at)
	case SenderAddresses:
		b.removeSender(at)
	case MailboxOperations:
		b.removeOperation(at)
	case SigningKeys:
		b.removeSigningKey(at)
	default:
		b.removeRoute(k, at)
	}
}

// find returns the row of a primary key with its flags, 0 if there is none.
func (b *base) find(k Kind, id uint32) (at uint32, flags uint8) {
	switch k {
	case Domains:
		return findRow(&b.domains, id, func(r *domainRow) uint8 { return r.flags })
	case DomainAliases:
		return findRow(&b.domainAliases, id, func(r *domainAliasRow) uint8 { return r.flags })
	case Accounts:
		return findRow(&b.accounts, id, func(r *accountRow) uint8 { return r.flags })
	case Mailboxes:
		return findRow(&b.mailboxes, id, func(r *mailboxRow) uint8 { return r.flags })
	case Aliases:
		return findRow(&b.aliases, id, func(r *aliasRow) uint8 { return r.flags })
	case SenderAddresses:
		return findRow(&b.senders, id, func(r *senderRow) uint8 { return r.flags })
	case MailboxOperations:
		return findRow(&b.operations, id, func(r *operationRow) uint8 { return r.flags })
	case SigningKeys:
		return findRow(&b.signingKeys, id, func(r *signingKeyRow) uint8 { return r.flags })
	default:
		return findRow(b.route(k), id, func(r *routeRow) uint8 { return r.flags })
	}
}

func findRow[T any](t *table[T], id uint32, flags func(*T) uint8) (uint32, uint8) {
	at := t.ids.row(id)
	if at == 0 {
		return 0, 0
	}
	return at, flags(t.at(at))
}

func (b *Builder) removeDomainAlias(at uint32) {
	d := b.domainAliases.edit(at)
	d.flags &^= here
	b.domainAliases.here--
	b.unbear(d.name, DomainAliases, at)
}

func (b *Builder) removeOperation(at uint32) {
	o := b.operations.edit(at)
	o.flags &^= here
	b.operations.here--
	b.move(o.mailbox, -1)
}

func (b *Builder) removeRoute(k Kind, at uint32) {
	t := b.route(k)
	r := t.edit(at)
	r.flags &^= here
	t.here--
	b.unbear(r.name, k, at)
}
