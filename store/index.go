package store

import "iter"

// index is a hash table from 32-bit tags to 32-bit values in 256 shards, each
// of which grows by itself: no growth step is long enough to be noticed. A
// slot is tag<<32 | value; value 0 marks a free one. The tag, 32 bits of the
// key's hash, gives the position too, so that growing needs slots alone.
type index struct {
	shards [256]shard
}

type shard struct {
	slots []uint64
	n     int
}

// tag and shard take different bits of a hash.
func tag(h uint64) uint32 { return uint32(h) }

func (x *index) shard(h uint64) *shard { return &x.shards[h>>56] }

// first and after walk over the slots to look at for a tag: linear probing.
// Some slots are always free, so that every walk ends; a shard without slots
// must not be walked.
func (sh *shard) first(tag uint32) int {
	// Multiply-shift maps 32 bits to any length without a division.
	return int(uint64(tag) * uint64(len(sh.slots)) >> 32)
}

func (sh *shard) after(i int) int {
	if i++; i < len(sh.slots) {
		return i
	}
	return 0
}

// insert adds a value that is not there.
func (sh *shard) insert(tag, value uint32) {
	if sh.n*5 >= len(sh.slots)*4 {
		sh.resize(len(sh.slots)*3/2 + 8)
	}
	sh.put(uint64(tag)<<32 | uint64(value))
	sh.n++
}

func (sh *shard) put(slot uint64) {
	i := sh.first(uint32(slot >> 32))
	for sh.slots[i] != 0 {
		i = sh.after(i)
	}
	sh.slots[i] = slot
}

func (sh *shard) resize(n int) {
	old := sh.slots
	sh.slots = make([]uint64, n)
	for _, s := range old {
		if s != 0 {
			sh.put(s)
		}
	}
}

// pack gives every shard the size its final load wants.
func (x *index) pack(giveWay func()) {
	for i := range x.shards {
		if sh := &x.shards[i]; sh.n > 0 {
			sh.resize(sh.n*4/3 + 1)
		}
		if i%8 == 0 {
			giveWay()
		}
	}
}

// ids finds rows by primary key. Keys come from sequences, so they are dense:
// pages of row numbers take less than a hash table, and neighbours share one.
type ids struct {
	pages map[uint32]*[pageIDs]uint32
}

const pageIDs = 128

// row returns the row number plus one, or 0.
func (x *ids) row(id uint32) uint32 {
	if p := x.pages[id/pageIDs]; p != nil {
		return p[id%pageIDs]
	}
	return 0
}

func (x *ids) add(id, row1 uint32) {
	p := x.pages[id/pageIDs]
	if p == nil {
		if x.pages == nil {
			x.pages = map[uint32]*[pageIDs]uint32{}
		}
		p = new([pageIDs]uint32)
		x.pages[id/pageIDs] = p
	}
	p[id%pageIDs] = row1
}

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

// all yields every row with its number plus one, and calls giveWay now and
// then.
func (c *column[T]) all(giveWay func()) iter.Seq2[uint32, *T] {
	return func(yield func(uint32, *T) bool) {
		for n, chunk := range c.chunks {
			for i := range chunk {
				if !yield(uint32(n*chunkRows+i+1), &chunk[i]) {
					return
				}
				if i%1024 == 0 {
					giveWay()
				}
			}
		}
	}
}
