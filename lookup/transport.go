package lookup

import (
	"strings"

	"github.com/vmapd/vmapd/store"
)

var transport = Table{
	Name:     "transport",
	Synonyms: []string{"relaydomains-transport"},
	Param:    "transport_maps",
	Doc: "How mail for an address or domain travels. Looks for a pattern that is the full address, and for a mailbox of a split domain (a relay domain with " +
		"some mailboxes here), which is delivered locally; then for both with the address without extension; then for a pattern that is the domain, or " +
		".parent of it. Replaces sql-transport and sql-spliteddomains-transport together, in the order in which Postfix asks those two.",
	find: findTransport,
}

func findTransport(q *query) {
	k := &q.key
	if q.addTransport(k.full) || !k.address {
		return
	}
	// Key by key and within a key map by map (postfix src/global/maps.c). SQL
	// maps get the stripped address even if their query uses %u and %d
	// (db_common_dict_partial in src/global/db_common.c says no to all).
	if q.addSplit(k.full) || k.base != "" && (q.addTransport(k.base) || q.addSplit(k.base)) || q.addTransport(k.domain) {
		return
	}
	for parent := parentPattern(k.domain); parent != "" && !q.addTransport(parent); {
		parent = parentPattern(parent[1:])
	}
}

// parentPattern returns the pattern that transport_maps are asked for next:
// ".parent.test" of "sub.parent.test", "" if there is none (postfix
// src/trivial-rewrite/transport.c).
func parentPattern(domain string) string {
	if dot := strings.IndexByte(domain, '.'); dot >= 0 {
		return domain[dot:]
	}
	return ""
}

func (q *query) addTransport(pattern string) bool {
	t, ok := q.Transport(pattern)
	if ok {
		q.add(q.join(t.Service, ":", t.NextHop))
	}
	return ok
}

// addSplit answers the address of a mailbox in a relay domain.
func (q *query) addSplit(address string) bool {
	_, ok := splitMailbox(q.Snapshot, address)
	if ok {
		q.add(q.opt.LocalTransport)
	}
	return ok
}

// splitMailbox finds the mailbox at an address if its domain is an enabled
// relay domain and its account is active.
func splitMailbox(s *store.Snapshot, address string) (store.Mailbox, bool) {
	m, ok := s.Mailbox(address)
	if !ok {
		return m, false
	}
	d, _ := s.DomainByID(m.DomainID)
	a, _ := s.AccountByID(m.AccountID)
	return m, d.Type == store.RelayDomain && d.Enabled && a.Active
}

var splitTransport = Table{
	Name:  "spliteddomains-transport",
	Param: "transport_maps",
	Doc:   "The mailboxes of split domains alone, for a main.cf that keeps two transport maps; the transport table contains them.",
	find: func(q *query) {
		if !q.addSplit(q.key.full) && q.key.base != "" {
			q.addSplit(q.key.base)
		}
	},
}

var autoreplyTransport = Table{
	Name:     "autoreply-transport",
	Synonyms: []string{"autoreplies-transport", "autoreply"},
	Param:    "transport_maps",
	Doc:      "The transport of the autoreply plugin of Modoboa 1.x, where its table exists: by full key, domain, or .parent.",
	find:     findAutoreply,
}

func findAutoreply(q *query) {
	k := &q.key
	if q.addAutoreply(k.full) || !k.address || q.addAutoreply(k.domain) {
		return
	}
	for parent := parentPattern(k.domain); parent != "" && !q.addAutoreply(parent); {
		parent = parentPattern(parent[1:])
	}
}

func (q *query) addAutoreply(domain string) bool {
	t, ok := q.AutoreplyTransport(domain)
	if ok {
		q.add(t.Method)
	}
	return ok
}
