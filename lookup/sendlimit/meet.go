package sendlimit

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"
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

	// What follows is Run's.
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
	k.dirty = true
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

// keepNews writes to the file what others have counted.
func (e *Engine) keepNews() {
	if e.s.Shared == nil {
		return
	}
	for en := range e.together.takeOut(&e.together.news) {
		en.mu.Lock()
		e.keepEntry(en)
		en.mu.Unlock()
	}
}

// nodesKnown gives how many nodes there are, for the file.
func (e *Engine) nodesKnown() int64 { return max(e.together.nodes.Load(), 1) }

// meet shares until ctx ends.
func (e *Engine) meet(ctx context.Context) {
	if e.s.Shared == nil {
		return
	}
	t := time.NewTicker(e.s.ShareEvery)
	defer t.Stop()
	for ctx.Err() == nil {
		if err := e.meetOnce(ctx); err != nil && ctx.Err() == nil {
			e.part(err)
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-e.together.wake:
		}
	}
}

// meetLimit is how long one question outside of charges may take.
const meetLimit = 5 * time.Second

func (e *Engine) meetOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, meetLimit)
	defer cancel()
	if e.together.mode.Load() == alone {
		return e.comeBack(ctx)
	}
	if err := e.hear(ctx); err != nil {
		return err
	}
	return e.tell(ctx, e.together.takeOut(&e.together.dirty), false)
}

// comeBack tells all that is counted, for nobody knows what the others have lost
// meanwhile, and asks again from then on. What is counted while it is told is
// told afterwards, before this node says that it lives: whoever hears that knows
// that it hides nothing.
func (e *Engine) comeBack(ctx context.Context) error {
	t := &e.together
	hello := Hello{Node: e.self.Value(), Gone: e.s.NodeGone.Milliseconds(), Sentences: -1}
	news, err := e.s.Shared.Sync(ctx, &hello)
	if err != nil {
		return err
	}
	e.setClock(news.Now)
	list := t.takeOut(&t.dirty)
	e.table.each(func(en *entry) { list[en] = struct{}{} })
	if err := e.tell(ctx, list, true); err != nil {
		return err
	}
	t.seq, t.version = 0, -1
	hello.Epoch = rand.Text()
	if news, err = e.s.Shared.Sync(ctx, &hello); err != nil {
		return err
	}
	t.epoch.Store(&news.Epoch)
	t.mode.Store(returning)
	e.gate.Lock() // those who judge alone end
	e.gate.Unlock()
	if err := e.tell(ctx, t.takeOut(&t.dirty), false); err != nil {
		return err
	}
	t.returned = 0
	return e.hear(ctx)
}

// hear asks for news until there are no more.
func (e *Engine) hear(ctx context.Context) error {
	t := &e.together
	for {
		news, err := e.s.Shared.Sync(ctx, &Hello{
			Node: e.self.Value(), Alive: true, Gone: e.s.NodeGone.Milliseconds(), Seq: t.seq, Sentences: t.version,
		})
		if err != nil {
			return err
		}
		if news.Epoch != *t.epoch.Load() {
			return ErrEpoch
		}
		e.setClock(news.Now)
		e.takeOver(news)
		if !news.More {
			e.gather(news)
			return nil
		}
	}
}

// takeOver takes over what others have counted, and whom they have suspended.
func (e *Engine) takeOver(news *News) {
	t := &e.together
	for i := range news.Counts {
		c := &news.Counts[i]
		if c.Unit >= unitCount || !c.Window.Valid() {
			continue
		}
		en, evicted := e.table.enter(c.Subject, e.now())
		if evicted {
			e.stats.evicted.Add(1)
		}
		if k := en.counter(c.Unit, c.Window); c.Version > k.version {
			k.learn(c, e.self)
			e.heard(en)
		}
		en.mu.Unlock()
	}
	for i := range news.Sentences {
		if s := &news.Sentences[i]; (s.Released || s.holds(e.now())) && e.learnSentence(s) {
			e.keepSentence(s)
		}
	}
	t.seq, t.version = news.Seq, news.Version
}

// gather looks at who lives. A node that returns is together with the others
// once each of them that lived before has said that it hides nothing, or is gone.
func (e *Engine) gather(news *News) {
	t := &e.together
	seen := map[string]int64{}
	for _, n := range news.Nodes {
		seen[n.Name] = n.Seen
	}
	delete(seen, e.self.Value())
	if t.mode.Load() == together {
		clear(t.others)
		for name := range seen {
			t.others[name] = true
		}
		t.nodes.Store(int64(len(seen)) + 1)
		return
	}
	if t.returned == 0 {
		t.returned = news.Now
	}
	for name := range seen {
		t.others[name] = true
	}
	t.nodes.Store(max(t.nodes.Load(), int64(len(t.others))+1))
	if news.Now-t.returned < e.s.NodeGone.Milliseconds() {
		for name := range t.others {
			if seen[name] <= t.returned {
				return
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mode.CompareAndSwap(returning, together) {
		t.why, t.told = nil, false
	}
}

// Nodes gives how many nodes share, this one included, as far as it knows.
func (e *Engine) Nodes() int { return int(e.nodesKnown()) }
