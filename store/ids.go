package store

import "unsafe"

// ids finds numbers by primary key: a tree of four levels, each for eight bits
// of the key. Keys come from sequences, so the leaves are dense.
type ids struct {
	root *idNode[idNode[idNode[idLeaf]]]
	// own holds the nodes that an edit has copied or made; nil: all are its own.
	own map[unsafe.Pointer]struct{}
}

type (
	idNode[T any] [256]*T
	idLeaf        [256]uint32
)

// row returns the number of a key, or 0.
func (x *ids) row(id uint32) uint32 {
	if x.root == nil {
		return 0
	}
	a := x.root[id>>24]
	if a == nil {
		return 0
	}
	b := a[id>>16&255]
	if b == nil {
		return 0
	}
	leaf := b[id>>8&255]
	if leaf == nil {
		return 0
	}
	return leaf[id&255]
}

// set gives a key a number.
func (x *ids) set(id, n uint32) {
	root := editNode(x, &x.root)
	a := editNode(x, &root[id>>24])
	b := editNode(x, &a[id>>16&255])
	leaf := editNode(x, &b[id>>8&255])
	leaf[id&255] = n
}

// editNode returns a node for writing: made if there is none, copied if it is
// shared. at must be in a node for writing itself.
func editNode[T any](x *ids, at **T) *T {
	switch n := *at; {
	case n == nil:
		*at = new(T)
	case x.own == nil:
		return n
	default:
		if _, ok := x.own[unsafe.Pointer(n)]; ok {
			return n
		}
		c := *n
		*at = &c
	}
	if x.own != nil {
		x.own[unsafe.Pointer(*at)] = struct{}{}
	}
	return *at
}
