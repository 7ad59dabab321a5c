package sendlimit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// keep writes what a charge has changed: its entries are locked.
func (e *Engine) keep(o *order, i *instance) {
	if e.journal == nil {
		return
	}
	w := newWriter(nil)
	for k := range o.lines {
		l := &o.lines[k]
		if l.again {
			continue
		}
		bucket := l.limit.Window.at(o.ms)
		cells := append(make([]cell, 0, 2), cell{e.self, bucket, l.counter.get(e.self, bucket)})
		if l.old != 0 && l.oldAt != bucket {
			cells = append(cells, cell{e.self, l.oldAt, l.counter.get(e.self, l.oldAt)})
		}
		w.counter(l.entry.subject, l.counter, e.self, cells...)
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
	e.journal.append(seal(w.b))
}

// keepRefusal writes that a message was refused: no count depends on that, but
// who is suspended may. The entry is locked.
func (e *Engine) keepRefusal(o *order, en *entry, k *counter, i *instance) {
	if e.journal == nil {
		return
	}
	w := newWriter(nil)
	w.counter(en.subject, k, e.self)
	if k := en.find(refusals, Window(e.s.Suspend.Within).clean()); k != nil {
		w.counter(en.subject, k, e.self, k.of(e.self)...)
	}
	if o.Instance != "" {
		w.instance(o.Instance, i)
	}
	e.journal.append(seal(w.b))
}

// of gives the cells of a part.
func (k *counter) of(p part) []cell {
	return slices.DeleteFunc(slices.Clone(k.cells), func(c cell) bool { return c.part != p })
}

func (e *Engine) keepSentence(s *Sentence) {
	if e.journal == nil {
		return
	}
	w := newWriter(nil)
	w.sentence(s)
	e.journal.append(seal(w.b))
}

// keepEntry writes all counters of an entry, which is locked.
func (e *Engine) keepEntry(en *entry) {
	if e.journal == nil {
		return
	}
	w := newWriter(nil)
	for _, k := range en.counters {
		w.counter(en.subject, k, e.self, k.cells...)
	}
	e.journal.append(seal(w.b))
}

// openFile begins with what the file says. If another process writes it, that is
// where this one begins, and Run waits until it may go on.
func (e *Engine) openFile() {
	if e.s.Path == "" {
		return
	}
	e.journal = &journal{path: e.s.Path, tell: e.report}
	e.file = &tail{path: e.s.Path, loader: loader{e: e, self: partOf("?")}}
	l, err := tryLock(e.s.Path + "-lock")
	e.journal.report(err)
	e.file.last = l != nil
	e.readFile()
	e.file.late = true
	if l != nil {
		e.own(l)
	}
}

// takeFile tries to get the file, if another process has had it.
func (e *Engine) takeFile() {
	if e.journal == nil || !e.journal.waits() {
		return
	}
	l, err := tryLock(e.s.Path + "-lock")
	e.journal.report(err)
	e.file.last = l != nil
	e.readFile()
	if l != nil {
		e.own(l)
	}
}

func (j *journal) waits() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lock == nil && !j.closed
}

// own makes the file this process's.
func (e *Engine) own(l *lock) {
	e.journal.mu.Lock()
	e.journal.lock = l
	e.journal.mu.Unlock()
	e.rewrite()
}

// readFile takes over what is new in the file.
func (e *Engine) readFile() {
	err := e.file.read()
	var damaged *DamagedError
	switch {
	case errors.As(err, &damaged) && e.file.last:
		damaged.MovedTo = setAside(e.s.Path, e.s.Now())
		e.report(damaged)
	case errors.As(err, &damaged): // whoever gets the file says so
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		e.journal.report(err)
	}
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
		w = newWriter(w.b)
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

// tail is a file that is read as it grows.
type tail struct {
	path string
	info os.FileInfo // of what was read
	at   int64       // where the rest begins
	loader
}

// maxFile bounds what is read into memory.
const maxFile = 4 << 30

// read takes over what was not read yet. While another process writes it, a
// record that is cut off is one that is being written.
func (t *tail) read() error {
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if t.info == nil || !os.SameFile(t.info, info) || info.Size() < t.at {
		t.at = 0
	}
	if info.Size()-t.at > maxFile {
		return &DamagedError{Path: t.path, Err: fmt.Errorf("it has %d bytes", info.Size())}
	}
	b, err := io.ReadAll(io.NewSectionReader(f, t.at, info.Size()-t.at))
	if err != nil {
		return err
	}
	head := 0
	if t.at == 0 && len(b) > 0 {
		if head = len(fileMagic); len(b) < head || string(b[:head]) != fileMagic {
			return &DamagedError{Path: t.path, Err: errVersion}
		}
	}
	good, err := readFrames(b[head:], t.record)
	t.info, t.at = info, t.at+int64(head+good)
	if err != nil {
		return &DamagedError{Path: t.path, Err: err}
	}
	return nil
}

// syncFolder makes a rename last.
func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
