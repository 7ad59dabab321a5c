package manage

import (
	"slices"
	"strings"
)

// mailGraph is where mail for addresses goes, as Postfix would have it go. An
// extension that nobody has stands for many: for all those that no row has, and
// for those that were put together and are longer than all in the rows.
type mailGraph struct {
	m       *aliasMap
	longest int // extension in the rows, in bytes
	nodes   map[string]*mailNode
	order   []*mailNode
}

// mailNode is an address, with its extension, or "@domain" for what all have in
// common whom a catch-all answers for.
type mailNode struct {
	address string
	keys    []string // asked for it, the last is that of the answer
	to      []mailEdge
	itself  bool // one of its recipients is itself: it ends here
	list    bool // of a catch-all
	many    bool // its extension stands for many
}

type mailEdge struct {
	to    *mailNode
	grows bool // the extension that stands for many gets longer
}

// maxGraph bounds the addresses, with all extensions that they get on the way.
const maxGraph = 10 * maxFollowed

func newMailGraph(m *aliasMap, starts []string) *mailGraph {
	g := &mailGraph{m: m, nodes: map[string]*mailNode{}}
	g.keep(starts)
	for a, to := range m.to {
		g.keep(append(to[:len(to):len(to)], a))
	}
	for _, s := range starts {
		g.grow(s)
	}
	return g
}

// keep keeps extensions as they are, and shorter ones.
func (g *mailGraph) keep(addresses []string) {
	for _, a := range addresses {
		_, extension := g.m.split(a)
		g.longest = max(g.longest, len(extension))
	}
}

// grow adds an address, and all that mail for it comes to.
func (g *mailGraph) grow(start string) {
	at := len(g.order)
	g.node(start)
	for ; at < len(g.order) && len(g.order) < maxGraph; at++ {
		switch n := g.order[at]; {
		case n.list:
			for _, r := range g.m.to[n.address] {
				n.to = append(n.to, mailEdge{g.nodeOf(r), false})
			}
		default:
			g.expand(n)
		}
	}
}

// expand finds the recipients of an address. An extension goes along, unless
// there is an alias for the address with it.
func (g *mailGraph) expand(n *mailNode) {
	key, to := g.m.answer(n.address)
	for _, k := range g.m.keys(n.address) {
		if n.keys = append(n.keys, k); k == key {
			break
		}
	}
	domain := key != "" && key[0] == '@'
	if domain && verbatim(to) {
		n.itself = slices.Contains(to, n.address)
		list := g.node(key)
		list.list, list.keys = true, []string{key}
		n.to = []mailEdge{{list, false}}
		return
	}
	carried := ""
	if key != n.address && !domain {
		_, carried = g.m.split(n.address)
	}
	for i, r := range led(n.address, to) {
		if to[i][0] != '@' {
			r = inserted(r, carried)
		}
		name, grown := g.canonical(r)
		if name == n.address && !grown {
			n.itself = true
			continue
		}
		n.to = append(n.to, mailEdge{g.node(name), grown})
	}
}

// nodeOf returns the node of an address in the rows.
func (g *mailGraph) nodeOf(address string) *mailNode {
	name, _ := g.canonical(address)
	return g.node(name)
}

func (g *mailGraph) node(address string) *mailNode {
	n := g.nodes[address]
	if n == nil {
		_, extension := g.m.split(address)
		n = &mailNode{address: address, many: strings.Contains(extension, anybody)}
		g.nodes[address], g.order = n, append(g.order, n)
	}
	return n
}

// canonical brings an address to the one that stands for it; grown says that the
// extension which stands for many has got a part more.
func (g *mailGraph) canonical(address string) (name string, grown bool) {
	base, extension := g.m.split(address)
	many := strings.Contains(extension, anybody)
	if base[:1] == anybody || !many && len(extension) <= g.longest {
		return address, false
	}
	return g.m.extend(base), many && len(extension) > len(g.m.delimiter+anybody)
}
