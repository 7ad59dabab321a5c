package store

import (
	"slices"
	"unsafe"
)

// index is a hash table from 32-bit tags to 32-bit values in shards, each of
// which grows, and is copied by an edit, by itself: no step is long enough to
// be noticed. A slot is tag<<32 | value; value 0 marks a free one. The tag, 32
// bits of the key's hash, gives the position too, so that growing needs slots
// alone.
type index struct {
	shards []shard // nil, or indexShards of them
	shared shared
}

const indexShards = 4096

// shard is two words that lie side by side with those of the other shards: each
// thing on the way to a slot that lies elsewhere is a cache miss.
type shard struct {
	at      *uint64 // the first slot; nil until there is a value
	size, n uint32  // slots, and how many of them are taken
}

func shardOver(slots []uint64, n int) shard {
	return shard{unsafe.SliceData(slots), uint32(len(slots)), uint32(n)}
}

// slots gives all of them.
func (sh *shard) slots() []uint64 { return unsafe.Slice(sh.at, sh.size) }

// tag and shardOf take different bits of a hash.
func tag(h uint64) uint32  { return uint32(h) }
func shardOf(h uint64) int { return int(h >> 52) }

// first and after walk over the slots to look at for a tag: linear probing.
// Some slots are always free, so that every walk ends; a shard without slots
// must not be walked.
func (sh *shard) first(tag uint32) int {
	// Multiply-shift maps 32 bits to any length without a division.
	return int(uint64(tag) * uint64(sh.size) >> 32)
}

func (sh *shard) after(i int) int {
	if i++; i < int(sh.size) {
		return i
	}
	return 0
}

// insert adds a value that is not there. A shard that was packed with one or
// two values has one free slot, which must stay free.
func (x *index) insert(h uint64, value uint32) {
	sh := x.edit(shardOf(h))
	if uint64(sh.n)*5 >= uint64(sh.size)*4 || sh.n+1 >= sh.size {
		sh.move(make([]uint64, sh.size*3/2+8))
	}
	sh.put(uint64(tag(h))<<32 | uint64(value))
	sh.n++
}

func (x *index) edit(k int) *shard {
	if x.shards == nil {
		x.shards = make([]shard, indexShards)
	}
	if x.shared.foreign(k) {
		if x.shared.claim(k) {
			x.shards = slices.Clone(x.shards)
		}
		sh := &x.shards[k]
		*sh = shardOver(slices.Clone(sh.slots()), int(sh.n))
	}
	return &x.shards[k]
}

func (sh *shard) put(slot uint64) {
	slots := sh.slots()
	i := sh.first(uint32(slot >> 32))
	for slots[i] != 0 {
		i = sh.after(i)
	}
	slots[i] = slot
}

// packed is the number of slots for n values that stay.
func packed(n int) int { return n*4/3 + 1 }

// move puts the values into other slots, which are blank.
func (sh *shard) move(slots []uint64) {
	old := sh.slots()
	*sh = shardOver(slots, int(sh.n))
	for _, s := range old {
		if s != 0 {
			sh.put(s)
		}
	}
}

// pack gives every shard the size its final load wants. It is for an index
// that shares nothing.
func (x *index) pack(giveWay func()) {
	for i := range x.shards {
		if sh := &x.shards[i]; sh.n > 0 {
			sh.move(x.shared.from.take(packed(int(sh.n))))
		}
		if i%128 == 0 {
			giveWay()
		}
	}
}
