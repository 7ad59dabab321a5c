package lookup

import (
	"strings"

	"github.com/vmapd/vmapd/store"
)

// deliver says what becomes of mail at an address that no alias changes.
func (m *mailWalk) deliver(address string, depth int) {
	address = unquote(address)
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		m.end(depth, Delivery{Address: address, Kind: ToRemote, Reason: "not an address: Postfix appends @$myorigin"})
		return
	}
	c := m.classify(depth, store.Fold(address[at+1:]))
	route, _ := m.ask(transport, address)
	if route != "" {
		m.routeStep(address, depth)
	}
	switch c {
	case aliased:
		m.end(depth, Delivery{Address: address, Kind: Refused, Reason: "550 5.1.1 user unknown in virtual alias table: the domain alias has no @ row (admin_alias), or nothing takes this address"})
	case hosted:
		m.box(address, route, depth)
	case relayed:
		m.relay(address, route, depth)
	default:
		kind, reason := ToRemote, "by the domain's MX"
		if route != "" {
			kind, reason = ToRelay, ""
		}
		m.end(depth, Delivery{Address: address, Kind: kind, Transport: route, Reason: reason})
	}
}

// routeStep names the transport row that decides, if it is a row and not a
// split domain's mailbox.
func (m *mailWalk) routeStep(address string, depth int) {
	var k key
	k.parse(nil, []byte(address), m.o.RecipientDelimiter)
	for _, address := range []string{k.full, k.base} {
		if m.patternStep(address, depth) {
			return
		}
		if box, ok := splitMailbox(m.s, address); ok {
			m.step(depth, "admin_mailbox", box.ID, "%s has its mailbox here although the domain is relayed", box.Address)
			return
		}
	}
	if m.patternStep(k.domain, depth) {
		return
	}
	for parent := parentPattern(k.domain); parent != "" && !m.patternStep(parent, depth); {
		parent = parentPattern(parent[1:])
	}
}

func (m *mailWalk) patternStep(pattern string, depth int) bool {
	t, ok := m.s.Transport(pattern)
	if ok {
		m.step(depth, "transport_transport", t.ID, "transport %s -> %s:%s", t.Pattern, t.Service, t.NextHop)
	}
	return ok
}

// box ends at a mailbox of a hosted domain, or at its absence.
func (m *mailWalk) box(address, route string, depth int) {
	var k key
	k.parse(nil, []byte(address), m.o.RecipientDelimiter)
	box, ok := m.s.Mailbox(k.full)
	if !ok && k.base != "" {
		box, ok = m.s.Mailbox(k.base)
	}
	if !ok {
		m.end(depth, Delivery{Address: address, Kind: Refused, Reason: "550 5.1.1 user unknown: no mailbox and no alias"})
		return
	}
	m.step(depth, "admin_mailbox", box.ID, "mailbox %s, %s", box.Address, quotaText(&box))
	if a, ok := m.s.AccountByID(box.AccountID); ok && !a.Active {
		m.step(depth, "core_user", a.ID, "account %s is disabled: nobody can log in, but mail is still delivered", a.Username)
	}
	if !box.Receives() {
		m.end(depth, Delivery{Address: address, Kind: Refused, Reason: "the mailbox is send-only"})
		return
	}
	m.end(depth, Delivery{Address: box.Address, Kind: ToMailbox, Transport: route})
}

// relay ends at a relay domain: a mailbox of a split domain, or the next hop.
func (m *mailWalk) relay(address, route string, depth int) {
	var k key
	k.parse(nil, []byte(address), m.o.RecipientDelimiter)
	box, ok := splitMailbox(m.s, k.full)
	if !ok {
		box, ok = splitMailbox(m.s, k.base)
	}
	if ok && route == m.o.LocalTransport {
		m.step(depth, "admin_mailbox", box.ID, "mailbox %s, %s", box.Address, quotaText(&box))
		m.end(depth, Delivery{Address: box.Address, Kind: ToMailbox, Transport: route})
		return
	}
	reason := ""
	if route == "" {
		reason = "by the domain's MX: no transport row has this domain as its pattern"
	}
	m.end(depth, Delivery{Address: address, Kind: ToRelay, Transport: route, Reason: reason})
}

// unquote removes the quotes of a local part, as Postfix does before it
// delivers.
func unquote(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || !isQuoted(address[:at]) {
		return address
	}
	var b strings.Builder
	for i := 1; i < at-1; i++ {
		if address[i] == '\\' && i+1 < at-1 {
			i++
		}
		b.WriteByte(address[i])
	}
	return b.String() + address[at:]
}
