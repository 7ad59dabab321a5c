package sendlimit

import (
	"context"
	"crypto/rand"
	"time"
)

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
	e.leave()
}

// leaveLimit is how long a process that ends waits to say so.
const leaveLimit = time.Second

// leave says that this node ends, so that nobody waits for it.
func (e *Engine) leave() {
	if e.together.mode.Load() == alone {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveLimit)
	defer cancel()
	err := e.tell(ctx, e.together.takeOut(&e.together.dirty), false)
	if err == nil {
		_, err = e.s.Shared.Sync(ctx, &Hello{Node: e.self.Value(), Leaves: true, Gone: e.s.NodeGone.Milliseconds(), Seq: e.together.seq, Sentences: e.together.version})
	}
	if err != nil {
		e.part(err)
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
	hello := Hello{Node: e.self.Value(), Gone: e.s.NodeGone.Milliseconds(), Mark: rand.Text()}
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
	hello.Epoch, hello.Mark, hello.Marked = rand.Text(), "", hello.Mark
	switch news, err = e.s.Shared.Sync(ctx, &hello); {
	case err != nil:
		return err
	case news.Epoch == "":
		return ErrEpoch // in the meantime
	}
	t.epoch.Store(&news.Epoch)
	t.mode.Store(returning)
	e.gate.Lock()   // those who judge alone end
	e.gate.Unlock() //nolint:staticcheck // SA2001: waiting is all
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
		if k := en.counter(c.Unit, c.Window); c.Version > k.shared().version {
			k.learn(c, e.self)
			e.heard(en)
		}
		en.mu.Unlock()
	}
	for i := range news.Sentences {
		if s := &news.Sentences[i]; (s.Released || s.holds(e.now())) && e.learnSentence(s) {
			e.journal.wait(e.keepSentence(s))
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
