package lookup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
)

// Explain follows mail for an address through the maps as Postfix would: the
// class of its domain, the recipient restrictions, the virtual aliases down to
// the last one, and the transport or refusal at each end.
func Explain(s *store.Snapshot, o Options, address string, now time.Time) *Explanation {
	return ExplainWithin(s, o, address, now, nil)
}

// ExplainWithin is Explain for somebody who may not see everything: where an
// alias leads to a domain or domain alias of this host that may refuses, the way
// ends, and what becomes of the mail there is not told. may gets folded names,
// and is not asked about the address itself.
func ExplainWithin(s *store.Snapshot, o Options, address string, now time.Time, may func(domain string) bool) *Explanation {
	m := &mailWalk{Explanation: Explanation{Subject: address}, s: s, o: o, now: now, may: may, domains: map[string]bool{}}
	at := strings.LastIndexByte(address, '@')
	if at < 0 || at == len(address)-1 {
		m.Outcome = fmt.Sprintf("%q is not a mail address: give local@domain.", address)
		return &m.Explanation
	}
	class := m.classify(0, store.Fold(address[at+1:]))
	if class == foreign {
		m.end(0, Delivery{
			Address: address, Kind: Refused,
			Reason: "554 relay access denied: the domain is none of ours; clients that may relay get it sent out",
		})
	} else if !m.restricted(address, class) {
		m.expand(address, 0, nil)
	}
	m.sum()
	return &m.Explanation
}

// mailWalk is an Explanation on its way.
type mailWalk struct {
	Explanation
	s    *store.Snapshot
	o    Options
	now  time.Time
	may  func(domain string) bool // nil = everything
	seen int                      // addresses expanded

	domains map[string]bool // explained already
}

// maxExpansion is Postfix's virtual_alias_expansion_limit and
// virtual_alias_recursion_limit.
const maxExpansion = 1000

// class is Postfix's address class (ADDRESS_CLASS_README).
type class int

const (
	foreign class = iota
	hosted        // virtual mailbox domain
	aliased       // virtual alias domain
	relayed       // relay domain
)

// ask asks one table for a key with the same code that answers Postfix.
func (m *mailWalk) ask(t Table, k string) (string, bool) {
	v, ok := new(query).run(&t, m.s, &m.o, m.clock, nil, []byte(k))
	return string(v), ok
}

func (m *mailWalk) clock() time.Time { return m.now }

// classify says what kind of domain it is, in trivial-rewrite's order (postfix
// src/trivial-rewrite/resolve.c): alias domains first.
func (m *mailWalk) classify(depth int, name string) class {
	target, isAlias := m.ask(domainAliases, name)
	_, isHosted := m.ask(domains, name)
	relay, isRelayed := m.ask(relayDomains, name)
	if !m.domains[name] {
		m.domains[name] = true
		m.aliasStep(depth, name, target, isAlias)
		m.domainStep(depth, name, relay, isAlias && isHosted)
	}
	switch {
	case isAlias:
		return aliased
	case isHosted:
		return hosted
	case isRelayed:
		return relayed
	}
	return foreign
}

func (m *mailWalk) aliasStep(depth int, name, target string, isAlias bool) {
	if da, ok := m.s.DomainAlias(name); ok {
		t, _ := m.s.DomainByID(da.TargetID)
		switch {
		case isAlias:
			m.step(depth, "admin_domainalias", da.ID, "%s is another name of %s", name, target)
		case !da.Enabled:
			m.step(depth, "admin_domainalias", da.ID, "%s would be another name of %s, but the domain alias is disabled", name, t.Name)
		default:
			m.step(depth, "admin_domain", t.ID, "%s would be another name of %s, but that domain is disabled", name, t.Name)
		}
	}
}

func (m *mailWalk) domainStep(depth int, name, relay string, both bool) {
	d, ok := m.s.Domain(name)
	if !ok && relay != "" {
		d, ok = m.s.Domain(relay)
		if ok {
			m.step(depth, "admin_domain", d.ID, "%s is below the relay domain %s", name, relay)
		}
		return
	}
	if !ok {
		if _, isAlias := m.s.DomainAlias(name); !isAlias {
			m.step(depth, "", 0, "%s is not a domain of this host", name)
		}
		return
	}
	kind := map[store.DomainType]string{store.LocalDomain: "a domain with mailboxes here", store.RelayDomain: "a relay domain", store.OtherDomain: "a domain of unknown type, which no map serves"}[d.Type]
	switch {
	case both:
		m.step(depth, "admin_domain", d.ID, "%s is %s too: Postfix warns, and treats it as an alias domain", name, kind)
	case d.Enabled:
		m.step(depth, "admin_domain", d.ID, "%s is %s", name, kind)
	default:
		m.step(depth, "admin_domain", d.ID, "%s is %s, but it is disabled", name, kind)
	}
}

// restricted applies the recipient restrictions that come from maps; it
// reports whether they end the matter.
func (m *mailWalk) restricted(address string, c class) bool {
	if reply, ok := m.ask(maintain, address); ok {
		var k key
		k.parse(nil, []byte(address), m.o.RecipientDelimiter)
		box, ok := m.s.Mailbox(k.full)
		if !ok {
			box, _ = m.s.Mailbox(k.base)
		}
		m.step(0, "admin_mailbox", box.ID, "an operation on the folder of %s is pending (admin_mailboxoperation)", box.Address)
		m.end(0, Delivery{Address: address, Kind: Deferred, Reason: reply})
		return true
	}
	if action, ok := m.ask(verification, address); ok && c == relayed {
		a, _ := m.s.RecipientAccess(store.Fold(address[strings.LastIndexByte(address, '@')+1:]))
		m.step(0, "relaydomains_recipientaccess", a.ID, "%s: the next hop is asked whether it takes this recipient", action)
	}
	return false
}

// expand follows the aliases of an address; path holds those above it.
func (m *mailWalk) expand(address string, depth int, path []string) {
	folded := store.Fold(address)
	if slices.Contains(path, folded) {
		if m.endsItself(address) {
			m.step(depth, "", 0, "%s was expanded already, to itself among others: Postfix leaves it at that", address)
			return
		}
		m.end(depth, Delivery{Address: address, Kind: Looped, Reason: "the aliases come back to this address: Postfix gives up after 1000 turns and answers 451; correct one of them"})
		return
	}
	if m.seen++; m.seen > maxExpansion {
		if m.seen == maxExpansion+1 {
			m.end(depth, Delivery{Address: address, Kind: Refused, Reason: "more than 1000 addresses: Postfix refuses to expand (virtual_alias_expansion_limit)"})
		}
		return
	}
	if depth > 0 && m.hidden(folded) {
		m.end(depth, Delivery{Address: address, Kind: Elsewhere, Reason: "a domain of this host that somebody else administrates"})
		return
	}
	list := m.aliasesOf(address, depth)
	if len(list) == 0 || len(list) == 1 && store.Fold(list[0]) == folded {
		m.deliver(address, depth)
		return
	}
	for _, to := range list {
		m.step(depth, "", 0, "-> %s", to)
		if store.Fold(to) == folded {
			m.deliver(to, depth+1) // the mailbox itself, besides others
			continue
		}
		m.expand(to, depth+1, append(path[:len(path):len(path)], folded))
	}
}

// endsItself reports whether an address expands to itself too. Postfix expands
// such a one only once, so no loop goes through it (postfix
// src/cleanup/cleanup_map1n.c).
func (m *mailWalk) endsItself(address string) bool {
	value, found := m.ask(aliases, address)
	return found && slices.ContainsFunc(recipientsIn(value, address), func(to string) bool { return store.Fold(to) == store.Fold(address) })
}

// hidden reports whether an address is at a domain of this host, in service or
// not, that is not to be looked into.
func (m *mailWalk) hidden(address string) bool {
	if m.may == nil {
		return false
	}
	name := address[strings.LastIndexByte(address, '@')+1:]
	_, isDomain := m.s.Domain(name)
	_, isAlias := m.s.DomainAlias(name)
	relay, isRelayed := m.ask(relayDomains, name)
	if isRelayed && !isDomain && !isAlias {
		name = relay // which it is below
	}
	return (isDomain || isAlias || isRelayed) && !m.may(name)
}

// aliasesOf shows every alias row that was looked at for an address, and
// returns the recipients as Postfix makes them of the table's answer.
func (m *mailWalk) aliasesOf(address string, depth int) []string {
	var k key
	k.parse(nil, []byte(address), m.o.RecipientDelimiter)
	value, found := m.ask(aliases, address)
	steps := []string{k.full}
	if k.base != "" {
		steps = append(steps, k.base)
	}
	if k.local != "" {
		steps = append(steps, "@"+k.domain)
	}
	for _, name := range steps {
		if m.aliasRows(name, depth) {
			break
		}
	}
	if !found {
		m.step(depth, "", 0, "no alias for %s", strings.Join(steps, ", "))
		return nil
	}
	return recipientsIn(value, address)
}

// aliasRows shows the rows of one alias address and reports whether one of
// them answers.
func (m *mailWalk) aliasRows(name string, depth int) (answers bool) {
	for r := m.s.Aliases(name); r.Next(); {
		a := r.Alias
		kind := "alias"
		switch {
		case a.Internal && name[0] == '@':
			kind = "internal alias (domain alias)"
		case a.Internal:
			kind = "internal alias (the mailbox itself)"
		case name[0] == '@':
			kind = "catch-all"
		}
		var to []string
		for rc := m.s.Recipients(a.ID); rc.Next(); {
			to = append(to, rc.Address())
		}
		switch {
		case !a.Enabled:
			m.step(depth, "admin_alias", a.ID, "%s %s is disabled", kind, name)
		case !a.Live(m.now.UnixMicro()):
			m.step(depth, "admin_alias", a.ID, "%s %s expired at %s", kind, name, time.UnixMicro(a.ExpireAt).UTC().Format(time.RFC3339))
		case len(to) == 0:
			m.step(depth, "admin_alias", a.ID, "%s %s has no recipients", kind, name)
		default:
			m.step(depth, "admin_alias", a.ID, "%s %s -> %s", kind, name, strings.Join(to, ", "))
			answers = true
		}
	}
	return answers
}

// splitList splits an answer into addresses at commas outside of quotes.
func splitList(v string) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i < len(v); i++ {
		switch {
		case quoted && v[i] == '\\':
			i++
		case v[i] == '"':
			quoted = !quoted
		case v[i] == ',' && !quoted:
			out = append(out, v[start:i])
			start = i + 1
		}
	}
	return append(out, v[start:])
}

// sum writes the outcome.
func (m *mailWalk) sum() {
	n := map[DeliveryKind]int{}
	for _, d := range m.Deliveries {
		n[d.Kind]++
	}
	var parts []string
	for _, k := range []struct {
		kind DeliveryKind
		text string
	}{
		{ToMailbox, "delivered to %d mailbox(es)"},
		{ToRelay, "relayed to %d address(es)"},
		{ToRemote, "sent out to %d address(es)"},
		{Elsewhere, "led to %d address(es) in domains of others here"},
		{Deferred, "%d deferred"},
		{Refused, "%d refused"},
		{Looped, "%d alias loop(s)"},
	} {
		if n[k.kind] > 0 {
			parts = append(parts, fmt.Sprintf(k.text, n[k.kind]))
		}
	}
	m.OK = n[ToMailbox]+n[ToRelay]+n[ToRemote]+n[Elsewhere] > 0
	m.Outcome = "Mail is " + strings.Join(parts, ", ") + "."
	if !m.OK {
		m.Outcome = "Mail is not delivered: " + strings.Join(parts, ", ") + "."
	}
}
