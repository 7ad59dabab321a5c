package sendlimit

import (
	"encoding/binary"
	"iter"
)

// ring is a queue of records of any size. They stay where they are until they
// are dropped, in chunks that are used again.
type ring struct {
	chunks [][]byte // up to what is in use, the oldest first
	spare  []byte   // one that is empty
	number uint64   // of the first chunk; they are counted through
	begin  int      // of the oldest record, in the first chunk
	n      int      // records
}

// place is where a record is: the number of its chunk, and the offset there. The
// first chunk has number 1, so that 0 is no place.
type place uint64

const (
	placeBits = 32
	chunkSize = 64 << 10
	sizeBytes = 4 // in front of each record
)

func (p place) chunk() uint64 { return uint64(p) >> placeBits }
func (p place) offset() int   { return int(uint32(p)) }

// add makes a record of some bytes, and gives room for it, empty.
func (r *ring) add(size int) ([]byte, place) {
	last := len(r.chunks) - 1
	if last < 0 || len(r.chunks[last])+sizeBytes+size > cap(r.chunks[last]) {
		r.grow(sizeBytes + size)
		last = len(r.chunks) - 1
	}
	c := r.chunks[last]
	at := len(c)
	c = binary.LittleEndian.AppendUint32(c, uint32(size))
	begin := len(c)
	r.chunks[last] = c[:begin+size]
	r.n++
	return c[begin : begin : begin+size], place((r.number+uint64(last))<<placeBits | uint64(at))
}

// grow begins a chunk.
func (r *ring) grow(need int) {
	if r.number == 0 {
		r.number = 1
	}
	c := r.spare
	r.spare = nil
	if cap(c) < need {
		c = make([]byte, 0, max(chunkSize, need))
	}
	r.chunks = append(r.chunks, c[:0])
}

// at gives a record that is there.
func (r *ring) at(p place) []byte { return recordAt(r.chunks[p.chunk()-r.number], p.offset()) }

func recordAt(chunk []byte, at int) []byte {
	size := int(binary.LittleEndian.Uint32(chunk[at:]))
	return chunk[at+sizeBytes:][:size]
}

// first gives the oldest record.
func (r *ring) first() ([]byte, place) {
	return recordAt(r.chunks[0], r.begin), place(r.number<<placeBits | uint64(r.begin))
}

// drop drops the oldest record.
func (r *ring) drop() {
	b, _ := r.first()
	r.begin += sizeBytes + len(b)
	r.n--
	if r.begin < len(r.chunks[0]) {
		return
	}
	if c := r.chunks[0]; cap(c) == chunkSize {
		r.spare = c
	}
	r.chunks[0] = nil
	r.chunks = r.chunks[1:]
	r.number++
	r.begin = 0
}

// chunkFrom gives the number of the first chunk that has a number of at least
// from; false if there is none.
func (r *ring) chunkFrom(from uint64) (uint64, bool) {
	from = max(from, r.number)
	return from, from < r.number+uint64(len(r.chunks))
}

// inChunk yields the records of a chunk, the oldest first.
func (r *ring) inChunk(number uint64) iter.Seq2[[]byte, place] {
	return func(yield func([]byte, place) bool) {
		c, at := r.chunks[number-r.number], 0
		if number == r.number {
			at = r.begin
		}
		for at < len(c) {
			b := recordAt(c, at)
			if !yield(b, place(number<<placeBits|uint64(at))) {
				return
			}
			at += sizeBytes + len(b)
		}
	}
}
