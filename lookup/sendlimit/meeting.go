package sendlimit

import (
	"sync"
	"sync/atomic"
	"unique"
)

// meeting is what a node needs to share what it counts.
type meeting struct {
	mode   atomic.Int32
	epoch  atomic.Pointer[string]
	stamp  atomic.Int64
	nodes  atomic.Int64 // that lived when they were heard of last
	since  atomic.Int64 // when this one went alone, in milliseconds
	offset atomic.Int64 // of the clock that all go by, in milliseconds
	wake   chan struct{}

	mu    sync.Mutex
	why   error               // of being apart
	told  bool                // why was reported
	dirty map[*entry]struct{} // with counters of which the others do not know our cells
	news  map[*entry]struct{} // with counters of which the file does not know their cells

	kept int64 // nodes, in the file

	// What follows is of the goroutine that meets the others.
	others   map[string]bool // nodes that lived when this one was together with them
	returned int64           // when this one hid nothing any more, by the clock of all
	seq      int64
	version  int64
}

func (e *Engine) openShare() {
	if e.s.Shared == nil {
		return
	}
	t := &e.together
	t.mode.Store(alone)
	t.why = errNotYet
	t.epoch.Store(new(string))
	t.stamp.Store(e.s.Now().UnixMilli() << 10) // above those of the process before
	t.nodes.Store(1)
	t.since.Store(e.now())
	t.wake = make(chan struct{}, 1)
	t.dirty, t.news, t.others = map[*entry]struct{}{}, map[*entry]struct{}{}, map[string]bool{}
	e.unsaid = map[Subject]bool{}
	e.era.Store(1)
}

func partOf(name string) part { return unique.Make(name) }

// setClock goes by the clock of all.
func (e *Engine) setClock(now int64) { e.together.offset.Store(now - e.s.Now().UnixMilli()) }

// touch notes that the others do not know what we have counted.
func (e *Engine) touch(en *entry, k *counter) {
	if e.s.Shared == nil {
		return
	}
	k.shared().dirty = true
	e.together.mu.Lock()
	defer e.together.mu.Unlock()
	e.together.dirty[en] = struct{}{}
}

// heard notes that the file does not know what others have counted.
func (e *Engine) heard(en *entry) {
	if e.journal == nil {
		return
	}
	e.together.mu.Lock()
	defer e.together.mu.Unlock()
	e.together.news[en] = struct{}{}
}

// takeOut gives what was noted in one of the maps, and empties it.
func (t *meeting) takeOut(m *map[*entry]struct{}) map[*entry]struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := *m
	*m = map[*entry]struct{}{}
	return list
}

// keepNews writes to the file what others have counted, and how many they are.
func (e *Engine) keepNews() {
	if e.s.Shared == nil || e.journal == nil {
		return
	}
	if n := e.nodesKnown(); n != e.together.kept {
		e.together.kept = n
		w := newWriter(nil)
		w.meta(e.self, e.key, n)
		e.journal.wait(e.journal.put(seal(w.b)))
	}
	for en := range e.together.takeOut(&e.together.news) {
		en.mu.Lock()
		t := e.keepEntry(en)
		en.mu.Unlock()
		e.journal.wait(t)
	}
}

// nodesKnown gives how many nodes there are, for the file.
func (e *Engine) nodesKnown() int64 { return max(e.together.nodes.Load(), 1) }

// Nodes gives how many nodes share, this one included, as far as it knows.
func (e *Engine) Nodes() int { return int(e.nodesKnown()) }
