package store

import "strings"

// AddDomain adds a row of admin_domain, or replaces it.
func (b *Builder) AddDomain(d Domain) {
	if b.Remove(Domains, d.ID); b.badName(Domains, d.ID, "name", d.Name) {
		return
	}
	at := b.domainSlot(d.ID)
	name := Fold(d.Name)
	row := domainRow{id: d.ID, used: b.domains.at(at).used, dkim: b.keepDKIM(b.domains.at(at).dkim, &d), name: b.symbols.intern(name), quota: d.Quota, perMbox: d.DefaultMailboxQuota, limit: d.MessageLimit, typ: d.Type}
	row.flags = here | flag(name != d.Name, inexact) | flag(d.Enabled, domainEnabled)
	*b.domains.edit(at) = row
	b.domains.here++
	b.bear(row.name, Domains, at, d.ID, row.flags)
}

func flag(on bool, bit uint8) uint8 {
	if on {
		return bit
	}
	return 0
}

// rekeying is what is remembered of a domain that comes, goes or gets another
// name: its mailboxes may have to move to other addresses.
type rekeying struct {
	was    ref  // its name at first, 0 if it was not here
	placed bool // mailboxes were placed meanwhile, when it had another
}

// domainSlot is slot for domains. Who asks for one that others named before the
// row itself came makes its mailboxes be looked at again.
func (b *Builder) domainSlot(id uint32) uint32 {
	if at := b.domains.ids.row(id); at != 0 {
		if b.domains.at(at).flags&here == 0 && b.rekey[at] == nil {
			b.rekey[at] = &rekeying{}
		}
		return at
	}
	return b.domains.slot(id, domainRow{id: id})
}

// removeDomain keeps the mailboxes where they are until Build: most often the
// row comes back with another quota.
func (b *Builder) removeDomain(at uint32) {
	d := b.domains.edit(at)
	if b.rekey[at] == nil {
		b.rekey[at] = &rekeying{was: d.name}
	}
	d.flags &^= here
	b.domains.here--
	b.unbear(d.name, Domains, at)
	if d.dkim != 0 {
		b.keys = new(keysMark)
	}
}

// servedName returns the name of a domain, 0 if it is not here.
func (b *base) servedName(domain uint32) ref {
	if !b.domainHere(domain) {
		return 0
	}
	return b.domains.at(domain).name
}

// rekeyMailboxes moves the mailboxes of domains that came, went or got another
// name.
func (b *Builder) rekeyMailboxes() {
	for at, r := range b.rekey {
		if !r.placed && b.servedName(at) == r.was {
			delete(b.rekey, at)
		}
	}
	if len(b.rekey) == 0 {
		return
	}
	for at, m := range b.mailboxes.all(b.GiveWay) {
		if _, ok := b.rekey[m.domain]; ok && m.flags&here != 0 {
			local := b.localPart(m)
			b.unplace(at)
			b.place(at, local)
			b.touch(Mailboxes, m.id)
		}
	}
	for _, d := range b.domainAliases.all(b.GiveWay) {
		if _, ok := b.rekey[d.target]; ok {
			b.touch(DomainAliases, d.id)
		}
	}
}

// AddDomainAlias adds a row of admin_domainalias, or replaces it.
func (b *Builder) AddDomainAlias(d DomainAlias) {
	if b.Remove(DomainAliases, d.ID); b.badName(DomainAliases, d.ID, "name", d.Name) {
		return
	}
	at := b.domainAliases.slot(d.ID, domainAliasRow{id: d.ID})
	name := Fold(d.Name)
	row := domainAliasRow{id: d.ID, name: b.symbols.intern(name), target: b.domainSlot(d.TargetID)}
	row.flags = here | flag(name != d.Name, inexact) | flag(d.Enabled, domainAliasEnabled)
	*b.domainAliases.edit(at) = row
	b.domainAliases.here++
	b.bear(row.name, DomainAliases, at, d.ID, row.flags)
}

// AddTransport adds a row of transport_transport, or replaces it. A row without
// a service is refused: Postfix would read "" + next hop as an order to keep
// the transport.
func (b *Builder) AddTransport(t Transport) {
	b.Remove(Transports, t.ID)
	if b.bad(Transports, t.ID, "pattern", t.Pattern) || b.bad(Transports, t.ID, "service", t.Service) || t.NextHop != "" && b.bad(Transports, t.ID, "next_hop", t.NextHop) {
		return
	}
	b.addRoute(Transports, t.ID, t.Pattern, t.Service, t.NextHop)
}

// AddRecipientAccess adds a row of relaydomains_recipientaccess, or replaces
// it.
func (b *Builder) AddRecipientAccess(a RecipientAccess) {
	b.Remove(RecipientAccesses, a.ID)
	if b.bad(RecipientAccesses, a.ID, "pattern", a.Pattern) || b.bad(RecipientAccesses, a.ID, "action", a.Action) {
		return
	}
	b.addRoute(RecipientAccesses, a.ID, a.Pattern, a.Action, "")
}

// AddAutoreplyTransport adds a row of postfix_autoreply_transport, or replaces
// it.
func (b *Builder) AddAutoreplyTransport(t AutoreplyTransport) {
	b.Remove(AutoreplyTransports, t.ID)
	if b.bad(AutoreplyTransports, t.ID, "domain", t.Domain) || b.bad(AutoreplyTransports, t.ID, "method", t.Method) {
		return
	}
	b.addRoute(AutoreplyTransports, t.ID, t.Domain, t.Method, "")
}

func (b *Builder) addRoute(k Kind, id uint32, pattern, value, hop string) {
	t := b.route(k)
	at := t.slot(id, routeRow{id: id})
	old := t.at(at)
	name := Fold(pattern)
	row := routeRow{id: id, name: b.symbols.intern(name), value: b.texts.putAgain(value, old.value), hop: b.texts.putAgain(hop, old.hop)}
	row.flags = here | flag(name != pattern, inexact)
	*t.edit(at) = row
	t.here++
	b.bear(row.name, k, at, id, row.flags)
}

// localPart returns the local part of a mailbox. Domains have no "@".
func (b *base) localPart(m *mailboxRow) string {
	address := b.symbols.text(m.address)
	return address[:strings.LastIndexByte(address, '@')]
}
