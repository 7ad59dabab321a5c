package sendlimit

import (
	"strings"
	"unique"
)

// loader takes over what is in a file.
type loader struct {
	e     *Engine
	self  part     // of the process that wrote the file
	key   [16]byte // of the hashes in it
	nodes int64
	// late says that this process counts already. What the file says of others
	// is added to that, and it is not continued under the name of the one that
	// wrote it.
	late bool
	// last says that nobody writes the file any more.
	last bool
}

// record takes the facts of a record.
func (l *loader) record(content []byte) error {
	r := &scanner{b: content}
	for len(r.b) > 0 && !r.bad {
		l.fact(r)
	}
	if r.bad {
		return errContent
	}
	return nil
}

func (l *loader) fact(r *scanner) {
	switch r.letter() {
	case factMeta:
		l.meta(r)
	case factCounter:
		if s, k := r.counter(l.self); !r.bad {
			l.counter(s, &k)
		}
	case factSeen:
		if s, list := r.subject(), r.hashes(); !r.bad {
			l.seen(s, list, true)
		}
	case factUnseen:
		if s, list := r.subject(), r.hashes(); !r.bad {
			l.seen(s, list, false)
		}
	case factInstance:
		if name, i := r.instance(); !r.bad {
			l.instance(name, i)
		}
	case factSentence:
		if s := r.sentence(); !r.bad && (s.Released || s.holds(l.e.now())) {
			l.e.learnSentence(s)
		}
	default:
		r.fail()
	}
}

func (l *loader) meta(r *scanner) {
	name, key, nodes := r.text(), r.bytes(len(l.key)), r.bounded(0)
	if r.bad {
		return
	}
	l.self, l.nodes = unique.Make(name), nodes
	copy(l.key[:], key)
	if l.late {
		return
	}
	l.e.key = l.key
	l.e.together.nodes.Store(nodes)
	if l.last && strings.HasPrefix(name, partPrefix()) {
		l.e.self = l.self
	}
}

// maxCells bounds what is taken of a counter.
const maxCells = 4096

func (l *loader) counter(s Subject, read *counter) {
	ms := l.e.now()
	read.tidyRead(ms)
	en := l.enter(s, ms, len(read.cells) == 0 && read.reset == 0)
	if en == nil {
		return
	}
	defer en.mu.Unlock()
	k := en.counter(read.unit, read.window)
	k.warned, k.refused = max(k.warned, read.warned), max(k.refused, read.refused)
	k.reset = max(k.reset, read.reset)
	for _, c := range read.cells {
		if len(k.cells) < maxCells && (!l.late || c.part != l.e.self) {
			k.set(c.part, c.bucket, c.n)
		}
	}
	l.e.touch(en, k)
}

// tidyRead drops cells and marks that count no more. Cells of nothing stay: they
// say that there is nothing any more.
func (k *counter) tidyRead(ms int64) {
	list := k.cells[:0]
	for _, c := range k.cells {
		if k.window.holds(c.bucket, ms) {
			list = append(list, c)
		}
	}
	k.cells = list
	if !k.window.holds(k.warned, ms) {
		k.warned = 0
	}
	if !k.window.holds(k.refused, ms) {
		k.refused = 0
	}
}

// enter gives an entry; nil if there is none and nothing to put into it.
func (l *loader) enter(s Subject, ms int64, empty bool) *entry {
	if empty {
		return l.e.table.peek(s)
	}
	en, evicted := l.e.table.enter(s, ms)
	if evicted {
		l.e.stats.evicted.Add(1)
	}
	return en
}

func (l *loader) seen(s Subject, list []uint64, add bool) {
	if l.key != l.e.key {
		return // hashes that nothing can be compared with
	}
	en := l.enter(s, l.e.now(), !add || len(list) == 0)
	if en == nil {
		return
	}
	defer en.mu.Unlock()
	if en.seen == nil {
		en.seen = new(seen)
	}
	if add {
		en.seen.add(l.e.s.MaxRemembered, list...)
	} else {
		en.seen.remove(list...)
	}
}

// instance takes over what a message was charged. If this process has charged it
// too, not knowing of that, it is taken back.
func (l *loader) instance(name string, i *instance) {
	ms := l.e.now()
	var mine instance
	known := l.e.instances.get(name, ms, &mine)
	switch {
	case i.at+rememberInstance <= ms:
	case !l.late || !known:
		l.e.instances.put(name, i)
	case l.last && mine.at != i.at && mine.replaced != i.at:
		l.takeBack(i)
	}
}

func (l *loader) takeBack(i *instance) {
	for p := range i.posted.all {
		if en := l.e.table.peek(p.subject); en != nil {
			if k := en.find(p.unit, p.window); k != nil {
				k.add(l.e.self, p.bucket, -p.n)
				l.e.touch(en, k)
			}
			en.mu.Unlock()
		}
	}
}
