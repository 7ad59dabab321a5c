package spool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// refusal is a version that the database will never take.
type refusal struct {
	seq    int64
	reason string
}

// Run takes pending writes to sink until ctx or the spool ends, and returns
// nil then. While another process runs a sink on the same file it waits. The
// error is a *StorageError: the lock file cannot be used.
func (s *Spool) Run(ctx context.Context, sink Sink) error {
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return ErrClosed
	}
	s.runs.Add(1)
	s.gate.Unlock()
	defer s.runs.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()

	l, err := openLock(s.file.path + "-drain")
	if err != nil {
		return &StorageError{s.file.path, err}
	}
	defer l.close()
	if err := s.lead(ctx, l); err != nil {
		return err
	}
	defer s.setRunning(false)
	s.drain(ctx, sink)
	return nil
}

// lead waits for the lock and then knows exactly what is pending. While it
// waits it follows what the holder does.
func (s *Spool) lead(ctx context.Context, l *lock) error {
	for {
		ok, err := l.try()
		if err != nil {
			return &StorageError{s.file.path, fmt.Errorf("lock %s: %w", l.f.Name(), err)}
		}
		// The file is read after the lock was taken: what the last holder took
		// out must not be applied again, newer values may have followed it.
		err = s.ask(ctx, &request{do: func() error {
			if !ok && !s.file.changed() {
				return nil
			}
			return s.reload()
		}})
		if err == nil && ok {
			s.setRunning(true)
			return nil
		}
		if ctx.Err() == nil {
			s.report(err)
		}
		if !sleep(ctx, s.o.Poll) {
			return nil
		}
	}
}

func (s *Spool) setRunning(r bool) {
	s.mu.Lock()
	s.stats.Running = r
	s.mu.Unlock()
}

// drain is Run with the lock held.
func (s *Spool) drain(ctx context.Context, sink Sink) {
	size, pause := s.o.Batch, s.o.Retry
	for ctx.Err() == nil {
		s.mu.RLock()
		batch := s.pending.first(size)
		s.mu.RUnlock()
		if len(batch) == 0 {
			s.await(ctx)
			continue
		}
		err := s.apply(ctx, sink, batch)
		if ctx.Err() != nil {
			return
		}
		s.outcome(len(batch), err)
		switch {
		case err == nil:
			if len(batch) < size {
				sleep(ctx, s.o.Gather)
			}
			size, pause = min(2*size, s.o.Batch), s.o.Retry
		case len(batch) == 1:
			s.mu.Lock()
			s.pending.toBack(batch[0].id())
			s.mu.Unlock()
			fallthrough
		default:
			size = max(1, len(batch)/2)
			sleep(ctx, pause)
			pause = min(2*pause, s.o.MaxRetry)
		}
	}
}

// outcome counts and reports how a batch fared.
func (s *Spool) outcome(rows int, err error) {
	s.mu.Lock()
	s.stats.Failing = err != nil
	if err != nil {
		s.stats.Failures++
	}
	s.mu.Unlock()
	if err != nil {
		s.report(&ApplyError{rows, err})
	}
}

// apply gives a batch to the sink, and its halves if it is refused, so that a
// bad row costs a logarithm of attempts.
func (s *Spool) apply(ctx context.Context, sink Sink, batch []item) error {
	start := time.Now()
	err := s.offer(ctx, sink, batch)
	switch {
	case err == nil:
		s.finish(batch)
		if s.o.OnApply != nil {
			s.o.OnApply(len(batch), time.Since(start))
		}
		return nil
	case !errors.Is(err, ErrRefused) || ctx.Err() != nil:
		return err
	case len(batch) == 1:
		s.setAside(&batch[0], err)
		return nil
	}
	half := len(batch) / 2
	if err := s.apply(ctx, sink, batch[:half]); err != nil {
		return err
	}
	return s.apply(ctx, sink, batch[half:])
}

func (s *Spool) offer(ctx context.Context, sink Sink, batch []item) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.ApplyTimeout)
	defer cancel()
	writes := make([]Write, len(batch))
	for i := range batch {
		writes[i] = batch[i].Write
	}
	return sink.Apply(ctx, writes)
}

// finish takes versions that were applied out of memory, and out of the file.
// If that fails now it is done with the next transaction that succeeds.
func (s *Spool) finish(batch []item) {
	s.mu.Lock()
	for i := range batch {
		s.pending.remove(&batch[i])
		s.finished = append(s.finished, batch[i].seq)
	}
	s.stats.Applied += uint64(len(batch))
	s.mu.Unlock()
	s.flush()
}

func (s *Spool) setAside(i *item, err error) {
	s.mu.Lock()
	s.pending.remove(i)
	s.refused = append(s.refused, refusal{i.seq, err.Error()})
	s.stats.Refused++
	s.mu.Unlock()
	s.report(&RefusedError{i.Write, err})
	s.flush()
}

// flush waits until the file is up to date. An error is reported by the
// committer. The context is not Run's: what was applied should be taken out
// also when Run is about to end.
func (s *Spool) flush() { _ = s.ask(context.Background(), &request{}) }

// await returns when there may be something to do.
func (s *Spool) await(ctx context.Context) {
	t := time.NewTimer(s.o.Poll)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-s.work:
	case <-t.C:
		if err := s.ask(ctx, &request{do: s.look}); err != nil && ctx.Err() == nil {
			s.report(err)
			sleep(ctx, s.o.MaxRetry)
		}
	}
}

// sleep reports whether the pause went by.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
