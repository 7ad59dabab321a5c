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
	"time"
	"unsafe"
)

// A stored snapshot is the columns as they are in memory:
//
//	magic            16 bytes
//	length of head   4 bytes, little-endian
//	head             JSON, see storedHead
//	columns          in the order of base.sections, whole chunks
//	checksum         CRC-32C of all before it, 4 bytes, little-endian
//
// The layout string in the head names the sizes of all rows: a file of a
// program with other rows is refused, and the database read instead. Indexes
// are not stored: hashes are seeded anew in each process.
const storedMagic = "vmapd snapshot 1"

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
	// write writes the chunks.
	write(w io.Writer) error
	// read makes the chunks and fills them.
	read(r io.Reader, s storedSection) error
	chunkSize() int
}

// sections lists everything that is stored.
func (b *base) sections() []section {
	return []section{
		&b.symbols.arena, &b.texts.arena,
		&b.domains, &b.domainAliases, &b.accounts, &b.mailboxes, &b.aliases, &b.senders, &b.operations,
		&b.routes[0], &b.routes[1], &b.routes[2], &b.recipients, &b.usage, &b.names,
	}
}

// counters lists the numbers of rows that are here.
func (b *base) counters() []*int {
	return []*int{&b.domains.here, &b.domainAliases.here, &b.accounts.here, &b.mailboxes.here, &b.aliases.here, &b.senders.here,
		&b.operations.here, &b.routes[0].here, &b.routes[1].here, &b.routes[2].here, &b.received, &b.placed}
}

// layout names what must be the same in the program that reads.
func layout() string {
	var order [2]byte
	binary.NativeEndian.PutUint16(order[:], 1)
	l := fmt.Sprintf("%d lists, %d rows, %d bytes, order %d:", lists, chunkRows, chunkBytes, order[0])
	for _, s := range new(base).sections() {
		l += fmt.Sprint(" ", s.chunkSize())
	}
	return l
}

// writeTo writes a snapshot that was last known to be true at checked, and
// stands at position.
func (s *Snapshot) writeTo(w io.Writer, origin string, position Position, checked time.Time, giveWay func()) error {
	head := storedHead{Layout: layout(), Origin: origin, Schema: s.schema, Position: position, Loaded: s.loaded, Checked: checked,
		Problems: s.problems, Totals: s.problemTotals}
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
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	buffered := bufio.NewWriterSize(w, 1<<20)
	out := io.MultiWriter(buffered, sum)
	start := binary.LittleEndian.AppendUint32([]byte(storedMagic), uint32(len(text)))
	if _, err := out.Write(append(start, text...)); err != nil {
		return err
	}
	paced := &pacedWriter{w: out, giveWay: giveWay}
	for _, sec := range b.sections() {
		if err := sec.write(paced); err != nil {
			return err
		}
	}
	if err := binary.Write(buffered, binary.LittleEndian, sum.Sum32()); err != nil {
		return err
	}
	return buffered.Flush()
}

// pacedWriter gives way now and then: clients must not feel that a snapshot is
// written.
type pacedWriter struct {
	w       io.Writer
	n       int
	giveWay func()
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	if p.n += len(b); p.n > 512<<10 {
		p.n = 0
		p.giveWay()
	}
	return p.w.Write(b)
}

// readSnapshot reads what writeTo wrote: size bytes. The error is a
// *DamagedError, or that of the reader.
func readSnapshot(r io.Reader, size int64, origin string) (*Snapshot, *storedHead, error) {
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
func readColumns(r io.Reader, size int64, origin string) (*base, *storedHead, error) {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	in := io.TeeReader(bufio.NewReaderSize(r, 1<<20), sum)
	head, err := readHead(in, size)
	if err != nil {
		return nil, nil, short(err)
	}
	if head.Origin != origin {
		return nil, nil, damaged("is of another database (%s)", head.Origin)
	}
	b := &base{symbols: newSymbols()}
	for i, sec := range b.sections() {
		if err := sec.read(in, head.Sections[i]); err != nil {
			return nil, nil, short(err)
		}
	}
	want := sum.Sum32()
	var got uint32
	if err := binary.Read(in, binary.LittleEndian, &got); err != nil {
		return nil, nil, short(err)
	}
	if got != want {
		return nil, nil, damaged("is damaged: its checksum is wrong")
	}
	for i, n := range b.counters() {
		*n = head.Here[i]
	}
	return b, head, nil
}

// short tells a file that ends too soon from one that cannot be read.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("is truncated")
	}
	return err
}

// readHead reads the head and makes sure that the file has the length that it
// promises, so that a damaged one cannot ask for memory.
func readHead(in io.Reader, size int64) (*storedHead, error) {
	start := make([]byte, len(storedMagic)+4)
	if _, err := io.ReadFull(in, start); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(start, []byte(storedMagic)) {
		return nil, damaged("is no snapshot of this version of vmapd")
	}
	n := binary.LittleEndian.Uint32(start[len(storedMagic):])
	if int64(n) > size {
		return nil, damaged("is damaged: its head is longer than the file")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(in, text); err != nil {
		return nil, err
	}
	head := new(storedHead)
	if err := json.Unmarshal(text, head); err != nil {
		return nil, damaged("is damaged: its head cannot be read")
	}
	b := new(base)
	sections := b.sections()
	if head.Layout != layout() || len(head.Sections) != len(sections) || len(head.Here) != len(b.counters()) {
		return nil, damaged("was written by another version of vmapd")
	}
	total := int64(len(start)) + int64(n) + 4
	for i, sec := range sections {
		c := head.Sections[i]
		if c.Chunks < 0 || c.Used < 0 || int64(c.Chunks) > size/int64(sec.chunkSize()) {
			return nil, damaged("is damaged: its head makes no sense")
		}
		total += int64(c.Chunks) * int64(sec.chunkSize())
	}
	switch {
	case total > size:
		return nil, damaged("is truncated: %d bytes of %d", size, total)
	case total < size:
		return nil, damaged("is damaged: %d bytes too long", size-total)
	}
	return head, nil
}

// raw gives the bytes of a chunk.
func raw[T any](chunk *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(chunk)), unsafe.Sizeof(*chunk))
}

func (c *column[T]) chunkSize() int        { return int(unsafe.Sizeof([chunkRows]T{})) }
func (c *column[T]) stored() storedSection { return storedSection{len(c.chunks), c.n} }

func (c *column[T]) write(w io.Writer) error {
	for _, chunk := range c.chunks {
		if _, err := w.Write(raw(chunk)); err != nil {
			return err
		}
	}
	return nil
}

func (c *column[T]) read(r io.Reader, s storedSection) error {
	if s.Used > s.Chunks*chunkRows || s.Used <= (s.Chunks-1)*chunkRows {
		return damaged("is damaged: its head makes no sense")
	}
	c.n = s.Used
	c.chunks = make([]*[chunkRows]T, s.Chunks)
	for i := range c.chunks {
		c.chunks[i] = new([chunkRows]T)
		if _, err := io.ReadFull(r, raw(c.chunks[i])); err != nil {
			return err
		}
	}
	return nil
}

func (a *arena) chunkSize() int        { return chunkBytes }
func (a *arena) stored() storedSection { return storedSection{len(a.chunks), a.free} }

func (a *arena) write(w io.Writer) error {
	for _, chunk := range a.chunks {
		if _, err := w.Write(chunk[:]); err != nil {
			return err
		}
	}
	return nil
}

func (a *arena) read(r io.Reader, s storedSection) error {
	if s.Used > chunkBytes {
		return damaged("is damaged: its head makes no sense")
	}
	a.free = s.Used
	a.chunks = make([]*[chunkBytes]byte, s.Chunks)
	for i := range a.chunks {
		a.chunks[i] = new([chunkBytes]byte)
		if _, err := io.ReadFull(r, a.chunks[i][:]); err != nil {
			return err
		}
	}
	return nil
}
