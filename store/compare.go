package store

import "fmt"

// Difference says in what two snapshots differ.
type Difference struct {
	Rows  int      // rows that only one has, or that are not the same
	First []string // the first few of them, "admin_alias id=7"
}

const maxDifferences = 10

func (d *Difference) add(table string, key any) {
	d.Rows++
	if len(d.First) < maxDifferences {
		d.First = append(d.First, fmt.Sprintf("%s id=%v", table, key))
	}
}

// Compare finds the rows in which two snapshots differ, however each came
// about. It calls giveWay now and then.
func Compare(x, y *Snapshot, giveWay func()) Difference {
	c := comparison{x: x.base, y: y.base, giveWay: giveWay}
	compareTable(&c, Domains, &c.x.domains, &c.y.domains, (*base).domainValue)
	compareTable(&c, DomainAliases, &c.x.domainAliases, &c.y.domainAliases, (*base).domainAliasValue)
	compareTable(&c, Accounts, &c.x.accounts, &c.y.accounts, (*base).accountValue)
	compareTable(&c, Mailboxes, &c.x.mailboxes, &c.y.mailboxes, (*base).mailboxValue)
	compareTable(&c, Aliases, &c.x.aliases, &c.y.aliases, (*base).aliasValue)
	compareTable(&c, SenderAddresses, &c.x.senders, &c.y.senders, (*base).senderValue)
	compareTable(&c, MailboxOperations, &c.x.operations, &c.y.operations, (*base).operationValue)
	compareTable(&c, SigningKeys, &c.x.signingKeys, &c.y.signingKeys, (*base).signingKeyValue)
	for k := Transports; k < kinds; k++ {
		compareTable(&c, k, c.x.route(k), c.y.route(k), (*base).routeValue)
	}
	c.recipients()
	c.usage()
	return c.d
}

type comparison struct {
	x, y    *base
	d       Difference
	giveWay func()
}

// compareTable compares the rows that are here. value gives the primary key,
// the flags, and all else that the database says of a row.
func compareTable[T any, V comparable](c *comparison, k Kind, x, y *table[T], value func(*base, *T) (uint32, uint8, V)) {
	const derived = uint8(mailboxServed)
	for _, r := range x.all(c.giveWay) {
		id, flags, v := value(c.x, r)
		if flags&here == 0 {
			continue
		}
		at := y.ids.row(id)
		if at == 0 {
			c.d.add(k.table(), id)
			continue
		}
		_, otherFlags, other := value(c.y, y.at(at))
		if k == Mailboxes {
			flags, otherFlags = flags&^derived, otherFlags&^derived
		}
		if flags != otherFlags || v != other {
			c.d.add(k.table(), id)
		}
	}
	for _, r := range y.all(c.giveWay) {
		id, flags, _ := value(c.y, r)
		if flags&here == 0 {
			continue
		}
		at := x.ids.row(id)
		if at != 0 {
			_, flags, _ = value(c.x, x.at(at))
		}
		if at == 0 || flags&here == 0 {
			c.d.add(k.table(), id)
		}
	}
}

func (b *base) domainValue(r *domainRow) (uint32, uint8, Domain) {
	return r.id, r.flags, Domain{Name: b.symbols.text(r.name), Type: r.typ, Quota: r.quota, DefaultMailboxQuota: r.perMbox, MessageLimit: r.limit, DKIM: b.dkimOf(r)}
}

func (b *base) domainAliasValue(r *domainAliasRow) (uint32, uint8, DomainAlias) {
	return r.id, r.flags, DomainAlias{Name: b.symbols.text(r.name), TargetID: b.domainID(r.target)}
}

func (b *base) accountValue(r *accountRow) (uint32, uint8, Account) {
	return r.id, r.flags, Account{Username: b.symbols.text(r.username), Email: b.symbols.text(r.email), Password: b.texts.text(r.password)}
}

func (b *base) mailboxValue(r *mailboxRow) (uint32, uint8, Mailbox) {
	m := Mailbox{Address: b.symbols.text(r.address), DomainID: b.domainID(r.domain), Quota: r.quota, MessageLimit: r.limit, Moving: r.moving != 0}
	if r.account != 0 {
		m.AccountID = b.accounts.at(r.account).id
	}
	return r.id, r.flags, m
}

func (b *base) aliasValue(r *aliasRow) (uint32, uint8, Alias) {
	return r.id, r.flags, Alias{Address: b.symbols.text(r.address), DomainID: b.domainID(r.domain), ExpireAt: r.expireAt}
}

func (b *base) senderValue(r *senderRow) (uint32, uint8, SenderAddress) {
	return r.id, r.flags, SenderAddress{Address: b.symbols.text(r.address), MailboxID: b.mailboxID(r.mailbox)}
}

func (b *base) operationValue(r *operationRow) (uint32, uint8, uint32) {
	return r.id, r.flags, b.mailboxID(r.mailbox)
}

func (b *base) signingKeyValue(r *signingKeyRow) (uint32, uint8, SigningKey) {
	return r.id, r.flags, b.signingKey(r)
}

func (b *base) routeValue(r *routeRow) (uint32, uint8, Transport) {
	return r.id, r.flags, Transport{Pattern: b.symbols.text(r.name), Service: b.texts.text(r.value), NextHop: b.texts.text(r.hop)}
}

// recipients compares those of each alias, whether it is here or not: both
// lists are in order of id.
func (c *comparison) recipients() {
	for _, a := range c.x.aliases.all(c.giveWay) {
		c.recipientsOf(a.id, c.x.listRecipients(a.id), c.y.listRecipients(a.id))
	}
	for _, a := range c.y.aliases.all(c.giveWay) {
		if c.x.aliases.ids.row(a.id) == 0 {
			c.recipientsOf(a.id, recipientList{}, c.y.listRecipients(a.id))
		}
	}
}

func (c *comparison) recipientsOf(alias uint32, x, y recipientList) {
	p, q := x.next(), y.next()
	for p != nil || q != nil {
		switch {
		case q == nil || p != nil && p.id < q.id:
			c.d.add(Recipients.table(), p.id)
			p = x.next()
		case p == nil || q.id < p.id:
			c.d.add(Recipients.table(), q.id)
			q = y.next()
		default:
			if c.x.recipientValue(p) != c.y.recipientValue(q) {
				c.d.add(Recipients.table(), p.id)
			}
			p, q = x.next(), y.next()
		}
	}
}

func (b *base) recipientValue(r *recipient) Recipient {
	v := Recipient{ID: r.id, Address: b.symbols.text(r.address), MailboxID: b.mailboxID(r.mailbox)}
	if r.target != 0 {
		v.TargetID = b.aliases.at(r.target).id
	}
	return v
}

// recipientList walks over the recipients of one alias.
type recipientList struct {
	b   *base
	one *recipient
	at  uint32
}

func (b *base) listRecipients(aliasID uint32) recipientList {
	at := b.aliases.ids.row(aliasID)
	if at == 0 {
		return recipientList{}
	}
	a := b.aliases.at(at)
	if a.one.id == 0 {
		return recipientList{}
	}
	return recipientList{b, &a.one, a.more}
}

func (l *recipientList) next() *recipient {
	if r := l.one; r != nil {
		l.one = nil
		return r
	}
	if l.at == 0 {
		return nil
	}
	r := l.b.recipients.at(l.at)
	l.at = r.next
	return &r.recipient
}

// usage compares the rows of admin_quota.
func (c *comparison) usage() {
	for _, u := range c.x.usage.all(c.giveWay) {
		if u.username == 0 {
			continue
		}
		name := c.x.usageName(u)
		at := c.y.findUsage(c.y.symbols.find(Fold(name)), name)
		if at == 0 || c.y.usage.at(at).bytes != u.bytes || c.y.usage.at(at).messages != u.messages {
			c.d.add(usageTable, name)
		}
	}
	for _, u := range c.y.usage.all(c.giveWay) {
		if u.username == 0 {
			continue
		}
		if name := c.y.usageName(u); c.x.findUsage(c.x.symbols.find(Fold(name)), name) == 0 {
			c.d.add(usageTable, name)
		}
	}
}
