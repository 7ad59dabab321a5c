package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// follower returns the source if it can say what changed.
func (r *runner) follower() (Follower, bool) {
	f, ok := r.settings.Source.(Follower)
	return f, ok
}

// following reports whether changes can be followed from what is served.
func (r *runner) following() bool { return r.position != "" && r.s.Current() != nil }

func (r *runner) poll() time.Duration {
	if r.settings.Poll > 0 {
		return r.settings.Poll
	}
	return time.Second
}

// How long a look for changes may take. A connection that hangs is given up
// soon, or the return of the network would not be noticed; but a look that
// takes so long because there is so much to read must get the time.
const (
	firstPatience = 2 * time.Second
	lastPatience  = 30 * time.Second
	pruneEvery    = time.Minute
)

// follow serves what was committed since it last looked.
func (r *runner) follow() {
	f, ok := r.follower()
	if !ok {
		r.position = ""
		return
	}
	began := r.s.clock()
	c, err := r.changes(f, r.position)
	if err != nil {
		r.failFollow(err, r.s.clock().Sub(began))
		return
	}
	r.position = c.To
	if c.Rows > 0 {
		snap, err := applyChanges(c, r.s.Current())
		if err != nil {
			r.failFollow(fmt.Errorf("%w: %w", ErrLost, err), r.s.clock().Sub(began))
			return
		}
		r.s.publish(snap, began)
		r.file.dirty()
	} else {
		r.s.checked.Store(&began)
	}
	if c.Restarted {
		r.doubtful, r.nextLoad = true, began
	}
	r.retry = firstRetry
	recovered := r.failing
	r.failing = false
	r.nextLook = r.s.clock().Add(r.poll())
	r.s.note(func(st *Status) {
		st.DatabaseUp, st.LastError, st.Following, st.FollowError = true, "", true, ""
	})
	if h := r.s.Hooks.Change; h != nil && (c.Rows > 0 || recovered) {
		h(ChangeReport{Rows: c.Rows, Took: r.s.clock().Sub(began)})
	}
	if r.grown() && r.loading == nil {
		r.nextLoad = began
	}
}

// sync answers who waits for what was committed to be served: after a look at
// the log, or after the next load where that does not tell.
func (r *runner) sync(waiting []chan error) {
	if r.following() && !r.doubtful {
		r.follow()
		if r.following() && !r.doubtful && !r.failing {
			answer(waiting, nil)
			return
		}
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.loads = append(r.s.loads, waiting...)
}

// changes asks a follower, which may not hang for ever.
func (r *runner) changes(f Follower, from Position) (c *Changes, err error) {
	r.patience = min(max(r.patience, firstPatience), lastPatience)
	ctx, cancel := context.WithTimeout(r.ctx, r.patience)
	defer cancel()
	defer func() {
		switch {
		case err == nil:
			r.patience = firstPatience
		case ctx.Err() != nil:
			r.patience *= 2
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading changes panicked: %v", p)
		}
	}()
	return f.Follow(ctx, from)
}

// applyChanges turns a panic into an error: what is served stays.
func applyChanges(c *Changes, to *Snapshot) (snap *Snapshot, err error) {
	defer func() {
		if p := recover(); p != nil {
			snap, err = nil, fmt.Errorf("changing the snapshot panicked: %v", p)
		}
	}()
	return apply(c, to), nil
}

func apply(c *Changes, to *Snapshot) *Snapshot {
	b := to.Edit()
	c.Apply(b)
	b.SetPosition(c.To)
	return b.Build(to.loaded)
}

// failFollow retries while the database is away. When the log does not lead to
// the present everything is read again, and what is served until then is older
// than it should be, but whole.
func (r *runner) failFollow(err error, took time.Duration) {
	if r.ctx.Err() != nil {
		return
	}
	r.failing = true
	lost := errors.Is(err, ErrLost)
	pause := r.nextRetry()
	r.nextLook = r.s.clock().Add(pause)
	if lost {
		r.position, r.doubtful = "", true
		r.nextLoad = r.s.clock()
	}
	r.s.note(func(st *Status) {
		st.Following, st.FollowError = !lost, err.Error()
		if !lost {
			st.DatabaseUp, st.LastError = false, err.Error()
		}
	})
	if h := r.s.Hooks.Change; h != nil {
		h(ChangeReport{Err: err, Took: took})
	}
}

// grown reports whether edits have left so much behind that a load is due,
// which makes the snapshot compact again.
func (r *runner) grown() bool {
	s := r.s.Current()
	return s.base.size() > s.base.compact+s.base.compact/4+growth
}

const growth = 16 << 20

// startWatch waits for notifications beside the runner.
func (r *runner) startWatch() {
	ctx, cancel := context.WithCancel(r.ctx)
	r.watch = cancel
	f, ok := r.follower()
	if !ok {
		return
	}
	r.wg.Go(func() {
		for ctx.Err() == nil {
			err := f.Watch(ctx, func() { signal(r.changed) })
			if errors.Is(err, ErrCannotWatch) {
				return
			}
			signal(r.changed) // a lost connection is worth a look
			select {
			case <-ctx.Done():
			case <-time.After(lastRetry):
			}
		}
	})
}

func (r *runner) prune(f Follower) {
	ctx, cancel := context.WithTimeout(r.ctx, pruneEvery)
	defer cancel()
	err := f.Prune(ctx)
	if h := r.s.Hooks.Prune; h != nil && r.ctx.Err() == nil {
		h(err)
	}
}
