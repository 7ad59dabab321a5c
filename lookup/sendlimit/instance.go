package sendlimit

import (
	"encoding/binary"
	"slices"
	"time"
)

// rememberInstance is how long it is known what a message was charged.
const rememberInstance = int64(time.Hour / time.Millisecond)

// instance is what a message was charged.
type instance struct {
	at       int64 // milliseconds, later than the last Reset of what it was counted in
	replaced int64 // at of the one whose place it took; 0: none
	era      uint32
	alone    bool // while the other nodes could not be asked
	refused  bool
	posted   postings
	learned  []uint64 // recipients that were new
}

// clear makes i an instance that has posted nothing, and keeps its room.
func (i *instance) clear() {
	*i = instance{posted: postings{b: i.posted.b[:0]}, learned: i.learned[:0]}
}

// posting is what was counted in a counter.
type posting struct {
	subject Subject
	unit    Unit
	window  Window
	bucket  int64
	n       int64
}

// postings are encoded one behind the other, as in the file: most messages are
// charged once, and nobody asks what they have posted. See fact.go.
type postings struct {
	n int
	b []byte
}

// add appends a posting.
func (p *postings) add(x posting) {
	w := writer{p.b}
	w.subject(x.subject)
	w.letter(byte(x.unit))
	w.number(int64(x.window))
	w.number(x.bucket)
	w.number(x.n)
	p.n, p.b = p.n+1, w.b
}

// of gives what was posted in a counter.
func (p *postings) of(s Subject, u Unit, w Window) (bucket, n int64) {
	for r := (scanner{b: p.b}); len(r.b) > 0; {
		kind, name := Kind(r.letter()), r.bytes(r.length(1))
		unit, window := r.counterName()
		bucket, n = r.number(), r.number()
		if unit == u && window == w && kind == s.Kind && string(name) == s.Name {
			return bucket, n
		}
	}
	return 0, 0
}

// all yields each posting.
func (p *postings) all(yield func(posting) bool) {
	for r := (scanner{b: p.b}); len(r.b) > 0 && yield(r.posting()); {
	}
}

func (i *instance) hasLearned(h uint64) bool { return i != nil && slices.Contains(i.learned, h) }

// An encoded instance begins with at, replaced, era, flags, the number of
// postings, and the lengths of the name and the postings, which follow; hashes
// are the rest.
const instanceHead = 8 + 8 + 4 + 1 + 4 + 4 + 4

// encode appends an instance and its name to b.
func (i *instance) encode(b []byte, name string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(i.at))
	b = binary.LittleEndian.AppendUint64(b, uint64(i.replaced))
	b = binary.LittleEndian.AppendUint32(b, i.era)
	w := writer{b}
	w.flags(i.refused, i.alone)
	for _, n := range [...]int{i.posted.n, len(name), len(i.posted.b)} {
		w.b = binary.LittleEndian.AppendUint32(w.b, uint32(n))
	}
	w.b = append(w.b, name...)
	w.b = append(w.b, i.posted.b...)
	for _, h := range i.learned {
		w.b = binary.LittleEndian.AppendUint64(w.b, h)
	}
	return w.b
}

// size is how many bytes encode appends.
func (i *instance) size(name string) int {
	return instanceHead + len(name) + len(i.posted.b) + 8*len(i.learned)
}

// atIn gives the time of an encoded instance, nameIn its name.
func atIn(b []byte) int64    { return int64(binary.LittleEndian.Uint64(b)) }
func nameIn(b []byte) []byte { return b[instanceHead:][:binary.LittleEndian.Uint32(b[25:])] }

// decode makes i what was encoded in b, of which it keeps nothing.
func (i *instance) decode(b []byte) {
	i.clear()
	i.at, i.replaced = atIn(b), int64(binary.LittleEndian.Uint64(b[8:]))
	i.era = binary.LittleEndian.Uint32(b[16:])
	i.refused, i.alone = b[20]&1 != 0, b[20]&2 != 0
	i.posted.n = int(binary.LittleEndian.Uint32(b[21:]))
	rest, posted := b[instanceHead+len(nameIn(b)):], binary.LittleEndian.Uint32(b[29:])
	i.posted.b = append(i.posted.b, rest[:posted]...)
	for rest = rest[posted:]; len(rest) > 0; rest = rest[8:] {
		i.learned = append(i.learned, binary.LittleEndian.Uint64(rest))
	}
}
