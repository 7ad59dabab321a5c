package sendlimit

// index finds places by the hashes of names. It is a table with linear probing: a
// question takes one place in memory, as a rule, where a map looks at several.
type index struct {
	slots []slot // a power of two, up to three quarters in use
	n     int    // in use
}

// slot is empty if at is 0.
type slot struct {
	hash uint64
	at   place
}

const fewSlots = 64

// home gives where the search for a hash begins. The last bits have chosen the
// shard.
func (x *index) home(hash uint64) uint64 { return (hash >> 8) & uint64(len(x.slots)-1) }

func (x *index) next(i uint64) uint64 { return (i + 1) & uint64(len(x.slots)-1) }

// find gives where a hash is, or else would be put.
func (x *index) find(hash uint64) uint64 {
	i := x.home(hash)
	for x.slots[i].at != 0 && x.slots[i].hash != hash {
		i = x.next(i)
	}
	return i
}

// get gives the place of a hash; 0 if it has none.
func (x *index) get(hash uint64) place {
	if x.n == 0 {
		return 0
	}
	return x.slots[x.find(hash)].at
}

// set gives a hash a place.
func (x *index) set(hash uint64, at place) {
	if 4*(x.n+1) > 3*len(x.slots) {
		x.grow()
	}
	s := &x.slots[x.find(hash)]
	if s.at == 0 {
		x.n++
	}
	*s = slot{hash, at}
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, max(fewSlots, 2*len(old)))
	for _, s := range old {
		if s.at != 0 {
			x.slots[x.find(s.hash)] = s
		}
	}
}

// remove takes out a hash that has a place. Those behind it that would not be
// found across the gap move into it (Knuth, The Art of Computer Programming 3,
// 6.4, algorithm R).
func (x *index) remove(hash uint64) {
	gap := x.find(hash)
	for i := x.next(gap); x.slots[i].at != 0; i = x.next(i) {
		if far := i - x.home(x.slots[i].hash); far&uint64(len(x.slots)-1) >= (i-gap)&uint64(len(x.slots)-1) {
			x.slots[gap], gap = x.slots[i], i
		}
	}
	x.slots[gap] = slot{}
	x.n--
}
