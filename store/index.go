package store

import (
	"iter"
	"runtime"
)

// index is a hash table from 32-bit tags to 32-bit values in 256 shards, each
// of which grows by itself: no growth step is long enough to be noticed. A
// slot is tag<<32 | value; value 0 marks a free one.
type index struct {
	shards [256]shard
}

type shard struct {
	slots []uint64
	n     int
}

func tag(h uint64) uint32 { return uint32(h >> 20) }

func (x *index) shard(h uint64) *shard { return &x.shards[h>>56] }

// first and after walk over the slots to look at for hash h: linear probing.
// insert keeps some slots free, so that every walk ends; a shard without slots
// must not be walked.
func (sh *shard) first(h uint64) int {
	// Multiply-shift maps 32 bits to any length without a division.
	return int(uint64(uint32(h)) * uint64(len(sh.slots)) >> 32)
}

func (sh *shard) after(i int) int {
	if i++; i < len(sh.slots) {
		return i
	}
	return 0
}

func (x *index) insert(h uint64, tag, value uint32, rehash func(slot uint64) uint64) {
	sh := x.shard(h)
	if sh.n*5 >= len(sh.slots)*4 {
		sh.resize(len(sh.slots)*3/2+8, rehash)
	}
	sh.put(h, uint64(tag)<<32|uint64(value))
	sh.n++
}

func (sh *shard) put(h, slot uint64) {
	i := sh.first(h)
	for sh.slots[i] != 0 {
		i = sh.after(i)
	}
	sh.slots[i] = slot
}

func (sh *shard) resize(n int, rehash func(slot uint64) uint64) {
	old := sh.slots
	sh.slots = make([]uint64, n)
	for _, s := range old {
		if s != 0 {
			sh.put(rehash(s), s)
		}
	}
}

// pack gives every shard the size its final load wants.
func (x *index) pack(rehash func(slot uint64) uint64) {
	for i := range x.shards {
		if sh := &x.shards[i]; sh.n > 0 {
			sh.resize(sh.n*4/3+1, rehash)
		}
		if i%8 == 0 {
			runtime.Gosched()
		}
	}
}

// ids finds rows by primary key.
type ids struct{ index index }

// hashID spreads primary keys, which come as 1, 2, 3…, over 64 bits
// (the finaliser of SplitMix64).
func hashID(id uint32) uint64 {
	h := uint64(id) * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func rehashID(slot uint64) uint64 { return hashID(uint32(slot >> 32)) }

// row returns the row number plus one, or 0.
func (x *ids) row(id uint32) uint32 {
	if id == 0 {
		return 0
	}
	h := hashID(id)
	sh := x.index.shard(h)
	if sh.n == 0 {
		return 0
	}
	for i := sh.first(h); sh.slots[i] != 0; i = sh.after(i) {
		if slot := sh.slots[i]; uint32(slot>>32) == id {
			return uint32(slot)
		}
	}
	return 0
}

func (x *ids) add(id, row1 uint32) { x.index.insert(hashID(id), id, row1, rehashID) }

// column is a growing array of rows in chunks that are never moved.
type column[T any] struct {
	chunks [][]T
	n      int
}

const chunkRows = 4096

// add appends a row and returns its number plus one.
func (c *column[T]) add(v T) uint32 {
	if c.n%chunkRows == 0 {
		c.chunks = append(c.chunks, make([]T, 0, chunkRows))
	}
	last := &c.chunks[len(c.chunks)-1]
	*last = append(*last, v)
	c.n++
	return uint32(c.n)
}

// at returns the row with number row1-1.
func (c *column[T]) at(row1 uint32) *T {
	i := row1 - 1
	return &c.chunks[i/chunkRows][i%chunkRows]
}

// all yields every row with its number plus one, giving way to other
// goroutines after each chunk.
func (c *column[T]) all() iter.Seq2[uint32, *T] {
	return func(yield func(uint32, *T) bool) {
		for n, chunk := range c.chunks {
			for i := range chunk {
				if !yield(uint32(n*chunkRows+i+1), &chunk[i]) {
					return
				}
			}
			runtime.Gosched()
		}
	}
}
