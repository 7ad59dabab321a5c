package store

import "fmt"

// judgeAll reports what is wrong between the rows: references into the void,
// and names that collide.
func (b *Builder) judgeAll() {
	for at := range b.domains.all(b.GiveWay) {
		b.judge(Domains, at)
	}
	for at := range b.domainAliases.all(b.GiveWay) {
		b.judge(DomainAliases, at)
	}
	for at := range b.accounts.all(b.GiveWay) {
		b.judge(Accounts, at)
	}
	for at := range b.mailboxes.all(b.GiveWay) {
		b.judge(Mailboxes, at)
	}
	for _, a := range b.aliases.all(b.GiveWay) {
		if a.flags&here == 0 {
			b.judgeRecipients(a)
		}
	}
	for at := range b.senders.all(b.GiveWay) {
		b.judge(SenderAddresses, at)
	}
	for k := Transports; k < kinds; k++ {
		for at := range b.route(k).all(b.GiveWay) {
			b.judge(k, at)
		}
	}
}

// judge reports what is wrong with one row.
func (b *Builder) judge(k Kind, row uint32) {
	switch k {
	case Domains:
		if d := b.domains.at(row); d.flags&here != 0 {
			b.judgeName(k, d.id, d.name, "name")
		}
	case DomainAliases:
		b.judgeDomainAlias(b.domainAliases.at(row))
	case Accounts:
		b.judgeAccount(b.accounts.at(row))
	case Mailboxes:
		b.judgeMailbox(b.mailboxes.at(row))
	case Recipients:
		if alias := b.recipientIDs.row(row); alias != 0 && b.aliases.at(alias).flags&here == 0 {
			b.dangling(Recipients, row, "alias_id", "alias", b.aliases.at(alias).id)
		}
	case SenderAddresses:
		if s := b.senders.at(row); s.flags&here != 0 && (s.mailbox == 0 || b.mailboxes.at(s.mailbox).flags&mailboxServed == 0) {
			b.dangling(k, s.id, "mailbox_id", "mailbox", b.mailboxID(s.mailbox))
		}
	case Transports, RecipientAccesses, AutoreplyTransports:
		if r := b.route(k).at(row); r.flags&here != 0 {
			b.judgeName(k, r.id, r.name, map[Kind]string{AutoreplyTransports: "domain"}[k])
		}
	}
}

func (b *Builder) judgeDomainAlias(d *domainAliasRow) {
	switch {
	case d.flags&here == 0:
	case !b.domainHere(d.target):
		b.dangling(DomainAliases, d.id, "target_id", "domain", b.domainID(d.target))
	default:
		b.judgeName(DomainAliases, d.id, d.name, "name")
		if other := b.firstName(d.name, Domains); other != nil {
			b.report(Collision, DomainAliases, d.id, "name", fmt.Sprintf(
				"%q is the name of domain %d too: Postfix warns about a name in both virtual_mailbox_domains and virtual_alias_domains; rename or delete one of them", b.symbols.text(d.name), other.id))
		}
	}
}

// judgeName reports a row that is not the one that is served under its name.
func (b *Builder) judgeName(k Kind, id uint32, name ref, column string) {
	if column == "" {
		column = "pattern"
	}
	if first := b.firstName(name, k); first != nil && first.id != id {
		b.collision(k, id, column, b.symbols.text(name), first.id)
	}
}

func (b *Builder) judgeAccount(a *accountRow) {
	if a.flags&here == 0 {
		return
	}
	if first := b.accounts.at(b.symbols.first(a.username, loginList)); first.id != a.id {
		b.collision(Accounts, a.id, "username", b.symbols.text(a.username), first.id)
	}
}

func (b *Builder) judgeMailbox(m *mailboxRow) {
	switch {
	case m.flags&here == 0:
		return
	case m.flags&mailboxServed == 0:
		b.dangling(Mailboxes, m.id, "domain_id", "domain", b.domainID(m.domain))
		return
	}
	if m.account == 0 || b.accounts.at(m.account).flags&here == 0 {
		b.report(DanglingRef, Mailboxes, m.id, "user_id", "refers to an account that does not exist or is not served: mail is delivered, nobody can log in; delete the row or correct the reference")
	}
	if first := b.mailboxes.at(b.symbols.first(m.address, mailboxList)); first.id != m.id {
		b.collision(Mailboxes, m.id, "address", b.symbols.text(m.address), first.id)
	}
}

// judgeRecipients reports the recipients of an alias that is not here.
func (b *Builder) judgeRecipients(a *aliasRow) {
	if a.one.id == 0 {
		return
	}
	b.dangling(Recipients, a.one.id, "alias_id", "alias", a.id)
	for at := a.more; at != 0; at = b.recipients.at(at).next {
		b.dangling(Recipients, b.recipients.at(at).id, "alias_id", "alias", a.id)
	}
}

func (b *Builder) dangling(k Kind, id uint32, column, what string, to uint32) {
	b.report(DanglingRef, k, id, column, fmt.Sprintf("refers to %s %d, which does not exist: the row is not served; delete it or correct the reference", what, to))
}

// collision reports one of two rows with the same name. The one that is stored
// in folded spelling is served, as only that one answers the SQL map of a
// case-sensitive database; else the older one.
func (b *Builder) collision(k Kind, lost uint32, column, name string, won uint32) {
	b.report(Collision, k, lost, column, fmt.Sprintf("%q is the name of row %d too, once folded to lower case: row %d is served; rename or delete one of them", name, won, won))
}
