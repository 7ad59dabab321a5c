package sendlimit

import "time"

// look judges a dry charge by what this node knows, without making anything: the
// question is asked for each recipient of each message, and the answer is no more
// than a forecast. New recipients are not looked at.
func (e *Engine) look(c *Charge) Verdict {
	v := Verdict{OK: true}
	ms := e.now()
	for i := range c.Subjects {
		s := &c.Subjects[i]
		if len(s.Limits) == 0 {
			continue
		}
		en := e.table.peek(s.Subject)
		for _, l := range s.Limits {
			e.lookAt(c, &v, en, s.Subject, l, ms)
		}
		if en != nil {
			en.mu.Unlock()
		}
	}
	return v
}

// lookAt looks at one limit; en is nil if nothing of the subject is counted.
func (e *Engine) lookAt(c *Charge, v *Verdict, en *entry, s Subject, l Limit, ms int64) {
	l.Window, l.Max = l.Window.clean(), max(l.Max, 0)
	amount := c.amount(l.Unit, 0)
	if amount == 0 {
		return
	}
	var k *counter
	if en != nil {
		s = en.subject
		k = en.find(l.Unit, l.Window)
	}
	m := Mark{Subject: s, Limit: l}
	if k != nil {
		m.Used = k.used(ms)
	}
	over := m.Used + amount - l.Max
	if over <= 0 {
		return
	}
	if k != nil && amount <= l.Max {
		if at := k.free(ms, over); at > 0 {
			m.Free = time.UnixMilli(at)
		}
	}
	v.worst(m)
}
