package guard

import "math/bits"

// ways is the number of entries in a set. A full set evicts; with eight, a
// table is nearly full before that happens often.
const ways = 8

// table is a map of fixed size, made like a processor's cache: a key belongs
// to one set of entries, and in a full set the one that would be forgotten
// first makes room. So each step costs the same, and no flood can make it grow.
// Keys are hashes with a secret seed, or the sets could be aimed at.
type table[T any] struct {
	slots   []slot[T] // ways after ways; nil until the first entry is made
	size    int       // of slots
	evicted uint64    // entries that made room before their time
}

// slot is an entry of a table, or room for one.
type slot[T any] struct {
	key   uint64 // 0: empty
	until int64  // when it may be forgotten
	value T
}

// newTable takes no memory yet: where nobody logs in there is nothing to guard.
func newTable[T any](size int) table[T] { return table[T]{size: max(1, size/ways) * ways} }

// set gives the entries of a key; none while the table has no memory.
func (t *table[T]) set(key uint64) []slot[T] {
	if t.slots == nil {
		return nil
	}
	i, _ := bits.Mul64(key, uint64(len(t.slots)/ways))
	return t.slots[i*ways : i*ways+ways]
}

// find gives the entry of a key, nil if there is none or it is forgotten.
func (t *table[T]) find(key uint64, now int64) *slot[T] {
	set := t.set(key)
	for i := range set {
		if s := &set[i]; s.key == key && s.until > now {
			return s
		}
	}
	return nil
}

// make gives the entry of a key. If fresh it was not there: its time is zero,
// its value what the last owner of the slot left, for the caller to replace.
func (t *table[T]) make(key uint64, now int64) (s *slot[T], fresh bool) {
	if t.slots == nil {
		t.slots = make([]slot[T], t.size)
	}
	set := t.set(key)
	victim := &set[0]
	for i := range set {
		s := &set[i]
		if s.key == key {
			if s.until > now {
				return s, false
			}
			victim = s
			break
		}
		if s.until < victim.until {
			victim = s
		}
	}
	if victim.until > now && victim.key != key {
		t.evicted++
	}
	victim.key, victim.until = key, 0
	return victim, true
}

// part gives up to piece slots from one on; none while the table has no memory,
// which make gives it: g.mu is held.
func (t *table[T]) part(from int) []slot[T] {
	return t.slots[min(from, len(t.slots)):min(from+piece, len(t.slots))]
}

// forget empties a slot.
func (s *slot[T]) forget() { s.key, s.until = 0, 0 }
