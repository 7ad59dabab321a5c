package store

import (
	"math"
	"strings"
)

// AddDomain adds a row of admin_domain.
func (b *Builder) AddDomain(d Domain) {
	const table = "admin_domain"
	if b.badName(table, d.ID, "name", d.Name) {
		return
	}
	name := Fold(d.Name)
	sym := b.symbols.intern(name)
	row1 := b.domains.add(domainRow{id: d.ID, name: sym, quota: d.Quota, perMbox: d.DefaultMailboxQuota, typ: d.Type, enabled: d.Enabled})
	b.domainIDs.add(d.ID, row1)
	var old uint32
	if at := b.domainByName[name]; at != 0 {
		old = b.domains.at(at).id
	}
	if b.takes(table, "name", name, d.ID, name == d.Name, old) {
		b.domainByName[b.symbols.text(sym)] = row1
	}
}

// AddDomainAlias adds a row of admin_domainalias.
func (b *Builder) AddDomainAlias(d DomainAlias) {
	const table = "admin_domainalias"
	if b.badName(table, d.ID, "name", d.Name) {
		return
	}
	target := b.domainIDs.row(d.TargetID)
	if target == 0 {
		b.dangling(table, d.ID, "target_id", "domain", d.TargetID)
		return
	}
	name := Fold(d.Name)
	sym := b.symbols.intern(name)
	row1 := b.domainAliases.add(domainAliasRow{id: d.ID, name: sym, target: target, enabled: d.Enabled})
	var old uint32
	if at := b.domainAliasByName[name]; at != 0 {
		old = b.domainAliases.at(at).id
	}
	if b.takes(table, "name", name, d.ID, name == d.Name, old) {
		b.domainAliasByName[b.symbols.text(sym)] = row1
	}
}

// AddAccount adds a row of core_user.
func (b *Builder) AddAccount(a Account) {
	const table = "core_user"
	if b.bad(table, a.ID, "username", a.Username) {
		return
	}
	if a.Email != "" && b.bad(table, a.ID, "email", a.Email) {
		a.Email = ""
	}
	if why := controlFlaw(a.Password); why != "" {
		b.report(BadValue, table, a.ID, "password", why+": the account cannot log in; set a new password")
		a.Password, a.Active = "", false
	}
	if len(a.Password) > maxText {
		b.report(BadValue, table, a.ID, "password", "is longer than 8191 bytes: the account cannot log in; set a new password")
		a.Password, a.Active = "", false
	}
	row := accountRow{id: a.ID, username: b.symbols.intern(Fold(a.Username)), password: b.secrets.put(a.Password)}
	if row.email = row.username; a.Email != a.Username {
		row.email = b.symbols.intern(Fold(a.Email))
	}
	row.flags = flag(a.Active, accountActive) | flag(a.Local, accountLocal) | flag(a.Superuser, accountSuperuser) | flag(a.Master, accountMaster)
	if row.email != 0 {
		row.next = b.symbols.first(row.email, emailList)
	}
	row1 := b.accounts.add(row)
	b.accountIDs.add(a.ID, row1)
	if row.email != 0 {
		b.symbols.setFirst(row.email, emailList, row1)
	}
	b.nameAccount(row1, a)
}

func (b *Builder) nameAccount(row1 uint32, a Account) {
	name := b.symbols.text(b.accounts.at(row1).username)
	sym := b.accounts.at(row1).username
	var old uint32
	if at := b.symbols.first(sym, loginList); at != 0 {
		old = b.accounts.at(at).id
	}
	if b.takes("core_user", "username", name, a.ID, name == a.Username, old) {
		b.symbols.setFirst(sym, loginList, row1)
	}
}

func flag(on bool, bit uint8) uint8 {
	if on {
		return bit
	}
	return 0
}

// AddMailbox adds a row of admin_mailbox.
func (b *Builder) AddMailbox(m Mailbox) {
	const table = "admin_mailbox"
	if b.bad(table, m.ID, "address", m.Local) {
		return
	}
	domain := b.domainIDs.row(m.DomainID)
	if domain == 0 {
		b.dangling(table, m.ID, "domain_id", "domain", m.DomainID)
		return
	}
	b.scratch = append(AppendFold(b.scratch[:0], m.Local), '@')
	exact := string(b.scratch[:len(b.scratch)-1]) == m.Local
	b.scratch = append(b.scratch, b.symbols.text(b.domains.at(domain).name)...)
	sym := b.symbols.intern(string(b.scratch))
	row := mailboxRow{id: m.ID, address: sym, domain: domain, account: b.accountIDs.row(m.AccountID), quota: m.Quota}
	row.flags = flag(m.SendOnly, mailboxSendOnly)
	row1 := b.mailboxes.add(row)
	b.mailboxIDs.add(m.ID, row1)
	if row.account != 0 {
		b.accounts.at(row.account).mailbox = row1
	} else {
		b.report(DanglingRef, table, m.ID, "user_id", "refers to an account that does not exist or is not served: mail is delivered, nobody can log in; delete the row or correct the reference")
	}
	b.placeMailbox(sym, row1, exact)
}

// placeMailbox puts a mailbox at its address. Nothing in Modoboa's schema
// forbids two at one address; the better one is first and served.
func (b *Builder) placeMailbox(sym ref, row1 uint32, exact bool) {
	head := b.symbols.first(sym, mailboxList)
	row := b.mailboxes.at(row1)
	var old uint32
	if head != 0 {
		old = b.mailboxes.at(head).id
	}
	if b.takes("admin_mailbox", "address", b.symbols.text(sym), row.id, exact, old) {
		row.next = head
		b.symbols.setFirst(sym, mailboxList, row1)
		return
	}
	first := b.mailboxes.at(head)
	row.next, first.next = first.next, row1
}

// AddQuotaUsage adds a row of admin_quota to its mailbox; a row without one is
// a leftover of a renamed domain and of no consequence.
func (b *Builder) AddQuotaUsage(q QuotaUsage) {
	at := b.symbols.first(b.symbols.find(Fold(q.Username)), mailboxList)
	if at == 0 {
		return
	}
	m := b.mailboxes.at(at)
	m.bytes = q.Bytes
	m.messages = int32(min(max(q.Messages, math.MinInt32), math.MaxInt32))
}

// AddAlias adds a row of admin_alias.
func (b *Builder) AddAlias(a Alias) {
	const table = "admin_alias"
	if b.bad(table, a.ID, "address", a.Address) {
		return
	}
	sym := b.symbols.intern(Fold(a.Address))
	row1 := b.aliases.add(aliasRow{id: a.ID, address: sym, domain: b.domainIDs.row(a.DomainID), expireAt: a.ExpireAt,
		flags: flag(a.Enabled, aliasEnabled) | flag(a.Internal, aliasInternal)})
	b.aliasIDs.add(a.ID, row1)
	// In order of id: the answers' order must not change with the database's.
	at := b.symbols.first(sym, aliasList)
	if at == 0 || b.aliases.at(at).id > a.ID {
		b.aliases.at(row1).next = at
		b.symbols.setFirst(sym, aliasList, row1)
		return
	}
	prev := b.aliases.at(at)
	for prev.next != 0 && b.aliases.at(prev.next).id < a.ID {
		prev = b.aliases.at(prev.next)
	}
	b.aliases.at(row1).next, prev.next = prev.next, row1
}

// AddRecipient adds a row of modoboa_admin_aliasrecipient.
func (b *Builder) AddRecipient(r Recipient) {
	const table = "modoboa_admin_aliasrecipient"
	if b.bad(table, r.ID, "address", r.Address) {
		return
	}
	alias := b.aliasIDs.row(r.AliasID)
	if alias == 0 {
		b.dangling(table, r.ID, "alias_id", "alias", r.AliasID)
		return
	}
	row := recipient{id: r.ID, address: b.symbols.intern(r.Address), mailbox: b.mailboxIDs.row(r.MailboxID), target: r.TargetID}
	b.received++
	a := b.aliases.at(alias)
	if a.one.id == 0 {
		a.one = row
		return
	}
	a.more = b.recipients.add(recipientRow{row, a.more})
}

// AddSenderAddress adds a row of admin_senderaddress.
func (b *Builder) AddSenderAddress(a SenderAddress) {
	const table = "admin_senderaddress"
	if b.bad(table, a.ID, "address", a.Address) {
		return
	}
	mailbox := b.mailboxIDs.row(a.MailboxID)
	if mailbox == 0 {
		b.dangling(table, a.ID, "mailbox_id", "mailbox", a.MailboxID)
		return
	}
	sym := b.symbols.intern(Fold(a.Address))
	row1 := b.senders.add(senderRow{id: a.ID, address: sym, mailbox: mailbox})
	at := b.symbols.first(sym, senderList)
	if at == 0 || b.senders.at(at).id > a.ID {
		b.senders.at(row1).next = at
		b.symbols.setFirst(sym, senderList, row1)
		return
	}
	prev := b.senders.at(at)
	for prev.next != 0 && b.senders.at(prev.next).id < a.ID {
		prev = b.senders.at(prev.next)
	}
	b.senders.at(row1).next, prev.next = prev.next, row1
}

// AddTransport adds a row of transport_transport. A row without a service is
// refused: Postfix would read "" + next hop as an order to keep the transport.
func (b *Builder) AddTransport(t Transport) {
	const table = "transport_transport"
	if b.bad(table, t.ID, "pattern", t.Pattern) || b.bad(table, t.ID, "service", t.Service) || t.NextHop != "" && b.bad(table, t.ID, "next_hop", t.NextHop) {
		return
	}
	pattern := Fold(t.Pattern)
	if !b.takes(table, "pattern", pattern, t.ID, pattern == t.Pattern, b.transports[pattern].ID) {
		return
	}
	t.Pattern, t.Service, t.NextHop = strings.Clone(pattern), strings.Clone(t.Service), strings.Clone(t.NextHop)
	b.transports[t.Pattern] = t
}

// AddRecipientAccess adds a row of relaydomains_recipientaccess.
func (b *Builder) AddRecipientAccess(a RecipientAccess) {
	const table = "relaydomains_recipientaccess"
	if b.bad(table, a.ID, "pattern", a.Pattern) || b.bad(table, a.ID, "action", a.Action) {
		return
	}
	pattern := Fold(a.Pattern)
	if !b.takes(table, "pattern", pattern, a.ID, pattern == a.Pattern, b.access[pattern].ID) {
		return
	}
	a.Pattern, a.Action = strings.Clone(pattern), strings.Clone(a.Action)
	b.access[a.Pattern] = a
}

// AddMailboxOperation adds a row of admin_mailboxoperation. Deletions have no
// mailbox any more and change no answer.
func (b *Builder) AddMailboxOperation(o MailboxOperation) {
	b.operations++
	if at := b.mailboxIDs.row(o.MailboxID); at != 0 {
		b.mailboxes.at(at).flags |= mailboxMoving
	}
}

// AddAutoreplyTransport adds a row of postfix_autoreply_transport.
func (b *Builder) AddAutoreplyTransport(t AutoreplyTransport) {
	const table = "postfix_autoreply_transport"
	if b.bad(table, t.ID, "domain", t.Domain) || b.bad(table, t.ID, "method", t.Method) {
		return
	}
	name := Fold(t.Domain)
	if !b.takes(table, "domain", name, t.ID, name == t.Domain, b.autoreplies[name].ID) {
		return
	}
	t.Domain, t.Method = strings.Clone(name), strings.Clone(t.Method)
	b.autoreplies[t.Domain] = t
}
