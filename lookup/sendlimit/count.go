package sendlimit

import "slices"

// count posts a charge that was let through, in place of what the same message
// was charged before.
func (e *Engine) count(o *order, v *Verdict) {
	i := &o.made
	i.clear()
	i.at, i.era, i.alone = o.ms, e.era.Load(), o.alone
	if o.prior != nil {
		i.replaced = o.prior.at
	}
	for k := range o.lines {
		l := &o.lines[k]
		i.at = max(i.at, l.counter.reset+1) // the clock has whole milliseconds: what counts came later
		if l.again {
			continue
		}
		e.post(o, l)
		if l.amount > 0 {
			i.posted.add(posting{l.entry.subject, l.limit.Unit, l.limit.Window, l.limit.Window.at(o.ms), l.amount})
		}
	}
	i.learned = append(i.learned, o.fresh...)
	for k := range o.lines {
		e.warn(o, &o.lines[k], v)
	}
	e.learn(o)
	e.instances.put(o.Instance, i)
	e.stats.counted.Add(1)
	e.keep(o, i)
	if h := e.s.OnWarn; h != nil {
		for _, m := range v.Warn {
			o.told = append(o.told, func() { h(m) })
		}
	}
}

// post changes a counter.
func (e *Engine) post(o *order, l *line) {
	k, bucket := l.counter, l.limit.Window.at(o.ms)
	if l.old != 0 {
		k.add(e.self, l.oldAt, -l.old)
	}
	if l.amount != 0 {
		k.add(e.self, bucket, l.amount)
	}
	if o.alone {
		e.postAlone(o, l, bucket)
	}
}

// warn notes that a soft mark was passed, once in a window.
func (e *Engine) warn(o *order, l *line, v *Verdict) {
	soft := e.s.soft(l.limit.Max)
	if soft == 0 || l.counter.warned != 0 || l.amount <= l.old {
		return
	}
	if used := l.counter.used(o.ms); used >= soft {
		l.counter.warned = l.limit.Window.at(o.ms)
		v.Warn = append(v.Warn, Mark{Subject: l.entry.subject, Limit: l.limit, Used: used})
		e.stats.warned.Add(1)
	}
}

// learn remembers the recipients that were new, and forgets those that the same
// message had when it was charged before and has no more.
func (e *Engine) learn(o *order) {
	if o.account == nil {
		return
	}
	if o.account.seen == nil {
		o.account.seen = new(seen)
	}
	if o.prior != nil {
		o.account.seen.remove(slices.DeleteFunc(slices.Clone(o.prior.learned), func(h uint64) bool { return slices.Contains(o.fresh, h) })...)
	}
	o.account.seen.add(e.s.MaxRemembered, o.fresh...)
}

// refuse notes that a charge was refused: once for each message.
func (e *Engine) refuse(o *order, v *Verdict) {
	e.stats.refused.Add(1)
	var over *entry
	var k *counter
	for i := range o.lines {
		if l := &o.lines[i]; l.entry.subject == v.Over.Subject && l.limit == v.Over.Limit {
			over, k = l.entry, l.counter
		}
	}
	if k.refused == 0 {
		k.refused = k.window.at(o.ms)
		v.Over.First = true
	}
	if h, m := e.s.OnOver, v.Over; h != nil {
		o.told = append(o.told, func() { h(m) })
	}
	i, known := o.prior, false
	if i == nil {
		i = &o.made
		i.clear()
		i.at = o.ms
	}
	known, i.refused = i.refused, true // at is still that of what was posted
	e.instances.put(o.Instance, i)
	if s := &e.s.Suspend; s.Times > 0 && !known && !v.Over.Apart && (over.subject.Kind == Account || s.Domains) {
		e.countRefusal(o, over)
	}
	e.keepRefusal(o, over, k, i)
}
