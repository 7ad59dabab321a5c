package sendlimit

import "context"

// tellBatch is how many counters are told at once.
const tellBatch = 200

// tell tells the others what is counted here; with restore, also what is known
// of what they have counted, in case that was lost, and all suspensions.
func (e *Engine) tell(ctx context.Context, list map[*entry]struct{}, restore bool) error {
	p := &Push{Node: e.self.Value(), Restore: restore, Sentences: e.sentencesToTell(restore)}
	var told []*entry
	flush := func() error {
		if len(p.Counts)+len(p.Sentences) == 0 {
			return nil
		}
		if err := e.s.Shared.Push(ctx, p); err != nil {
			return err
		}
		e.said(p.Sentences)
		p.Counts, p.Sentences, told = nil, nil, nil
		return nil
	}
	for en := range list {
		e.collect(p, en, restore)
		told = append(told, en)
		delete(list, en)
		if len(p.Counts) < tellBatch {
			continue
		}
		if err := flush(); err != nil {
			e.untold(told, list)
			return err
		}
	}
	if err := flush(); err != nil {
		e.untold(told, list)
		return err
	}
	return nil
}

// collect adds the counters of an entry.
func (e *Engine) collect(p *Push, en *entry, restore bool) {
	en.mu.Lock()
	defer en.mu.Unlock()
	ms := e.now()
	for _, k := range en.counters {
		if restore {
			k.shared().version = 0 // those of the new epoch are smaller
		}
		if !k.shared().dirty && !restore {
			continue
		}
		k.tidy(ms)
		k.shared().dirty = false
		c := Count{Key: Key{en.subject, k.unit, k.window}, Stamp: e.together.stamp.Add(1), Warned: k.warned, Reset: k.reset}
		for _, one := range k.cells {
			if restore || one.part == e.self {
				c.Cells = append(c.Cells, Cell{one.part.Value(), one.bucket, one.n})
			}
		}
		p.Counts = append(p.Counts, c)
	}
}

// untold puts back what could not be told.
func (e *Engine) untold(told []*entry, rest map[*entry]struct{}) {
	for en := range rest {
		told = append(told, en)
	}
	for _, en := range told {
		en.mu.Lock()
		for _, k := range en.counters {
			e.touch(en, k)
		}
		en.mu.Unlock()
	}
}

// sentencesToTell gives those that the others do not know, or all.
func (e *Engine) sentencesToTell(all bool) (list []Sentence) {
	e.sentenceMu.Lock()
	defer e.sentenceMu.Unlock()
	for subject, s := range *e.sentences.Load() {
		if all || e.unsaid[subject] {
			list = append(list, *s)
		}
	}
	return list
}

// said notes that the others know sentences.
func (e *Engine) said(list []Sentence) {
	e.sentenceMu.Lock()
	defer e.sentenceMu.Unlock()
	for i := range list {
		if s := (*e.sentences.Load())[list[i].Subject]; s == nil || s.At == list[i].At {
			delete(e.unsaid, list[i].Subject)
		}
	}
}
