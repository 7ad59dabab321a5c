package sendlimit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Suspension is a subject that may not send at all.
type Suspension struct {
	Subject Subject
	Since   time.Time
	Until   time.Time // zero: until it is released
	Why     string    // for those who look
	Auto    bool      // by Settings.Suspend, not by somebody's order
}

// maxWhy bounds the reason that is kept, in bytes.
const maxWhy = 200

// Sentence is what is known of the suspension of a subject: the newest one is
// right, whichever node it comes from. One that is Released is kept for a while
// for those who do not know yet.
type Sentence struct {
	Suspension
	Released bool
	At       int64 // when it was changed, in milliseconds since 1970
}

// keepReleased is how long it is known that somebody was released.
const keepReleased = int64(24 * time.Hour / time.Millisecond)

// holds reports whether the subject is suspended at a time in milliseconds.
func (s *Sentence) holds(ms int64) bool {
	return !s.Released && (s.Until.IsZero() || ms < s.Until.UnixMilli())
}

// sentences are those of all subjects. They are few, and asked for with each
// charge: readers take no lock, writers copy.
type sentences map[Subject]*Sentence

// suspended gives the suspension of the first of the subjects that is
// suspended, nil if none is.
func (e *Engine) suspended(list []Limited) *Suspension {
	all := *e.sentences.Load()
	if len(all) == 0 {
		return nil
	}
	for i := range list {
		if s := all[list[i].Subject]; s != nil && s.holds(e.now()) {
			copied := s.Suspension
			return &copied
		}
	}
	return nil
}

// Suspended gives the suspension of a subject, and whether it is suspended.
func (e *Engine) Suspended(s Subject) (Suspension, bool) {
	found := (*e.sentences.Load())[s]
	if found == nil || !found.holds(e.now()) {
		return Suspension{}, false
	}
	return found.Suspension, true
}

// Suspensions gives all of them, in order of subjects.
func (e *Engine) Suspensions() []Suspension {
	var list []Suspension
	for _, s := range *e.sentences.Load() {
		if s.holds(e.now()) {
			list = append(list, s.Suspension)
		}
	}
	slices.SortFunc(list, func(a, b Suspension) int { return a.Subject.compare(b.Subject) })
	return list
}

// Suspend refuses all charges of a subject until a time, or, if that is zero,
// until Release. Why is for those who look, up to 200 bytes.
func (e *Engine) Suspend(s Subject, until time.Time, why string) {
	e.suspend(s, until, why, false)
}

func (e *Engine) suspend(s Subject, until time.Time, why string, auto bool) {
	ms := e.now()
	s.Name = strings.Clone(s.Name)
	made := &Sentence{At: ms, Suspension: Suspension{
		Subject: s, Since: time.UnixMilli(ms), Until: until, Why: why[:min(len(why), maxWhy)], Auto: auto,
	}}
	if !made.holds(ms) {
		return
	}
	e.decree(made)
	if h := e.s.OnSuspend; h != nil {
		h(made.Suspension)
	}
}

// Release ends the suspension of a subject, and reports whether there was one.
// What was counted stays: see Reset.
func (e *Engine) Release(s Subject) bool {
	old, ok := e.Suspended(s)
	if !ok {
		return false
	}
	e.decree(&Sentence{Suspension: Suspension{Subject: s}, Released: true, At: e.now()})
	if h := e.s.OnRelease; h != nil {
		h(old, false)
	}
	return true
}

// decree makes a sentence known, here and to the other nodes.
func (e *Engine) decree(s *Sentence) { e.journal.wait(e.pass(s)) }

func (e *Engine) pass(s *Sentence) ticket {
	e.sentenceMu.Lock()
	defer e.sentenceMu.Unlock()
	if old := (*e.sentences.Load())[s.Subject]; old != nil {
		s.At = max(s.At, old.At+1) // whatever the clock says, this is newer
	}
	e.setSentence(s)
	if e.unsaid != nil {
		e.unsaid[s.Subject] = true
	}
	return e.keepSentence(s)
}

// setSentence replaces what is known of a subject. e.sentenceMu is held.
func (e *Engine) setSentence(s *Sentence) {
	all := maps.Clone(*e.sentences.Load())
	if len(all) < e.s.MaxSubjects || all[s.Subject] != nil {
		all[s.Subject] = s
	}
	e.sentences.Store(&all)
}

// learnSentence takes over what another node, or the file, says, if it is newer.
func (e *Engine) learnSentence(s *Sentence) bool {
	e.sentenceMu.Lock()
	defer e.sentenceMu.Unlock()
	if old := (*e.sentences.Load())[s.Subject]; old != nil && old.At >= s.At {
		return false
	}
	e.setSentence(s)
	return true
}

// expire forgets sentences whose time is over.
func (e *Engine) expire() {
	ms := e.now()
	done := func(s *Sentence) bool {
		if s.Released {
			return s.At+keepReleased < ms
		}
		return !s.holds(ms)
	}
	var over []Suspension
	e.sentenceMu.Lock()
	all := maps.Clone(*e.sentences.Load())
	for subject, s := range all {
		if done(s) {
			delete(all, subject)
			if !s.Released {
				over = append(over, s.Suspension)
			}
		}
	}
	if len(all) < len(*e.sentences.Load()) {
		e.sentences.Store(&all)
	}
	e.sentenceMu.Unlock()
	if h := e.s.OnRelease; h != nil {
		for _, s := range over {
			h(s, true)
		}
	}
}

// countRefusal counts that a subject was refused, and suspends it if that
// happens too often, once the entry is not locked any more.
func (e *Engine) countRefusal(o *order, en *entry) {
	s := &e.s.Suspend
	k := en.counter(refusals, Window(s.Within).clean())
	k.tidy(o.ms)
	k.add(e.self, k.window.at(o.ms), 1)
	e.touch(en, k)
	used := k.used(o.ms)
	if used < int64(s.Times) {
		return
	}
	e.zero(en, k) // once it is released it begins anew
	why := fmt.Sprintf("refused %d times within %v", used, time.Duration(k.window))
	var until time.Time
	if s.For > 0 {
		until = time.UnixMilli(o.ms).Add(s.For)
	}
	o.told = append(o.told, func() { e.suspend(en.subject, until, why, true) })
}
