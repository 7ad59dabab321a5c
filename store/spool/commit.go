package spool

import (
	"context"
	"fmt"
)

// request is something for the committer, the one goroutine that uses the
// file: writes, or anything else, or nothing, which only takes finished
// writes out.
type request struct {
	writes []Write
	do     func() error
	answer chan error
}

// maxGroup bounds the requests of one transaction, so that the first of them
// does not wait for ever.
const maxGroup = 4096

// ask hands a request to the committer and waits for the answer.
func (s *Spool) ask(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("spool: %w", context.Cause(ctx))
	}
	if err := s.hand(r); err != nil {
		return err
	}
	return r.wait(ctx)
}

// hand hands a request to the committer.
func (s *Spool) hand(r *request) error {
	r.answer = make(chan error, 1)
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return ErrClosed
	}
	s.asked = append(s.asked, r)
	s.gate.Unlock()
	signal(s.wake)
	return nil
}

// wait waits for the answer.
func (r *request) wait(ctx context.Context) error {
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("spool: no answer from the disk yet: %w", context.Cause(ctx))
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// commitAll answers requests until Close, and those that came before it.
func (s *Spool) commitAll() {
	defer close(s.done)
	for {
		group := s.take()
		if len(group) > 0 {
			s.serve(group)
			continue
		}
		select {
		case <-s.wake:
		case <-s.ctx.Done():
			// Nobody can ask any more. What Run finishes meanwhile is taken
			// out of the file last.
			for group := s.take(); len(group) > 0; group = s.take() {
				s.serve(group)
			}
			s.runs.Wait()
			s.serve(nil)
			return
		}
	}
}

func (s *Spool) take() []*request {
	s.gate.Lock()
	defer s.gate.Unlock()
	n := min(len(s.asked), maxGroup)
	group := s.asked[:n:n]
	s.asked = s.asked[n:]
	if len(s.asked) == 0 {
		s.asked = nil
	}
	return group
}

// serve answers a group. All its writes share one transaction.
func (s *Spool) serve(group []*request) {
	s.mu.RLock()
	c := change{finished: s.finished, refused: s.refused}
	s.mu.RUnlock()
	answers := make([]error, len(group))
	for i, r := range group {
		if !s.admit(&c, r.writes) {
			answers[i] = ErrFull
		}
	}
	err := s.commit(&c)
	s.report(err)
	for i, r := range group {
		switch {
		case answers[i] != nil:
		case err != nil:
			answers[i] = err
		case r.do != nil:
			answers[i] = r.do()
		}
		r.answer <- answers[i]
	}
}

// admit adds a request's writes to the transaction, all or, if there is no
// room for its new keys, none.
func (s *Spool) admit(c *change, writes []Write) bool {
	if len(writes) == 0 {
		return true
	}
	s.mu.RLock()
	room, fresh := s.o.Max-len(s.pending.byID)-c.fresh, map[id]bool{}
	for i := range writes {
		name := writes[i].id()
		if s.pending.byID[name] == nil && !c.has(name) {
			fresh[name] = true
		}
	}
	s.mu.RUnlock()
	if len(fresh) > room && len(fresh) > 0 {
		return false
	}
	c.fresh += len(fresh)
	for _, w := range writes {
		c.add(w)
	}
	return true
}

// commit runs the transaction and then shows its outcome to the others.
func (s *Spool) commit(c *change) error {
	if c.empty() {
		return nil
	}
	out, err := s.file.commit(c)
	if err != nil {
		return &StorageError{s.file.path, err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished, s.refused = s.finished[len(c.finished):], s.refused[len(c.refused):]
	s.adopt(out.foreign)
	for i, w := range c.writes {
		s.pending.put(item{w, out.first + int64(i)})
	}
	s.stats.Dead = out.dead
	s.stats.Commits++
	s.stats.Acknowledged += uint64(c.asked)
	if len(s.pending.byID) > 0 {
		signal(s.work)
	}
	return nil
}

// adopt takes in what was read from the file, but for what has been applied
// and only waits to be taken out of it. s.mu is held.
func (s *Spool) adopt(read []item) {
	if len(read) == 0 {
		return
	}
	gone := make(map[int64]bool, len(s.finished)+len(s.refused))
	for _, seq := range s.finished {
		gone[seq] = true
	}
	for _, r := range s.refused {
		gone[r.seq] = true
	}
	for _, i := range read {
		if !gone[i.seq] {
			s.pending.put(i)
		}
	}
}

// look takes in what another process has added. It runs in the committer.
func (s *Spool) look() error {
	read, err := s.file.news()
	if err != nil {
		return &StorageError{s.file.path, err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adopt(read)
	return nil
}

// reload reads everything that is pending, since another process may have
// taken writes out. It runs in the committer, or before there is one.
func (s *Spool) reload() error {
	read, dead, err := s.file.all()
	if err != nil {
		return &StorageError{s.file.path, err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending, s.stats.Dead = newQueue(), dead
	s.adopt(read)
	return nil
}
