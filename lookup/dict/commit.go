package dict

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// maxPending bounds the commits of a connection that are waited for at once.
const maxPending = 256

// pending is a commit whose reply is owed.
type pending struct {
	id    uint32
	old   bool // a D
	since time.Time
	done  chan error // gets the outcome; nil if err has it
	err   error
}

// commit begins what a C asks for. The reply comes from Settle, at the latest
// when the input is used up, so that replies stay in order.
func (s *session) commit(ctx context.Context, dst []byte) []byte {
	p := pending{id: s.cmd.id, old: s.cmd.letter == 'D'}
	if t, err := s.take(p.id); err != nil {
		p.err = err
	} else {
		done := make(chan error, 1)
		p.since, p.done = time.Now(), done
		s.dict.Commit(ctx, t, func(err error) {
			select {
			case done <- err:
			default: // called twice
			}
		})
	}
	s.pending = append(s.pending, p)
	if len(s.pending) == maxPending {
		return s.settle(dst)
	}
	return dst
}

// take closes a transaction that is to be committed.
func (s *session) take(id uint32) (*Transaction, error) {
	if s.refused != nil {
		return nil, s.refused
	}
	o := s.find()
	if o == nil {
		return nil, fmt.Errorf("transaction %d is not open", id)
	}
	s.drop(id)
	if o.bad != "" {
		return nil, errors.New(o.bad)
	}
	return &o.Transaction, nil
}

// Settle ends the work on the commands that arrived together. No buffer is held
// while the connection waits for more.
func (s *session) Settle(_ context.Context, dst []byte) []byte {
	dst = s.settle(dst)
	s.cmd, s.request, s.rows = command{}, Request{}, IterateRequest{}
	if cap(s.pending) > 8 {
		s.pending = nil
	}
	return dst
}

// settle waits for the commits that were begun and appends their replies.
func (s *session) settle(dst []byte) []byte {
	for i := range s.pending {
		var ok bool
		if dst, ok = s.settleOne(dst, &s.pending[i]); !ok {
			return dst
		}
		s.pending[i] = pending{}
	}
	s.pending = s.pending[:0]
	return dst
}

// settleOne waits for one commit. The replies before it do not wait with it. ok
// is false if the client is gone.
func (s *session) settleOne(dst []byte, p *pending) (rest []byte, ok bool) {
	if p.done != nil {
		select {
		case p.err = <-p.done:
		default:
			if dst, ok = s.flush(dst); !ok {
				return dst, false
			}
			p.err = p.wait(line.OrDefault(s.CommitTimeout, DefaultCommitTimeout))
		}
	}
	return appendCommit(dst, p.id, p.old, p.err), true
}

// wait waits until limit has passed since the commit was begun.
func (p *pending) wait(limit time.Duration) error {
	timer := time.NewTimer(limit - time.Since(p.since))
	defer timer.Stop()
	select {
	case err := <-p.done:
		return err
	case <-timer.C:
		return fmt.Errorf("%w: no outcome after %v", ErrUncertain, limit)
	}
}
