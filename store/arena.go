package store

import (
	"encoding/binary"
	"hash/maphash"
	"unsafe"
)

// ref names a record in an arena: its offset in units of four bytes. 0 is no
// record. 32 bits reach 16 GiB.
type ref uint32

const (
	chunkBytes = 256 << 10
	maxText    = 1<<13 - 1 // bytes of one text: what the length has bits for
)

// arena is append-only memory in chunks that are never copied or moved, so it
// grows without a pause, and holds no pointers for the collector to follow.
// A record is: head (fixed size), length (2 bytes, of which the three highest
// bits are facts about a symbol), text, padding to 4 bytes.
type arena struct {
	head   int // bytes before the length
	chunks [][]byte
	free   int // bytes used in the last chunk
}

func (a *arena) add(s string) ref {
	need := (a.head + 2 + len(s) + 3) &^ 3
	if len(a.chunks) == 0 || a.free+need > chunkBytes {
		a.chunks = append(a.chunks, make([]byte, chunkBytes))
		a.free = 0
		if len(a.chunks) == 1 {
			a.free = 4 // so that no record is ref 0
		}
	}
	c := a.chunks[len(a.chunks)-1]
	at := a.free
	binary.LittleEndian.PutUint16(c[at+a.head:], uint16(len(s)))
	copy(c[at+a.head+2:], s)
	a.free += need
	return ref(((len(a.chunks)-1)*chunkBytes + at) / 4)
}

func (a *arena) record(r ref) []byte {
	off := uint64(r) * 4
	return a.chunks[off/chunkBytes][off%chunkBytes:]
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

// facts are what Build finds out about a symbol, to spare requests the way
// through the rows.
type facts uint16

const (
	onlyItself facts = 1 << (13 + iota) // see Address.OnlyItself
	ownSender                           // see Address.OwnSender
)

func (y *symbols) facts(r ref) facts {
	if r == 0 {
		return 0
	}
	return facts(binary.LittleEndian.Uint16(y.record(r)[y.head:])) &^ maxText
}

func (y *symbols) addFacts(r ref, f facts) {
	b := y.record(r)[y.head:]
	binary.LittleEndian.PutUint16(b, binary.LittleEndian.Uint16(b)|uint16(f))
}

// list names the lists of rows that a symbol begins.
type list int

const (
	aliasList   list = iota // aliasRow by address
	mailboxList             // mailboxRow by address
	emailList               // accountRow by e-mail address
	loginList               // accountRow by user name
	senderList              // senderRow by address
	lists
)

// symbols holds each address once and finds it by its text.
type symbols struct {
	arena
	seed  maphash.Seed
	index index
}

func newSymbols() symbols {
	return symbols{arena: arena{head: int(lists) * 4}, seed: maphash.MakeSeed()}
}

// find returns the symbol of s, or 0.
func (y *symbols) find(s string) ref {
	h := maphash.String(y.seed, s)
	return y.look(y.index.shard(h), tag(h), s)
}

func (y *symbols) look(sh *shard, tag uint32, s string) ref {
	if sh.n == 0 {
		return 0
	}
	for i := sh.first(tag); sh.slots[i] != 0; i = sh.after(i) {
		slot := sh.slots[i]
		if uint32(slot>>32) == tag && y.text(ref(slot)) == s {
			return ref(slot)
		}
	}
	return 0
}

// intern returns the symbol of s and makes it if need be. The empty string is
// symbol 0.
func (y *symbols) intern(s string) ref {
	if s == "" {
		return 0
	}
	h := maphash.String(y.seed, s)
	sh := y.index.shard(h)
	r := y.look(sh, tag(h), s)
	if r == 0 {
		r = y.add(s)
		sh.insert(tag(h), uint32(r))
	}
	return r
}

// first returns the first row, plus one, of a list of symbol r; 0 is none.
func (y *symbols) first(r ref, l list) uint32 {
	if r == 0 {
		return 0
	}
	return binary.LittleEndian.Uint32(y.record(r)[l*4:])
}

func (y *symbols) setFirst(r ref, l list, row uint32) {
	binary.LittleEndian.PutUint32(y.record(r)[l*4:], row)
}

// blobs holds texts that are never looked up (password hashes).
type blobs struct{ arena }

func (b *blobs) put(s string) ref {
	if s == "" {
		return 0
	}
	return b.add(s)
}
