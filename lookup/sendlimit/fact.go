package sendlimit

import (
	"encoding/binary"
	"slices"
	"time"
	"unique"
)

// Facts, each with a letter before it. Numbers are varints, texts have their
// length before them. A fact about a counter says what cells hold, not what was
// added: so reading one twice does no harm, and what was read is right once all
// was, whatever else happened while it was written.
const (
	factMeta     = 'm' // this process; the key of hashes; how many nodes there are
	factCounter  = 'c' // subject, unit, window, warned, refused, reset, cells
	factSeen     = 's' // subject, hashes
	factUnseen   = 'f' // subject, hashes that are forgotten
	factInstance = 'i' // name, at, whether it was refused, postings, hashes
	factSentence = 'u' // subject, when, since, until, flags, why
)

// writer makes records.
type writer struct{ b []byte }

func newWriter(b []byte) *writer { return &writer{append(b[:0], make([]byte, frameHead)...)} }

// restart makes w a writer of another record.
func (w *writer) restart() { w.b = append(w.b[:0], make([]byte, frameHead)...) }

func (w *writer) number(n int64)    { w.b = binary.AppendVarint(w.b, n) }
func (w *writer) text(s string)     { w.number(int64(len(s))); w.b = append(w.b, s...) }
func (w *writer) letter(c byte)     { w.b = append(w.b, c) }
func (w *writer) subject(s Subject) { w.letter(byte(s.Kind)); w.text(s.Name) }

func (w *writer) flags(list ...bool) {
	var c byte
	for i, f := range list {
		if f {
			c |= 1 << i
		}
	}
	w.letter(c)
}

func (w *writer) hashes(list []uint64) {
	w.number(int64(len(list)))
	for _, h := range list {
		w.b = binary.LittleEndian.AppendUint64(w.b, h)
	}
}

func (w *writer) meta(self part, key [16]byte, nodes int64) {
	w.letter(factMeta)
	w.text(self.Value())
	w.b = append(w.b, key[:]...)
	w.number(nodes)
}

// counter writes cells of a counter. Those of self, which the meta fact names,
// go without a name.
func (w *writer) counter(s Subject, k *counter, self part, cells ...cell) {
	w.letter(factCounter)
	w.subject(s)
	w.letter(byte(k.unit))
	w.number(int64(k.window))
	w.number(k.warned)
	w.number(k.refused)
	w.number(k.reset)
	w.number(int64(len(cells)))
	for _, c := range cells {
		name := ""
		if c.part != self {
			name = c.part.Value()
		}
		w.text(name)
		w.number(c.bucket)
		w.number(c.n)
	}
}

func (w *writer) seen(letter byte, s Subject, list []uint64) {
	w.letter(letter)
	w.subject(s)
	w.hashes(list)
}

func (w *writer) instance(name string, i *instance) {
	w.letter(factInstance)
	w.text(name)
	w.number(i.at)
	w.flags(i.refused)
	w.number(int64(i.posted.n))
	w.b = append(w.b, i.posted.b...)
	w.hashes(i.learned)
}

func (w *writer) sentence(s *Sentence) {
	w.letter(factSentence)
	w.subject(s.Subject)
	w.number(s.At)
	w.number(millis(s.Since))
	w.number(millis(s.Until))
	w.flags(s.Auto, s.Released)
	w.text(s.Why)
}

// millis is 0 for the zero time, and back.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// scanner reads facts. After bad, all it gives is zero.
type scanner struct {
	b   []byte
	bad bool
}

func (r *scanner) fail() { r.b, r.bad = nil, true }

func (r *scanner) letter() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *scanner) number() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// length reads how many things of at least so many bytes follow.
func (r *scanner) length(each int) int {
	n := r.number()
	if n < 0 || n > int64(len(r.b)/each) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *scanner) bytes(n int) []byte {
	if n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *scanner) text() string     { return string(r.bytes(r.length(1))) }
func (r *scanner) subject() Subject { return Subject{Kind(r.letter()), r.text()} }

func (r *scanner) hashes() []uint64 {
	n := r.length(8)
	list := make([]uint64, 0, n)
	for range n {
		list = append(list, binary.LittleEndian.Uint64(r.bytes(8)))
	}
	return list
}

// counterName reads a unit and a window.
func (r *scanner) counterName() (u Unit, w Window) {
	u, w = Unit(r.letter()), Window(r.number())
	if u >= unitCount || !w.Valid() {
		r.fail()
	}
	return u, w
}

// maxStored bounds numbers that are read: sums of them do not overflow.
const maxStored = 1 << 50

func (r *scanner) bounded(least int64) int64 {
	n := r.number()
	if n < least || n > maxStored {
		r.fail()
		return 0
	}
	return n
}

func (r *scanner) counter(self part) (s Subject, k counter) {
	s = r.subject()
	k.unit, k.window = r.counterName()
	k.warned, k.refused, k.reset = r.bounded(0), r.bounded(0), r.bounded(0)
	for range r.length(3) {
		c := cell{part: self}
		if name := r.text(); name != "" {
			c.part = unique.Make(name)
		}
		c.bucket, c.n = r.bounded(0), r.bounded(-maxStored)
		if r.bad {
			break
		}
		k.cells = append(k.cells, c)
	}
	return s, k
}

func (r *scanner) instance() (name string, i *instance) {
	name, i = r.text(), &instance{at: r.bounded(0), refused: r.letter()&1 != 0}
	n, posted := r.length(6), r.b
	for range n {
		if r.posting(); r.bad {
			return name, i
		}
	}
	i.posted = postings{n, slices.Clone(posted[:len(posted)-len(r.b)])}
	i.learned = r.hashes()
	return name, i
}

func (r *scanner) posting() (p posting) {
	p.subject = r.subject()
	p.unit, p.window = r.counterName()
	p.bucket, p.n = r.bounded(0), r.bounded(0)
	return p
}

func (r *scanner) sentence() *Sentence {
	s := &Sentence{Suspension: Suspension{Subject: r.subject()}, At: r.bounded(0)}
	s.Since, s.Until = fromMillis(r.bounded(0)), fromMillis(r.bounded(0))
	flags := r.letter()
	s.Auto, s.Released = flags&1 != 0, flags&2 != 0
	s.Why = r.text()
	return s
}
