package manage

import (
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
)

// checkLoops is a Conflict that names the way if mail for an address goes in a
// circle. It is asked after a change of the alias of the address ("@domain" for
// a catch-all or a domain alias), and finds the circles that go through it.
//
// Postfix expands each address until it expands to itself (postfix
// src/cleanup/cleanup_map1n.c), so a circle on which one address keeps a copy
// for itself comes to an end: two people may forward to each other and keep
// copies. That does not hold if an extension grows with every turn.
func (t *Tx) checkLoops(address string) error {
	start := address
	if address[0] == '@' {
		start = anybody + address
	}
	g := &mailGraph{t: t, nodes: map[string]*mailNode{}}
	if err := g.explore(start); err != nil {
		return err
	}
	for _, n := range g.order {
		if n.through == address || n == g.order[0] {
			if way := g.circle(n); way != nil {
				return conflict("Mail would go in a circle: %s.", strings.ReplaceAll(strings.Join(way, " -> "), anybody, ""))
			}
		}
	}
	return nil
}

// anybody is a local part that no address has.
const anybody = "any address"

// maxFollowed is how many addresses are followed. Postfix gives up much
// earlier (virtual_alias_expansion_limit), but not all of them need be of one
// message.
const maxFollowed = 10000

// mailGraph is where mail for addresses goes, as far as it was explored.
type mailGraph struct {
	t     *Tx
	nodes map[string]*mailNode
	order []*mailNode
}

// mailNode is all addresses that the same recipients are found for in the same
// way: an alias with whatever extension, a catch-all, or one name in a domain
// alias.
type mailNode struct {
	key      string
	through  string // the address of the alias that answers, "" if none does
	to       []mailEdge
	itself   bool // one of its recipients is itself: it ends here
	verbatim bool // the recipients are those of a catch-all: extensions end here
}

type mailEdge struct {
	to    *mailNode
	grows bool // the recipient has an extension that is carried along
}

// explore follows mail from an address, level by level: one round of queries
// for all addresses that are equally far away.
func (g *mailGraph) explore(start string) error {
	type step struct {
		from    *mailNode
		address string
	}
	level := []step{{nil, start}}
	for len(level) > 0 && len(g.order) < maxFollowed {
		addresses := make([]string, len(level))
		for i, s := range level {
			addresses[i] = s.address
		}
		answers, err := g.t.answers(addresses)
		if err != nil {
			return err
		}
		var next []step
		for _, s := range level {
			n, to := g.node(s.address, answers)
			for _, r := range to {
				next = append(next, step{n, r})
			}
			if s.from == nil {
				continue
			}
			extended := n.through != "" && n.through != s.address && !n.verbatim && g.t.bare(s.address) != s.address
			switch {
			case n == s.from && !extended:
				n.itself = true
			default:
				s.from.to = append(s.from.to, mailEdge{n, extended})
			}
		}
		level = next
	}
	return nil
}

// node returns the node of an address, and its recipients if it is new.
func (g *mailGraph) node(address string, answers map[string][]string) (*mailNode, []string) {
	bare := g.t.bare(address)
	domain := "@" + domainOf(address)
	n := &mailNode{key: bare}
	var to []string
	for _, at := range []string{address, bare, domain} {
		if to = answers[at]; len(to) > 0 {
			n.through = at
			break
		}
	}
	switch n.verbatim = n.through == domain && to[0][0] != '@'; {
	case n.verbatim && slices.Contains(to, address):
		n.key, n.itself, to = address, true, nil // the others are those of the catch-all, whose node has them
	case n.verbatim, n.through != "" && n.through != domain:
		n.key = n.through
	}
	if old := g.nodes[n.key]; old != nil {
		return old, nil
	}
	g.nodes[n.key], g.order = n, append(g.order, n)
	out := make([]string, len(to))
	for i, r := range to {
		if out[i] = r; r[0] == '@' { // the name stays, the domain is another
			out[i] = address[:strings.LastIndexByte(address, '@')] + r
		}
	}
	return n, out
}

// circle returns the shortest way from a node back to it that mail does not
// get out of, nil if there is none.
func (g *mailGraph) circle(n *mailNode) []string {
	if !n.itself {
		if way := way(n, n, func(m *mailNode) bool { return !m.itself }); way != nil {
			return way
		}
	}
	carries := func(m *mailNode) bool { return !m.verbatim }
	if !carries(n) {
		return nil
	}
	for _, from := range g.order {
		for _, e := range from.to {
			if !e.grows || !carries(from) || !carries(e.to) {
				continue
			}
			there, back := []string{n.key}, []string{n.key}
			if from != n {
				there = way(n, from, carries)
			}
			if e.to != n {
				back = way(e.to, n, carries)
			}
			if there != nil && back != nil {
				return append(there, back...)
			}
		}
	}
	return nil
}

// way returns the keys of the shortest way of at least one step between nodes
// that meet a condition, nil if there is none.
func way(from, to *mailNode, good func(*mailNode) bool) []string {
	before := map[*mailNode]*mailNode{}
	queue := []*mailNode{from}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, e := range n.to {
			if before[e.to] != nil || !good(e.to) {
				continue
			}
			before[e.to] = n
			if e.to != to {
				queue = append(queue, e.to)
				continue
			}
			keys := []string{to.key}
			for m := n; ; m = before[m] {
				keys = append(keys, m.key)
				if m == from {
					slices.Reverse(keys)
					return keys
				}
			}
		}
	}
	return nil
}

// answers returns the recipients that Postfix is told for addresses, for what
// is left of them without an extension, and for their domains.
func (t *Tx) answers(addresses []string) (map[string][]string, error) {
	wanted := map[string]bool{}
	var keys []string
	for _, s := range addresses {
		for _, k := range []string{s, t.bare(s), "@" + domainOf(s)} {
			if !wanted[k] {
				wanted[k] = true
				keys = append(keys, k)
			}
		}
	}
	out := map[string][]string{}
	now := time.Now()
	err := inParts(keys, func(marks string, args []any) error {
		return t.each("SELECT a.address, "+t.timeText("admin_alias", "a", "expire_at")+`, r.address FROM admin_alias a
			JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE `+t.named("a.address")+" IN ("+marks+") AND a.enabled = ? ORDER BY r.id",
			append(args, true), func(r *sql.Rows) error {
				var from, to string
				var expires sql.NullString
				err := r.Scan(&from, &expires, &to)
				at := timeOf(expires)
				if to != "" && (at.IsZero() || at.After(now)) {
					from = store.Fold(from)
					out[from] = append(out[from], store.Fold(to))
				}
				return err
			})
	})
	return out, err
}
