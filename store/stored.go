package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// A stored snapshot is the columns as they are in memory:
//
//	magic            16 bytes
//	length of head   4 bytes, little-endian
//	head             JSON, see storedHead
//	columns          in the order of base.sections, whole chunks
//	checksums        CRC-32C of each block of chunks, 4 bytes, little-endian
//	checksum         CRC-32C of all but the columns, 4 bytes, little-endian
//
// A block is up to blockChunks chunks of one column: blocks are read on all
// processors at once, since most of the time goes into memory that is touched
// for the first time.
//
// The layout string in the head names the sizes of all rows: a file of a
// program with other rows is refused, and the database read instead. Indexes
// are not stored: hashes are seeded anew in each process.
const (
	storedMagic = "vmapd snapshot 5"
	blockChunks = 64
)

type storedHead struct {
	Layout   string              `json:"layout"`
	Origin   string              `json:"origin"`
	Schema   string              `json:"schema"`
	Position Position            `json:"position"`
	Loaded   time.Time           `json:"loaded"`
	Checked  time.Time           `json:"checked"`
	Sections []storedSection     `json:"sections"`
	Here     []int               `json:"here"`
	Problems []Problem           `json:"problems"`
	Totals   map[ProblemKind]int `json:"totals"`
}

type storedSection struct {
	Chunks int `json:"chunks"`
	Used   int `json:"used"` // rows, or bytes of the last chunk
}

// DamagedError says why a stored snapshot cannot be used. The data is in the
// database still; the file is replaced after the next load.
type DamagedError struct{ Reason string }

// Error returns one clause.
func (e *DamagedError) Error() string { return "the stored snapshot " + e.Reason }

func damaged(format string, args ...any) error {
	return &DamagedError{fmt.Sprintf(format, args...)}
}

// section is a column or an arena as the file sees it.
type section interface {
	stored() storedSection
	// prepare makes room for chunks that are read later. It refuses what cannot
	// be.
	prepare(s storedSection) error
	// chunk returns the bytes of a chunk.
	chunk(i int) []byte
	chunkSize() int
}

// sections lists everything that is stored.
func (b *base) sections() []section {
	return []section{
		&b.symbols.arena, &b.texts.arena,
		&b.domains, &b.domainAliases, &b.accounts, &b.mailboxes, &b.aliases, &b.senders, &b.operations,
		&b.signingKeys, &b.dkim,
		&b.routes[0], &b.routes[1], &b.routes[2], &b.recipients, &b.usage, &b.names,
	}
}

// counters lists the numbers of rows that are here.
func (b *base) counters() []*int {
	return []*int{
		&b.domains.here, &b.domainAliases.here, &b.accounts.here, &b.mailboxes.here, &b.aliases.here, &b.senders.here,
		&b.operations.here, &b.signingKeys.here, &b.routes[0].here, &b.routes[1].here, &b.routes[2].here, &b.received, &b.placed,
	}
}

// layout names what must be the same in the program that reads.
func layout() string {
	var order [2]byte
	binary.NativeEndian.PutUint16(order[:], 1)
	var l strings.Builder
	fmt.Fprintf(&l, "%d lists, %d rows, %d bytes, order %d:", lists, chunkRows, chunkBytes, order[0])
	for _, s := range new(base).sections() {
		fmt.Fprint(&l, " ", s.chunkSize())
	}
	return l.String()
}

// writeTo writes a snapshot that was last known to be true at checked, and
// stands at position.
func (s *Snapshot) writeTo(w io.Writer, origin string, position Position, checked time.Time, giveWay func()) error {
	head := storedHead{
		Layout: layout(), Origin: origin, Schema: s.schema, Position: position, Loaded: s.loaded, Checked: checked,
		Problems: s.problems, Totals: s.problemTotals,
	}
	b := *s.base
	for _, sec := range b.sections() {
		head.Sections = append(head.Sections, sec.stored())
	}
	for _, n := range b.counters() {
		head.Here = append(head.Here, *n)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	start := binary.LittleEndian.AppendUint32([]byte(storedMagic), uint32(len(text)))
	start = append(start, text...)
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := out.Write(start); err != nil {
		return err
	}
	var sums []byte
	for n, block := range blocks(b.sections(), head.Sections) {
		sum := uint32(0)
		for i := block.from; i < block.to; i++ {
			chunk := block.in.chunk(i)
			sum = crc32.Update(sum, castagnoli(), chunk)
			if _, err := out.Write(chunk); err != nil {
				return err
			}
		}
		sums = binary.LittleEndian.AppendUint32(sums, sum)
		if n%2 == 1 {
			giveWay()
		}
	}
	sums = binary.LittleEndian.AppendUint32(sums, crc32.Update(crc32.Checksum(start, castagnoli()), castagnoli(), sums))
	if _, err := out.Write(sums); err != nil {
		return err
	}
	return out.Flush()
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once

// block is a part of a column that has a checksum of its own.
type block struct {
	in       section
	from, to int   // chunks
	at       int64 // where it begins in the columns
}

// blocks cuts columns into blocks, in the order of the file.
func blocks(sections []section, sizes []storedSection) []block {
	var list []block
	at := int64(0)
	for i, sec := range sections {
		for from := 0; from < sizes[i].Chunks; from += blockChunks {
			to := min(from+blockChunks, sizes[i].Chunks)
			list = append(list, block{sec, from, to, at})
			at += int64(to-from) * int64(sec.chunkSize())
		}
	}
	return list
}

// readSnapshot reads what writeTo wrote: size bytes. The error is a
// *DamagedError, or that of the reader.
func readSnapshot(r io.ReaderAt, size int64, origin string) (*Snapshot, *storedHead, error) {
	b, head, err := readColumns(r, size, origin)
	if err != nil {
		return nil, nil, err
	}
	b.reindex()
	b.compact = b.size()
	s := &Snapshot{base: b, schema: head.Schema, position: head.Position, loaded: head.Loaded, problems: head.Problems, problemTotals: head.Totals}
	return s, head, nil
}

// readColumns reads a file and checks it.
func readColumns(r io.ReaderAt, size int64, origin string) (*base, *storedHead, error) {
	head, start, err := readHead(r, size)
	if err != nil {
		return nil, nil, short(err)
	}
	b := &base{symbols: newSymbols(), keys: new(keysMark)}
	sections := b.sections()
	memory, words := new(slabs), 0
	for i, sec := range sections {
		words += head.Sections[i].Chunks * ((sec.chunkSize() + 7) / 8)
	}
	memory.reserve(words)
	b.takeFrom(memory)
	for i, sec := range sections {
		if err := sec.prepare(head.Sections[i]); err != nil {
			return nil, nil, err
		}
	}
	b.takeFrom(nil)
	list := blocks(sections, head.Sections)
	sums := make([]byte, 4*len(list)+4)
	if _, err := r.ReadAt(sums, size-int64(len(sums))); err != nil {
		return nil, nil, short(err)
	}
	own := sums[:len(sums)-4]
	if crc32.Update(crc32.Checksum(start, castagnoli()), castagnoli(), own) != binary.LittleEndian.Uint32(sums[len(own):]) {
		return nil, nil, damaged("is damaged: its checksum is wrong")
	}
	if head.Origin != origin {
		return nil, nil, damaged("is of another database (%s)", head.Origin)
	}
	if err := readBlocks(r, int64(len(start)), list, sums); err != nil {
		return nil, nil, short(err)
	}
	for i, n := range b.counters() {
		*n = head.Here[i]
	}
	return b, head, nil
}

// readBlocks fills the columns on all processors.
func readBlocks(r io.ReaderAt, begin int64, list []block, sums []byte) error {
	n := workers()
	errs := make([]error, n)
	var next atomic.Int64
	parallel(n, func(w int) {
		for errs[w] == nil {
			i := int(next.Add(1)) - 1
			if i >= len(list) {
				return
			}
			errs[w] = list[i].read(r, begin, binary.LittleEndian.Uint32(sums[4*i:]))
		}
	})
	return errors.Join(errs...)
}

func (k *block) read(r io.ReaderAt, begin int64, want uint32) error {
	sum, at := uint32(0), begin+k.at
	for i := k.from; i < k.to; i++ {
		chunk := k.in.chunk(i)
		if _, err := r.ReadAt(chunk, at); err != nil {
			return err
		}
		sum = crc32.Update(sum, castagnoli(), chunk)
		at += int64(len(chunk))
	}
	if sum != want {
		return damaged("is damaged: its checksum is wrong")
	}
	return nil
}

// short tells a file that ends too soon from one that cannot be read.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("is truncated")
	}
	return err
}

// readHead reads the head, and returns the bytes up to its end too. It makes
// sure that the file has the length that it promises, so that a damaged one
// cannot ask for memory.
func readHead(r io.ReaderAt, size int64) (*storedHead, []byte, error) {
	start := make([]byte, len(storedMagic)+4)
	if _, err := r.ReadAt(start, 0); err != nil {
		return nil, nil, err
	}
	if !bytes.HasPrefix(start, []byte(storedMagic)) {
		return nil, nil, damaged("is no snapshot of this version of vmapd")
	}
	n := binary.LittleEndian.Uint32(start[len(storedMagic):])
	if int64(n) > size {
		return nil, nil, damaged("is damaged: its head is longer than the file")
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, int64(len(start))); err != nil {
		return nil, nil, err
	}
	head := new(storedHead)
	if err := json.Unmarshal(text, head); err != nil {
		return nil, nil, damaged("is damaged: its head cannot be read")
	}
	start = append(start, text...)
	return head, start, head.check(int64(len(start)), size)
}

// check compares the head with the program and with the size of the file.
func (h *storedHead) check(start, size int64) error {
	b := new(base)
	sections := b.sections()
	if h.Layout != layout() || len(h.Sections) != len(sections) || len(h.Here) != len(b.counters()) {
		return damaged("was written by another version of vmapd")
	}
	total := start + 4
	for i, sec := range sections {
		c := h.Sections[i]
		if c.Chunks < 0 || c.Used < 0 || int64(c.Chunks) > size/int64(sec.chunkSize()) {
			return damaged("is damaged: its head makes no sense")
		}
		total += int64(c.Chunks)*int64(sec.chunkSize()) + 4*int64((c.Chunks+blockChunks-1)/blockChunks)
	}
	switch {
	case total > size:
		return damaged("is truncated: %d bytes of %d", size, total)
	case total < size:
		return damaged("is damaged: %d bytes too long", size-total)
	}
	return nil
}

// chunksOf returns n chunks.
func chunksOf[T any](memory *slabs, n int) []*T {
	chunks := make([]*T, n)
	for i := range chunks {
		chunks[i] = chunkOf[T](memory)
	}
	return chunks
}

// raw gives the bytes of a chunk.
func raw[T any](chunk *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(chunk)), unsafe.Sizeof(*chunk))
}

func (c *column[T]) chunkSize() int        { return int(unsafe.Sizeof([chunkRows]T{})) }
func (c *column[T]) stored() storedSection { return storedSection{len(c.chunks), c.n} }

func (c *column[T]) prepare(s storedSection) error {
	if s.Used > s.Chunks*chunkRows || s.Used <= (s.Chunks-1)*chunkRows {
		return damaged("is damaged: its head makes no sense")
	}
	c.n, c.chunks = s.Used, chunksOf[[chunkRows]T](c.shared.from, s.Chunks)
	return nil
}

func (c *column[T]) chunk(i int) []byte { return raw(c.chunks[i]) }

func (a *arena) chunkSize() int        { return chunkBytes }
func (a *arena) stored() storedSection { return storedSection{len(a.chunks), a.free} }

func (a *arena) prepare(s storedSection) error {
	if s.Used > chunkBytes {
		return damaged("is damaged: its head makes no sense")
	}
	a.free, a.chunks = s.Used, chunksOf[[chunkBytes]byte](a.shared.from, s.Chunks)
	return nil
}

func (a *arena) chunk(i int) []byte { return a.chunks[i][:] }
