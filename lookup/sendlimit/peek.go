package sendlimit

import (
	"cmp"
	"slices"
	"time"
)

// Peek says how a subject stands with limits: what is used of each, and when the
// first of it gets free. It counts nothing.
func (e *Engine) Peek(s Subject, limits ...Limit) []Mark {
	list := make([]Mark, len(limits))
	en := e.table.peek(s)
	if en != nil {
		defer en.mu.Unlock()
	}
	ms := e.now()
	for i, l := range limits {
		l.Window = l.Window.clean()
		list[i] = Mark{Subject: s, Limit: l}
		if en == nil {
			continue
		}
		if k := en.find(l.Unit, l.Window); k != nil {
			list[i].Used = k.used(ms)
			if at := k.free(ms, 1); at > 0 {
				list[i].Free = time.UnixMilli(at)
			}
		}
	}
	return list
}

// Reset forgets what a subject has used, in all windows, on all nodes that have
// told what they counted. Whom it has sent to is still remembered, and a
// suspension goes on: see Release.
func (e *Engine) Reset(s Subject) { e.journal.wait(e.reset(s)) }

func (e *Engine) reset(s Subject) ticket {
	en := e.table.peek(s)
	if en == nil {
		return 0
	}
	defer en.mu.Unlock()
	for _, k := range en.counters {
		e.zero(en, k)
	}
	return e.keepEntry(en)
}

// zero takes from our own cells what all have counted, so that the sum is
// nothing: the cells of others are not ours to change.
func (e *Engine) zero(en *entry, k *counter) {
	k.tidy(e.now())
	for _, c := range slices.Clone(k.cells) {
		k.add(e.self, c.bucket, -c.n)
	}
	k.warned, k.refused, k.reset = 0, 0, e.now()
	if k.sharing != nil {
		k.sharing.alone = nil
	}
	e.touch(en, k)
}

// Standing is what is known of a subject.
type Standing struct {
	Subject    Subject
	Used       []Used
	Remembered int // recipients that the account has sent to
}

// Used is what a subject has used of a unit in a window.
type Used struct {
	Unit   Unit
	Window Window
	Used   int64
	Free   time.Time // when some of it gets free; zero if nothing is used
}

// Each gives the next standings, at most most of them, in order: accounts before
// domains, then by name. It begins after a subject; the zero Subject is before
// all.
func (e *Engine) Each(after Subject, most int) []Standing {
	if most <= 0 {
		return nil
	}
	var next []Subject
	for i := range e.table.shards {
		for _, en := range e.table.list(i) {
			if en.subject.compare(after) > 0 {
				next = append(next, en.subject)
			}
		}
	}
	slices.SortFunc(next, Subject.compare)
	list := make([]Standing, 0, min(most, len(next)))
	for _, s := range next {
		if len(list) == most {
			break
		}
		if en := e.table.peek(s); en != nil {
			list = append(list, e.standing(en))
			en.mu.Unlock()
		}
	}
	return list
}

func (e *Engine) standing(en *entry) Standing {
	ms := e.now()
	s := Standing{Subject: en.subject}
	for _, k := range en.counters {
		if k.unit == refusals {
			continue
		}
		u := Used{Unit: k.unit, Window: k.window, Used: k.used(ms)}
		if at := k.free(ms, 1); at > 0 {
			u.Free = time.UnixMilli(at)
		}
		s.Used = append(s.Used, u)
	}
	slices.SortFunc(s.Used, func(a, b Used) int { return cmp.Or(int(a.Unit)-int(b.Unit), cmp.Compare(a.Window, b.Window)) })
	if en.seen != nil {
		s.Remembered = len(en.seen.list)
	}
	return s
}
