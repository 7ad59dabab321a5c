package doctor

import (
	"strings"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// aliasGraph has an edge from each address to those that it expands to, as far
// as these expand further.
type aliasGraph struct {
	r     *run
	nodes map[string]*aliasNode
	order []*aliasNode
}

type aliasNode struct {
	address string
	self    bool // expands to itself too: Postfix goes on with it once, and ends
	to      []aliasEdge

	part, low int // for parts
	open      bool
}

// many reports whether the node stands for many extensions.
func (n *aliasNode) many() bool {
	return strings.Contains(n.address, anyone) && !strings.HasPrefix(n.address, anyone)
}

type aliasEdge struct {
	to    *aliasNode
	grows bool // the extension gets longer
}

// extend gives an address the extension that stands for many.
func (g *aliasGraph) extend(base string) string {
	at := strings.LastIndexByte(base, '@')
	return base[:at] + g.r.Lookup.RecipientDelimiter[:1] + anyone + base[at:]
}

// canonical brings an address to the one that stands for it. grown says that the
// extension which stands for many has got a part more.
func (g *aliasGraph) canonical(address string) (name string, grown bool) {
	address = store.Fold(address)
	base, extension := lookup.SplitExtension(address, g.r.Lookup.RecipientDelimiter)
	if strings.HasPrefix(base, anyone+"@") {
		return base, false // nobody has it, with or without extension
	}
	many := strings.Contains(extension, anyone)
	if !strings.Contains(base, "@") || extension == "" || !many && len(extension) <= g.r.loops.longest {
		return address, false
	}
	return g.extend(base), many && len(extension) > 1+len(anyone)
}

// grow adds an address and all that it leads to.
func (g *aliasGraph) grow(address string) {
	first, _ := g.canonical(address)
	for todo := []*aliasNode{g.add(first)}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n == nil || g.r.stop() {
			continue
		}
		for _, to := range g.r.expander.Expand(n.address) {
			name, grown := g.canonical(to)
			if name == n.address && !grown {
				n.self = true
				continue
			}
			if g.r.ends(name) {
				continue
			}
			if next := g.add(name); next != nil {
				todo = append(todo, next)
			}
			n.to = append(n.to, aliasEdge{g.nodes[name], grown})
		}
	}
}

// add returns the new node of an address, nil if there is one.
func (g *aliasGraph) add(address string) *aliasNode {
	if g.nodes[address] != nil {
		return nil
	}
	n := &aliasNode{address: address}
	g.nodes[address] = n
	g.order = append(g.order, n)
	return n
}

// maxLoops bounds the loops that are told of addresses that all lead to each
// other.
const maxLoops = 100

// loops returns the loops: for each step that is a part of one, a shortest one.
func (g *aliasGraph) loops() (all [][]*aliasNode) {
	seen := map[string]int{} // where in all
	add := func(from *aliasNode, e aliasEdge, through func(*aliasNode) bool) bool {
		loop := way(e.to, from, through)
		if loop == nil {
			return false
		}
		key := g.key(loop)
		if at, known := seen[key]; known {
			if length(loop) < length(all[at]) { // without the extension that goes round
				all[at] = loop
			}
			return false
		}
		seen[key] = len(all)
		all = append(all, loop)
		return true
	}
	for number, part := range g.parts() {
		n := 0
		for _, from := range part {
			for _, e := range from.to {
				if n < maxLoops && !e.to.self && e.to.low == number && add(from, e, func(x *aliasNode) bool { return !x.self && x.low == number }) {
					n++
				}
			}
		}
	}
	// What grows never meets an address again, so none ends it. It does not grow any
	// more once a recipient without the extension takes over.
	for _, from := range g.order {
		for _, e := range from.to {
			if e.grows && !g.r.stop() {
				add(from, e, (*aliasNode).many)
			}
		}
	}
	return all
}

// key tells loops apart, whatever extension goes round in them.
func (g *aliasGraph) key(loop []*aliasNode) string {
	path := make([]string, len(loop))
	for i, n := range loop {
		if path[i] = shown(n.address, g.r.Lookup.RecipientDelimiter); !g.r.liveAlias(g.r.s.At(path[i])) {
			path[i], _ = lookup.SplitExtension(path[i], g.r.Lookup.RecipientDelimiter)
		}
	}
	return strings.Join(turnToFirst(path), " ")
}

// way returns a shortest way from one node to another, both included, nil if
// there is none.
func way(from, to *aliasNode, through func(*aliasNode) bool) []*aliasNode {
	before := map[*aliasNode]*aliasNode{from: nil}
	for queue := []*aliasNode{from}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if n == to {
			var back []*aliasNode
			for ; n != nil; n = before[n] {
				back = append([]*aliasNode{n}, back...)
			}
			return back
		}
		for _, e := range n.to {
			if _, known := before[e.to]; !known && through(e.to) {
				before[e.to] = n
				queue = append(queue, e.to)
			}
		}
	}
	return nil
}

// length is how long the addresses of a loop are together.
func length(loop []*aliasNode) (n int) {
	for _, x := range loop {
		n += len(x.address)
	}
	return n
}

// growing reports whether the extension gets longer on the way round a loop.
func growing(loop []*aliasNode) bool {
	for i, n := range loop {
		next := loop[(i+1)%len(loop)]
		for _, e := range n.to {
			if e.to == next && e.grows {
				return true
			}
		}
	}
	return false
}

// parts returns the strongly connected components of the nodes that do not
// expand to themselves (Tarjan's algorithm); low of a node is its component's
// number.
func (g *aliasGraph) parts() [][]*aliasNode {
	t := &tarjan{}
	for _, n := range g.order {
		if !n.self && n.part == 0 {
			t.visit(n)
		}
	}
	for number, part := range t.parts {
		for _, n := range part {
			n.low = number
		}
	}
	return t.parts
}

type tarjan struct {
	n     int
	stack []*aliasNode
	parts [][]*aliasNode
}

func (t *tarjan) visit(n *aliasNode) {
	t.n++
	n.part, n.low, n.open = t.n, t.n, true
	t.stack = append(t.stack, n)
	for _, e := range n.to {
		switch m := e.to; {
		case m.self:
		case m.part == 0:
			t.visit(m)
			n.low = min(n.low, m.low)
		case m.open:
			n.low = min(n.low, m.part)
		}
	}
	if n.low != n.part {
		return
	}
	at := len(t.stack) - 1
	for t.stack[at] != n {
		at--
	}
	for _, m := range t.stack[at:] {
		m.open = false
	}
	t.parts = append(t.parts, append([]*aliasNode(nil), t.stack[at:]...))
	t.stack = t.stack[:at]
}
