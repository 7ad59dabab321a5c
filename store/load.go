package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// load is a read of everything that is under way or done.
type load struct {
	began    time.Time
	cancel   context.CancelFunc
	waiting  []chan error
	doubtful bool // what is served was in doubt when it began
	snap     *Snapshot
	err      error
	took     time.Duration
	work     time.Duration // took, less what was slept for the sake of requests
}

func (r *runner) startLoad() {
	ctx, cancel := context.WithCancel(r.ctx)
	l := &load{began: r.s.clock(), cancel: cancel, waiting: r.s.take(&r.s.loads), doubtful: r.doubtful}
	r.loading = l
	source, served := r.settings.Source, r.s.Current()
	if h := r.s.Hooks.Begin; h != nil && served != nil {
		r.wg.Go(func() { h(ctx, served) })
	}
	r.wg.Go(func() {
		var slept time.Duration
		l.snap, slept, l.err = build(ctx, source, l.began, served != nil)
		l.took = r.s.clock().Sub(l.began)
		l.work = l.took - slept
		r.loaded <- l
	})
}

// build turns a panic in a source (a driver's, say) into an error: the last
// good snapshot goes on being served.
func build(ctx context.Context, source Source, began time.Time, serving bool) (snap *Snapshot, slept time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			snap, err = nil, fmt.Errorf("reading the database panicked: %v", p)
		}
	}()
	b := NewBuilder()
	b.serving = serving
	if err := source.Load(ctx, b); err != nil {
		return nil, b.slept, err
	}
	snap = b.Build(began)
	return snap, b.slept, nil
}

// finishLoad serves what a load has read, with what was committed meanwhile.
func (r *runner) finishLoad(l *load) {
	l.cancel()
	r.loading = nil
	if l.err == nil {
		r.serve(l)
	}
	if l.err != nil {
		r.failLoad(l)
		return
	}
	r.retry = firstRetry
	r.s.note(func(st *Status) {
		st.DatabaseUp, st.LastError, st.LastDuration, st.Stored = true, "", l.took, false
		st.Following, st.FollowError = r.following(), ""
	})
	r.pace(l.work)
	r.planLoad()
	r.nextLook = r.s.clock().Add(r.poll())
	if r.doubtful {
		r.nextLoad = r.s.clock().Add(l.took)
	}
	if h := r.s.Hooks.Load; h != nil {
		h(LoadReport{Snapshot: r.s.Current(), Took: l.took})
	}
	answer(l.waiting, nil)
}

// serve publishes what was read, brought to the present if its changes can be
// followed, and has it compared with what was served until now.
func (r *runner) serve(l *load) {
	served, snap, checked := r.s.Current(), l.snap, l.began
	followed := served != nil && r.position != "" && !l.doubtful && !r.doubtful
	position, lost, restarted := snap.position, false, false
	if f, ok := r.follower(); ok && position != "" {
		if followed {
			// What is served must not lag behind what was read.
			r.follow()
			served = r.s.Current()
		}
		now := r.s.clock()
		switch c, err := r.changes(f, position); {
		case err == nil:
			position, checked, restarted = c.To, now, c.Restarted
			if c.Rows > 0 {
				snap = apply(c, snap)
			}
			if c.Rows > 0 && followed {
				served = apply(c, served)
			}
		case followed && !errors.Is(err, ErrLost):
			// What is served is newer, and the database is away.
			l.err = fmt.Errorf("changes during the load: %w", err)
			return
		default:
			// What was read is newer than what is served, if not the newest.
			lost, followed = errors.Is(err, ErrLost), false
		}
	}
	if lost {
		position = ""
	}
	snap.position, r.position, r.doubtful = position, position, lost || restarted
	r.s.publish(snap, checked)
	if served == nil {
		r.file.dirty()
		return
	}
	r.compare(served, snap, followed)
}

func (r *runner) failLoad(l *load) {
	if r.ctx.Err() != nil {
		answer(l.waiting, context.Cause(r.ctx))
		return
	}
	pause := r.nextRetry()
	// A read that took long before it failed is not repeated at once, unless
	// nothing but the database's return is waited for.
	var away interface{ Away() bool }
	if !errors.As(l.err, &away) || !away.Away() {
		pause = max(pause, min(l.took/2, 10*time.Second))
	}
	r.nextLoad = r.s.clock().Add(pause)
	r.s.note(func(st *Status) { st.DatabaseUp, st.LastError = false, l.err.Error() })
	if h := r.s.Hooks.Load; h != nil {
		h(LoadReport{Err: l.err, Took: l.took, Retry: pause})
	}
	answer(l.waiting, l.err)
}

// nextRetry returns the pause after a failure.
func (r *runner) nextRetry() time.Duration {
	pause := r.retry
	r.retry = min(r.retry*2, lastRetry)
	return pause
}

// pace notes what a read cost: the less of the last two. One that hung, on the
// network or behind a lock, says nothing of what the next will cost, and must
// not put it off for twenty times as long. The first has nothing to be compared
// with and puts the next off by a minute at most, or by as long as it took.
func (r *runner) pace(work time.Duration) {
	before := r.lastWork
	if r.lastWork = work; before == 0 {
		before = max(work/20, firstPause/20)
	}
	r.work = min(work, before)
}

const firstPause = time.Minute

// planLoad says when everything is read again. Reading stays below a twentieth
// of one core.
func (r *runner) planLoad() {
	every := r.settings.Reload
	switch {
	case r.following():
		every = r.settings.Audit
	case every == 0:
		every = r.poll()
	}
	if every <= 0 {
		r.nextLoad = time.Time{}
		return
	}
	r.nextLoad = r.s.clock().Add(max(every, 20*r.work))
}

// compare tells how what was served differs from what took its place. Reading
// goes on meanwhile, but for loads: two snapshots in memory are enough.
func (r *runner) compare(old, snap *Snapshot, followed bool) {
	r.busy = true
	r.wg.Go(func() {
		began := r.s.clock()
		b := Builder{serving: true}
		d := Compare(old, snap, b.GiveWay)
		r.compared <- AuditReport{Difference: d, Followed: followed, Took: r.s.clock().Sub(began) - b.slept}
	})
}

func (r *runner) finishAudit(a AuditReport) {
	r.busy = false
	if a.Followed {
		r.s.note(func(st *Status) { st.Missed += a.Rows })
	}
	if a.Rows > 0 {
		r.file.dirty()
	}
	if !r.following() && !r.nextLoad.IsZero() {
		r.nextLoad = r.nextLoad.Add(20 * a.Took)
	}
	if h := r.s.Hooks.Audit; h != nil {
		h(a)
	}
}
