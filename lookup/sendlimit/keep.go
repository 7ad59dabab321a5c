package sendlimit

import (
	"bufio"
	"io"
	"slices"
)

// keep writes what a charge has changed: its entries are locked.
func (e *Engine) keep(o *order, i *instance) {
	if e.journal == nil {
		return
	}
	w := &o.record
	w.restart()
	for k := range o.lines {
		l := &o.lines[k]
		if l.again {
			continue
		}
		bucket := l.limit.Window.at(o.ms)
		o.cells = append(o.cells[:0], cell{e.self, bucket, l.counter.get(e.self, bucket)})
		if l.old != 0 && l.oldAt != bucket {
			o.cells = append(o.cells, cell{e.self, l.oldAt, l.counter.get(e.self, l.oldAt)})
		}
		w.counter(l.entry.subject, l.counter, e.self, o.cells...)
	}
	if o.account != nil {
		if o.prior != nil && len(o.prior.learned) > 0 {
			w.seen(factUnseen, o.account.subject, o.prior.learned)
		}
		if len(o.fresh) > 0 {
			w.seen(factSeen, o.account.subject, o.fresh)
		}
	}
	if o.Instance != "" {
		w.instance(o.Instance, i)
	}
	o.ticket = e.journal.put(seal(w.b))
}

// keepRefusal writes that a message was refused: no count depends on that, but
// who is suspended may. The entry is locked.
func (e *Engine) keepRefusal(o *order, en *entry, k *counter, i *instance) {
	if e.journal == nil {
		return
	}
	w := &o.record
	w.restart()
	w.counter(en.subject, k, e.self)
	if k := en.find(refusals, Window(e.s.Suspend.Within).clean()); k != nil {
		w.counter(en.subject, k, e.self, k.of(e.self)...)
	}
	if o.Instance != "" {
		w.instance(o.Instance, i)
	}
	o.ticket = e.journal.put(seal(w.b))
}

// of gives the cells of a part.
func (k *counter) of(p part) []cell {
	return slices.DeleteFunc(slices.Clone(k.cells), func(c cell) bool { return c.part != p })
}

func (e *Engine) keepSentence(s *Sentence) ticket {
	if e.journal == nil {
		return 0
	}
	w := newWriter(nil)
	w.sentence(s)
	return e.journal.put(seal(w.b))
}

// keepEntry writes all counters of an entry, which is locked.
func (e *Engine) keepEntry(en *entry) ticket {
	if e.journal == nil {
		return 0
	}
	w := newWriter(nil)
	for _, k := range en.counters {
		w.counter(en.subject, k, e.self, k.cells...)
	}
	return e.journal.put(seal(w.b))
}

// rewrite makes a new file of all that is known.
func (e *Engine) rewrite() { e.journal.report(e.journal.replace(e.writeAll)) }

// writeAll writes the magic and facts of everything.
func (e *Engine) writeAll(out io.Writer) error {
	b := bufio.NewWriterSize(out, 1<<16)
	_, _ = b.WriteString(fileMagic) // Flush says what went wrong
	w := newWriter(nil)
	flush := func() {
		if len(w.b) > frameHead {
			_, _ = b.Write(seal(w.b))
		}
		w.restart()
	}
	w.meta(e.self, e.key, e.nodesKnown())
	flush()
	e.table.each(func(en *entry) { e.writeEntry(w, en); flush() })
	e.instances.each(func(name string, i *instance) { w.instance(name, i); flush() })
	for _, s := range *e.sentences.Load() {
		w.sentence(s)
		flush()
	}
	return b.Flush()
}

func (e *Engine) writeEntry(w *writer, en *entry) {
	ms := e.now()
	for _, k := range en.counters {
		if !k.idle(ms) {
			w.counter(en.subject, k, e.self, k.cells...)
		}
	}
	if en.seen != nil {
		for list := range slices.Chunk(en.seen.list, 4096) {
			w.seen(factSeen, en.subject, list)
		}
	}
}
