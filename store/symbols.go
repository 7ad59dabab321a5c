package store

import (
	"encoding/binary"
	"hash/maphash"
)

// facts are what Build finds out about a symbol, to spare requests the way
// through the rows.
type facts uint16

const (
	onlyItself facts = 1 << (13 + iota) // see Address.OnlyItself
	ownSender                           // see Address.OwnSender
	onlyDomain                          // see Address.OnlyDomain
)

// list names the lists of rows that a symbol begins.
type list int

const (
	aliasList   list = iota // aliasRow by address, in order of id
	mailboxList             // mailboxRow by address, the one to serve first
	emailList               // accountRow by e-mail address, in order of id
	loginList               // accountRow by user name, the one to serve first
	senderList              // senderRow by address, in order of id
	nameList                // nameRow: what bears the name, see nameRow
	usageList               // usageRow by user name, the one to serve first
	lists
)

// symbols holds each address, name and pattern once and finds it by its text.
type symbols struct {
	arena
	seed  maphash.Seed
	index index
	last  ref // what intern returned last; for a Builder alone
}

func newSymbols() symbols {
	return symbols{arena: arena{head: int(lists) * 4}, seed: maphash.MakeSeed()}
}

// find returns the symbol of s, or 0.
func (y *symbols) find(s string) ref { return y.look(maphash.String(y.seed, s), s) }

func (y *symbols) look(h uint64, s string) ref {
	if y.index.shards == nil {
		return 0
	}
	sh, tag := &y.index.shards[shardOf(h)], tag(h)
	slots := sh.slots()
	if len(slots) == 0 {
		return 0
	}
	for i := sh.first(tag); slots[i] != 0; i = sh.after(i) {
		slot := slots[i]
		if uint32(slot>>32) == tag && y.text(ref(slot)) == s {
			return ref(slot)
		}
	}
	return 0
}

// intern returns the symbol of s and makes it if need be. The empty string is
// symbol 0.
//
// The tables of a database name the same addresses in about the same order, so
// what is asked for is most often the symbol of the time before or the one that
// was made after it: to look there spares the way through memory that hashing
// scatters requests over, which is a fifth of the time of a load.
func (y *symbols) intern(s string) ref {
	if s == "" {
		return 0
	}
	if y.last != 0 {
		if y.text(y.last) == s {
			return y.last
		}
		if r := y.after(y.last); r != 0 && y.text(r) == s {
			y.last = r
			return r
		}
	}
	h := maphash.String(y.seed, s)
	r := y.look(h, s)
	if r == 0 {
		r = y.add(s)
		y.index.insert(h, uint32(r))
	}
	y.last = r
	return r
}

// after returns the symbol that was made after r, 0 if there is none.
func (y *symbols) after(r ref) ref {
	return y.from(int(r)*4 + (y.head+2+len(y.text(r))+3)&^3)
}

// from returns the first symbol that begins at an offset, in bytes, or beyond; 0
// if there is none. No symbol is empty, so an empty text is where a chunk has no
// more.
func (y *symbols) from(at int) ref {
	for at/chunkBytes < len(y.chunks) {
		end := (at/chunkBytes + 1) * chunkBytes
		if at+y.head+2 < end && binary.LittleEndian.Uint16(y.record(ref(at / 4))[y.head:])&maxText != 0 {
			return ref(at / 4)
		}
		at = end
	}
	return 0
}

// first returns the first row, plus one, of a list of symbol r; 0 is none.
func (y *symbols) first(r ref, l list) uint32 {
	if r == 0 {
		return 0
	}
	return binary.LittleEndian.Uint32(y.record(r)[l*4:])
}

func (y *symbols) setFirst(r ref, l list, row uint32) {
	binary.LittleEndian.PutUint32(y.edit(r)[l*4:], row)
}

func (y *symbols) facts(r ref) facts {
	if r == 0 {
		return 0
	}
	return facts(binary.LittleEndian.Uint16(y.record(r)[y.head:])) &^ maxText
}

// setFacts replaces the facts of a symbol; it writes only what differs, so
// that an edit copies no chunk for nothing.
func (y *symbols) setFacts(r ref, f facts) {
	if y.facts(r) == f {
		return
	}
	b := y.edit(r)[y.head:]
	binary.LittleEndian.PutUint16(b, binary.LittleEndian.Uint16(b)&maxText|uint16(f))
}
