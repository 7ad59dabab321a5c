package store

// shared says which chunks of a structure a Builder may change. A structure
// that began empty is the Builder's own altogether. One that began as a
// Snapshot's (see Snapshot.Edit) shares all chunks with it, and each is copied
// before the first change to it: readers of the Snapshot never see one.
type shared struct {
	with bool     // there is something to share with
	own  []uint64 // bits of the chunks that were copied or made since
	from *slabs   // where memory for chunks is taken while everything is read
}

// foreign reports whether chunk i must be copied before it is changed.
func (s *shared) foreign(i int) bool {
	return s.with && (i/64 >= len(s.own) || s.own[i/64]>>(i%64)&1 == 0)
}

// claim notes that chunk i is the Builder's own now. It reports whether that
// is the first one: then the list of chunks itself is still to be copied.
func (s *shared) claim(i int) (first bool) {
	if !s.with {
		return false
	}
	first = s.own == nil
	for i/64 >= len(s.own) {
		s.own = append(s.own, 0)
	}
	s.own[i/64] |= 1 << (i % 64)
	return first
}
