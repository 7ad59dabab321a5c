package sendlimit

import (
	"context"
	"slices"
	"time"
)

// Take judges a charge and counts it, in one step: either all limits of all its
// subjects hold and it is counted in all of them, or nothing is counted.
//
// A second charge of the same Instance takes the place of the first. It is
// refused only by limits in which it counts for more, and then the first stays
// as it was: see Cancel.
//
// Where no subject has limits no lock is taken. Else what was counted is in the
// file, as far as the operating system is concerned, before Take returns; nothing
// is kept of c, whose names may be views. ctx ends waiting for other nodes, not
// the charge.
func (e *Engine) Take(ctx context.Context, c Charge) Verdict {
	if s := e.suspended(c.Subjects); s != nil {
		e.stats.suspended.Add(1)
		return Verdict{Suspended: s}
	}
	if !c.limited() {
		e.stats.free.Add(1)
		return Verdict{OK: true}
	}
	if c.Dry && c.Instance == "" && len(c.Addresses) == 0 {
		return e.look(&c)
	}
	return e.take(ctx, &c)
}

// Prompt reports whether Take would not wait now: for no disk, and no other node. A
// large message, or what others count in the same moment, may prove it wrong.
func (e *Engine) Prompt() bool { return e.s.Shared == nil && e.journal.room.Load() >= promptRoom }

// promptRoom is many times the record of an ordinary message.
const promptRoom = 4096

// Cancel takes back what a message was charged: it will not be sent after all.
// Subjects and Instance of c are looked at.
func (e *Engine) Cancel(ctx context.Context, c Charge) {
	c.Recipients, c.Messages, c.Bytes, c.Addresses, c.Dry = 0, 0, 0, nil, false
	if c.Instance != "" && c.limited() {
		e.take(ctx, &c)
	}
}

func (e *Engine) take(ctx context.Context, c *Charge) Verdict {
	o := e.newOrder(c)
	defer e.done(o)
	v := e.decide(ctx, o)
	e.journal.wait(o.ticket)
	for _, tell := range o.told {
		tell()
	}
	return v
}

// decide judges a charge and counts it. What has changed waits for the file in
// the order in which it changed: the locks of the entries are held until then,
// and no longer.
func (e *Engine) decide(ctx context.Context, o *order) Verdict {
	if e.s.Shared != nil {
		e.gate.RLock()
		defer e.gate.RUnlock()
	}
	e.begin(o)
	defer o.unlock()
	v := e.judge(ctx, o)
	switch {
	case o.Dry:
	case v.OK:
		e.count(o, &v)
	default:
		e.refuse(o, &v)
	}
	return v
}

func (o *order) unlock() {
	for _, en := range o.entries {
		en.mu.Unlock()
	}
}

// begin locks the entries of all subjects with limits, in order, and finds the
// counters and the amounts.
func (e *Engine) begin(o *order) {
	account, remembers := o.remembers()
	o.ms = e.now()
	for _, s := range sorted(o.Subjects) {
		if len(s.Limits) == 0 && !(remembers && s.Subject == account) {
			continue
		}
		en := e.lock(o, s.Subject)
		for _, l := range s.Limits {
			l.Window, l.Max = l.Window.clean(), max(l.Max, 0)
			if l.Unit < refusals {
				o.lines = append(o.lines, line{entry: en, counter: en.counter(l.Unit, l.Window), limit: l})
			}
		}
		if remembers && s.Subject == account {
			o.account = en
		}
	}
	o.ms = e.now() // it may have waited
	if e.instances.get(o.Instance, o.ms, &o.known) {
		o.prior = &o.known
	}
	e.recipients(o)
	for i := range o.lines {
		o.fill(i)
	}
}

// lock gives the entry of a subject, locked; one that the order has locked
// already if it names a subject twice.
func (e *Engine) lock(o *order, s Subject) *entry {
	if n := len(o.entries); n > 0 && o.entries[n-1].subject == s {
		return o.entries[n-1]
	}
	en, evicted := e.table.enter(s, o.ms)
	if evicted {
		e.stats.evicted.Add(1)
	}
	o.entries = append(o.entries, en)
	return en
}

// sorted gives subjects in the one order in which all lock them.
func sorted(list []Limited) []Limited {
	compare := func(a, b Limited) int { return a.compare(b.Subject) }
	if slices.IsSortedFunc(list, compare) {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, compare)
	return list
}

// recipients finds those that are new to the account.
func (e *Engine) recipients(o *order) {
	if o.account == nil {
		return
	}
	for _, a := range o.Addresses {
		h := e.hash(a)
		if known := o.account.seen != nil && o.account.seen.has(h); !known || o.prior.hasLearned(h) {
			o.fresh = append(o.fresh, h)
		}
	}
	slices.Sort(o.fresh)
	o.fresh = slices.Compact(o.fresh)
}

// fill completes a line.
func (o *order) fill(i int) {
	l := &o.lines[i]
	l.counter.tidy(o.ms)
	l.amount = o.amount(l.limit.Unit, int64(len(o.fresh)))
	if o.prior != nil {
		l.oldAt, l.old = o.prior.posted.of(l.entry.subject, l.limit.Unit, l.limit.Window)
		l.forgetOld(o)
	}
	for k := range o.lines[:i] {
		l.again = l.again || o.lines[k].counter == l.counter
	}
}

// forgetOld takes what the same message was charged for nothing, if it counts no
// more.
func (l *line) forgetOld(o *order) {
	if l.old != 0 && (o.prior.at <= l.counter.reset || !l.limit.Window.holds(l.oldAt, o.ms)) {
		l.old = 0
	}
}

// judge says whether all limits hold.
func (e *Engine) judge(ctx context.Context, o *order) Verdict {
	if e.s.Shared != nil {
		return e.judgeTogether(ctx, o)
	}
	return e.judgeHere(o, 0)
}

// judgeHere judges by what this node knows. If nodes is not 0, so many share
// what is left: see apart.go.
func (e *Engine) judgeHere(o *order, nodes int64) Verdict {
	v := Verdict{OK: true}
	for i := range o.lines {
		l := &o.lines[i]
		if l.amount <= l.old {
			continue
		}
		used := l.counter.used(o.ms)
		m := Mark{Subject: l.entry.subject, Limit: l.limit, Used: used}
		switch over := used - l.old + l.amount - l.limit.Max; {
		case over > 0:
			m.Free = o.freeAt(l, over)
		case nodes > 1 && !e.withinShare(o, l, used, nodes):
			m.Apart, m.Free = true, o.freeAt(l, 1)
		default:
			continue
		}
		v.worst(m)
	}
	return v
}

// worst notes a limit that is in the way.
func (v *Verdict) worst(m Mark) {
	later := m.Free.IsZero() || m.Free.After(v.Over.Free) && !v.Over.Free.IsZero()
	if v.OK || later {
		v.OK, v.Over = false, m
	}
}

// freeAt gives when so much of a limit is free again: never, if the charge is
// larger than the limit.
func (o *order) freeAt(l *line, need int64) time.Time {
	if l.amount > l.limit.Max {
		return time.Time{}
	}
	if at := l.counter.free(o.ms, need); at > 0 {
		return time.UnixMilli(at)
	}
	return time.Time{}
}
