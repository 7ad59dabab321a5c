package store

import (
	"encoding/binary"
	"slices"
	"unsafe"
)

// ref names a record in an arena: its offset in units of four bytes. 0 is no
// record. 32 bits reach 16 GiB.
type ref uint32

const (
	chunkBytes = 16 << 10
	maxText    = 1<<13 - 1 // bytes of one text: what the length has bits for
)

// arena is append-only memory in chunks, so it grows without a pause, and holds
// no pointers for the collector to follow. A record is: head (fixed size),
// length (2 bytes, of which the three highest bits are facts about a symbol),
// text, padding to 4 bytes. Heads and facts change, in chunks that are not
// shared; texts never do.
type arena struct {
	head   int // bytes before the length
	chunks []*[chunkBytes]byte
	free   int // bytes used in the last chunk
	shared shared
}

func (a *arena) add(s string) ref {
	need := (a.head + 2 + len(s) + 3) &^ 3
	if len(a.chunks) == 0 || a.free+need > chunkBytes {
		if a.shared.claim(len(a.chunks)) {
			a.chunks = slices.Clone(a.chunks)
		}
		a.chunks = append(a.chunks, chunkOf[[chunkBytes]byte](a.shared.from))
		a.free = 0
		if len(a.chunks) == 1 {
			a.free = 4 // so that no record is ref 0
		}
	}
	r := ref(((len(a.chunks)-1)*chunkBytes + a.free) / 4)
	a.free += need
	b := a.edit(r)
	binary.LittleEndian.PutUint16(b[a.head:], uint16(len(s)))
	copy(b[a.head+2:], s)
	return r
}

// record returns what begins at r, for reading. To slice the chunk would look at
// its first byte, in case it is nil: one more place in memory for each record.
func (a *arena) record(r ref) []byte {
	off := uint64(r) * 4
	in := off % chunkBytes
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(a.chunks[off/chunkBytes]), in)), chunkBytes-in)
}

// edit returns what begins at r, for writing.
func (a *arena) edit(r ref) []byte {
	off := uint64(r) * 4
	k := int(off / chunkBytes)
	if a.shared.foreign(k) {
		if a.shared.claim(k) {
			a.chunks = slices.Clone(a.chunks)
		}
		own := *a.chunks[k]
		a.chunks[k] = &own
	}
	return a.chunks[k][off%chunkBytes:]
}

// text returns the record's text; it points into the arena.
func (a *arena) text(r ref) string {
	if r == 0 {
		return ""
	}
	b := a.record(r)[a.head:]
	n := binary.LittleEndian.Uint16(b) & maxText
	if n == 0 {
		return ""
	}
	return unsafe.String(&b[2], int(n))
}

// texts holds what is never looked up: password hashes, next hops.
type texts struct{ arena }

func (t *texts) put(s string) ref {
	if s == "" {
		return 0
	}
	return t.add(s)
}

// putAgain is put for a value that may be the one at old already.
func (t *texts) putAgain(s string, old ref) ref {
	if old != 0 && t.text(old) == s {
		return old
	}
	return t.put(s)
}
