package store

import (
	"iter"
	"slices"
	"unsafe"
)

// column is a growing array of rows in chunks, which are shared with the
// snapshot that an edit began with until they change.
type column[T any] struct {
	chunks []*[chunkRows]T
	n      int
	shared shared
}

// chunkRows is small, since an edit copies the whole chunk of a row that it
// changes: some 10 KB.
const chunkRows = 256

// add appends a row and returns its number plus one.
func (c *column[T]) add(v T) uint32 {
	if c.n%chunkRows == 0 {
		if c.shared.claim(len(c.chunks)) {
			c.chunks = slices.Clone(c.chunks)
		}
		c.chunks = append(c.chunks, chunkOf[[chunkRows]T](c.shared.from))
	}
	c.n++
	*c.edit(uint32(c.n)) = v
	return uint32(c.n)
}

// at returns the row with number row1-1, for reading. To index the chunk would
// look at its first byte, as with arena.record.
func (c *column[T]) at(row1 uint32) *T {
	i := row1 - 1
	var row T
	return (*T)(unsafe.Add(unsafe.Pointer(c.chunks[i/chunkRows]), uintptr(i%chunkRows)*unsafe.Sizeof(row)))
}

// edit returns the row with number row1-1, for writing. What at returned
// before may be the row as it was.
func (c *column[T]) edit(row1 uint32) *T {
	i := row1 - 1
	k := int(i / chunkRows)
	if c.shared.foreign(k) {
		if c.shared.claim(k) {
			c.chunks = slices.Clone(c.chunks)
		}
		own := *c.chunks[k]
		c.chunks[k] = &own
	}
	return &c.chunks[k][i%chunkRows]
}

// all yields every row with its number plus one, for reading, and calls
// giveWay now and then.
func (c *column[T]) all(giveWay func()) iter.Seq2[uint32, *T] {
	return func(yield func(uint32, *T) bool) {
		for i := range c.n {
			if i%1024 == 1023 {
				giveWay()
			}
			if !yield(uint32(i+1), &c.chunks[i/chunkRows][i%chunkRows]) {
				return
			}
		}
	}
}

// table is a column whose rows are found by primary key. A row keeps its
// number for good: one that is removed, or that others name before it is there,
// is a row without the flag here, so references to it hold without being
// resolved again when it comes or goes.
type table[T any] struct {
	column[T]
	ids  ids
	here int // rows that are here
}

// slot returns the row of a primary key, and makes a blank one if need be; key
// 0 has none.
func (t *table[T]) slot(id uint32, blank T) uint32 {
	if id == 0 {
		return 0
	}
	if at := t.ids.row(id); at != 0 {
		return at
	}
	at := t.add(blank)
	t.ids.set(id, at)
	return at
}
