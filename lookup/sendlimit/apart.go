package sendlimit

import (
	"context"
	"errors"
	"slices"
)

// A node is in one of these modes. It goes from together to alone at the first
// failure, and back by way of returning.
const (
	alone     = iota // it judges by itself, within its share
	returning        // it asks, but keeps to its share: others may hide what they counted
	together         // it asks
)

var errNotYet = errors.New("they have not been reached yet")

// Apart says why this node judges alone although it has a Shared: the error of
// the last try to reach the others. Nil is "it does not", or "nobody shares".
func (e *Engine) Apart() error {
	e.together.mu.Lock()
	defer e.together.mu.Unlock()
	return e.together.why
}

// part makes this node judge alone from now on.
func (e *Engine) part(why error) {
	t := &e.together
	t.mu.Lock()
	was, first := t.mode.Load(), !t.told
	t.why, t.told = why, true
	if was == together {
		e.era.Add(1)
		t.since.Store(e.now())
	}
	t.mode.Store(alone)
	t.mu.Unlock()
	if first {
		e.report(&ApartError{why})
	}
	if was == alone {
		return
	}
	select {
	case t.wake <- struct{}{}: // Run tries to come back at once
	default:
	}
}

// judgeTogether lets all nodes judge, or, if they cannot be asked, this one.
func (e *Engine) judgeTogether(ctx context.Context, o *order) Verdict {
	mode := e.together.mode.Load()
	if mode != together {
		o.alone = true
		if v := e.judgeHere(o, e.together.nodes.Load()); mode == alone || !v.OK {
			return e.unshared(o, v)
		}
	}
	a, err := e.ask(ctx, o)
	if err == nil {
		return e.hearAnswer(o, a)
	}
	if ctx.Err() == nil { // else nobody waits for it, and it says nothing about the others
		e.part(err)
	}
	o.alone = true
	return e.unshared(o, e.judgeHere(o, e.together.nodes.Load()))
}

// unshared notes that a charge is counted here and not where all count; or that
// nobody knows whether it was counted there.
func (e *Engine) unshared(o *order, v Verdict) Verdict {
	e.stats.unshared.Add(1)
	for i := range o.lines {
		e.touch(o.lines[i].entry, o.lines[i].counter)
	}
	return v
}

// ask lets all nodes judge.
func (e *Engine) ask(ctx context.Context, o *order) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.s.ShareLimit)
	defer cancel()
	a, err := e.s.Shared.Take(ctx, e.orderOf(o, false))
	if errors.Is(err, ErrResend) {
		a, err = e.s.Shared.Take(ctx, e.orderOf(o, true))
	}
	if err == nil && (len(a.Counts) != len(o.lines) || len(a.Passed) != len(o.lines)) {
		err = errors.New("the answer has another number of counters than the question")
	}
	return a, err
}

func (e *Engine) orderOf(o *order, resend bool) *Order {
	order := &Order{Node: e.self.Value(), Epoch: *e.together.epoch.Load(), Stamp: e.together.stamp.Add(1), Dry: o.Dry, Lines: make([]OrderLine, len(o.lines))}
	for i := range o.lines {
		l := &o.lines[i]
		line := &order.Lines[i]
		*line = OrderLine{
			Key: l.key(), Max: l.limit.Max, Soft: e.s.soft(l.limit.Max), Amount: l.amount, Old: l.old, OldAt: l.oldAt,
			Again: l.again, Resend: resend || l.counter.shared().dirty,
		}
		if o.prior != nil {
			line.OldTime = o.prior.at
		}
		for _, c := range l.counter.of(e.self) {
			line.Sum += c.n
			if line.Resend {
				line.Own = append(line.Own, Cell{Bucket: c.bucket, N: c.n})
			}
		}
	}
	return order
}

func (l *line) key() Key { return Key{l.entry.subject, l.limit.Unit, l.limit.Window} }

// hearAnswer takes over what all nodes have counted, and gives their verdict.
func (e *Engine) hearAnswer(o *order, a *Answer) Verdict {
	e.setClock(a.Now)
	o.ms = a.Now
	for i := range o.lines {
		l := &o.lines[i]
		if l.again {
			continue
		}
		l.counter.learn(&a.Counts[i], e.self)
		l.counter.shared().dirty = false
		if a.Passed[i] {
			l.counter.warned = 0 // it is for this node to tell
		}
		l.forgetOld(o)
		e.heard(l.entry)
	}
	if a.OK {
		return Verdict{OK: true}
	}
	if v := e.judgeHere(o, 0); !v.OK {
		return v
	}
	// At the edge of a window, or for want of news: without a time.
	return Verdict{Over: Mark{Subject: o.lines[0].entry.subject, Limit: o.lines[0].limit, Used: o.lines[0].counter.used(o.ms)}}
}

// learn takes over the cells of others.
func (k *counter) learn(c *Count, self part) {
	k.cells = slices.DeleteFunc(k.cells, func(c cell) bool { return c.part != self })
	for _, c := range c.Cells {
		if p := partOf(c.Node); p != self && c.Bucket >= 0 && c.Bucket <= maxStored && -maxStored <= c.N && c.N <= maxStored && len(k.cells) < maxCells {
			k.cells = append(k.cells, cell{p, c.Bucket, c.N})
		}
	}
	k.shared().version, k.warned, k.reset = c.Version, max(c.Warned, 0), max(c.Reset, k.reset)
}

// withinShare reports whether a charge fits into what this node may let through
// while it is apart: of what was left, without what it has let through since, as
// many parts as there are nodes, and one more. That one makes up for what others
// had counted when they were heard last; so it is not needed any more for a
// window that began later.
func (e *Engine) withinShare(o *order, l *line, used, nodes int64) bool {
	k := l.counter
	mine := e.tidyAlone(k, o.ms)
	old := int64(0)
	if o.priorAlone(e.era.Load()) {
		old = l.old
	}
	left := l.limit.Max - (used - mine) + (l.old - old)
	if k.window.holds(k.window.at(e.together.since.Load()), o.ms) {
		nodes++
	}
	return mine-old+l.amount <= max(left, 0)/nodes
}

// priorAlone reports whether the same message was charged in this era, alone.
func (o *order) priorAlone(era uint32) bool {
	return o.prior != nil && o.prior.alone && o.prior.era == era
}

// tidyAlone gives what this node has let through alone and counts still.
func (e *Engine) tidyAlone(k *counter, ms int64) (n int64) {
	s := k.shared()
	if era := e.era.Load(); s.era != era {
		s.era, s.alone = era, nil
	}
	s.alone = slices.DeleteFunc(s.alone, func(t tally) bool { return t.n == 0 || !k.window.holds(t.bucket, ms) })
	for _, t := range s.alone {
		n += t.n
	}
	return n
}

// postAlone notes what this node lets through while it is apart.
func (e *Engine) postAlone(o *order, l *line, bucket int64) {
	e.tidyAlone(l.counter, o.ms)
	k := l.counter.shared()
	add := func(bucket, n int64) {
		for i := range k.alone {
			if k.alone[i].bucket == bucket {
				k.alone[i].n += n
				return
			}
		}
		k.alone = append(k.alone, tally{bucket, n})
	}
	if l.old != 0 && o.priorAlone(e.era.Load()) {
		add(l.oldAt, -l.old)
	}
	add(bucket, l.amount)
}
