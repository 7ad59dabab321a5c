package manage

import "slices"

// circle returns a shortest way, for people, from a node that asks for one of
// the changed aliases back to it, that mail does not get out of; nil if there is
// none. Those are preferred that need no particular extension.
func (g *mailGraph) circle(changed map[string]bool) []string {
	var through []*mailNode
	for _, many := range []bool{false, true} {
		for _, n := range g.order {
			if n.many == many && slices.ContainsFunc(n.keys, func(k string) bool { return changed[k] }) {
				through = append(through, n)
			}
		}
	}
	for _, find := range []func(*mailNode) []*mailNode{turning, g.growing} {
		var best []*mailNode
		for _, n := range through {
			if way := find(n); way != nil && (best == nil || len(way) < len(best)) {
				best = way
			}
		}
		if best != nil {
			return g.shown(best)
		}
	}
	return nil
}

// turning returns the shortest way from a node back to it on which no address
// ends in itself.
func turning(n *mailNode) []*mailNode {
	if n.itself {
		return nil
	}
	return way(n, n, func(m *mailNode) bool { return !m.itself })
}

// growing returns the shortest way from a node back to it on which an extension
// gets longer: no address is the same in the next turn, and none ends there.
func (g *mailGraph) growing(n *mailNode) (best []*mailNode) {
	if !n.many {
		return nil
	}
	many := func(m *mailNode) bool { return m.many }
	for _, from := range g.order {
		for _, e := range from.to {
			if !e.grows {
				continue
			}
			there, back := []*mailNode{n}, []*mailNode{n}
			if from != n {
				there = way(n, from, many)
			}
			if e.to != n {
				back = way(e.to, n, many)
			}
			if there != nil && back != nil && (best == nil || len(there)+len(back) < len(best)) {
				best = append(there, back...)
			}
		}
	}
	return best
}

// way returns a shortest way of at least one step between nodes, over nodes that
// meet a condition, nil if there is none.
func way(from, to *mailNode, good func(*mailNode) bool) []*mailNode {
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
			found := []*mailNode{to}
			for m := n; ; m = before[m] {
				found = append(found, m)
				if m == from {
					slices.Reverse(found)
					return found
				}
			}
		}
	}
	return nil
}

// shown is a way for people. A catch-all stands for who has nothing of his own,
// unless he is what it is about.
func (g *mailGraph) shown(way []*mailNode) []string {
	var out []string
	for i, n := range way {
		if i == 0 || i == len(way)-1 || !way[i+1].list {
			out = append(out, g.m.shown(n.address))
		}
	}
	return out
}
