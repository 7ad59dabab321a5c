package store

import (
	"context"
	"sync"
	"time"
)

// runner is the goroutine of Run: the one that publishes. What takes long goes
// on beside it and comes back over a channel: loads, comparisons, writing the
// file, waiting for notifications.
type runner struct {
	s        *Store
	ctx      context.Context
	settings Settings
	wg       sync.WaitGroup

	// What the snapshot being served is known to be.
	position  Position // up to which its changes were followed; "" = cannot be followed
	doubtful  bool     // changes may be missing until the next load
	failing   bool     // the last look for changes failed
	retry     time.Duration
	patience  time.Duration // with a look for changes
	work      time.Duration // that a load costs, see pace
	lastWork  time.Duration // of the last good load
	nextLook  time.Time     // for changes
	nextLoad  time.Time     // zero = none
	nextPrune time.Time

	loading  *load
	loaded   chan *load
	compared chan AuditReport
	busy     bool // comparing

	changed chan struct{} // a notification came
	watch   context.CancelFunc

	file fileState
}

// How long to wait before the database is asked again after it did not answer:
// it must be seen within two seconds of its return, and a refused connection
// costs next to nothing.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 400 * time.Millisecond
)

// Run serves the copy on disk, if there is one, then loads, follows the
// changes, and loads again when asked, on the timers, after failures and after
// any doubt, until ctx ends. A failure keeps the last good snapshot. It leaves
// a copy on disk and returns nil.
func (s *Store) Run(ctx context.Context) error {
	s.start()
	r := &runner{s: s, ctx: ctx, loaded: make(chan *load), compared: make(chan AuditReport), changed: make(chan struct{}, 1), retry: firstRetry}
	r.file.done = make(chan FileReport)
	r.settings = s.settingsNow()
	r.readFile()
	r.startWatch()
	r.nextLoad = s.clock()
	for ctx.Err() == nil {
		r.step()
	}
	r.end()
	return nil
}

// settingsNow returns the settings and marks them as seen.
func (s *Store) settingsNow() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = false
	return s.settings
}

// step does what is due, then waits for the next thing.
func (r *runner) step() {
	r.takeSettings()
	if wait := r.s.take(&r.s.syncs); len(wait) > 0 {
		r.sync(wait)
	}
	now := r.s.clock()
	if r.loading == nil && !r.busy && (r.asked() || !r.nextLoad.IsZero() && !now.Before(r.nextLoad)) {
		r.startLoad()
	}
	if r.following() && !now.Before(r.nextLook) {
		r.follow()
	}
	if f, ok := r.follower(); ok && r.following() && !now.Before(r.nextPrune) {
		r.nextPrune = now.Add(pruneEvery)
		r.wg.Go(func() { r.prune(f) })
	}
	r.keepFile()
	r.wait()
}

// wait blocks until something is due or happens.
func (r *runner) wait() {
	var due time.Time
	earliest := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	if r.loading == nil && !r.busy {
		earliest(r.nextLoad)
	}
	if r.following() {
		earliest(r.nextLook)
		earliest(r.nextPrune)
	}
	earliest(r.file.due())
	var timer <-chan time.Time
	if !due.IsZero() {
		t := time.NewTimer(max(due.Sub(r.s.clock()), 0))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-r.ctx.Done():
	case <-r.s.wake:
	case <-timer:
	case <-r.changed:
		r.nextLook = r.s.clock()
	case l := <-r.loaded:
		r.finishLoad(l)
	case a := <-r.compared:
		r.finishAudit(a)
	case f := <-r.file.done:
		r.file.finish(r, f)
	}
}

// asked reports whether somebody waits for a load.
func (r *runner) asked() bool {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return len(r.s.loads) > 0
}

// takeSettings applies a new configuration. Another source means that what is
// served may be of another database: it is served until the new one was read.
func (r *runner) takeSettings() {
	r.s.mu.Lock()
	changed := r.s.changed
	r.s.mu.Unlock()
	if !changed {
		return
	}
	old := r.settings
	r.settings = r.s.settingsNow()
	if old.Source == r.settings.Source {
		r.planLoad()
		return
	}
	r.dropLoad()
	r.watch()
	r.startWatch()
	if old.Origin != r.settings.Origin {
		r.position = ""
	}
	r.doubtful, r.nextLoad = true, r.s.clock()
}

// dropLoad gives up a load that is under way. Who asked for it waits for the
// next one.
func (r *runner) dropLoad() {
	if r.loading == nil {
		return
	}
	r.loading.cancel()
	l := <-r.loaded
	r.s.mu.Lock()
	r.s.loads = append(l.waiting, r.s.loads...)
	r.s.mu.Unlock()
	r.loading = nil
}

// end stops everything that goes on beside, and writes the file.
func (r *runner) end() {
	if r.loading != nil {
		r.loading.cancel()
		answer((<-r.loaded).waiting, context.Cause(r.ctx))
	}
	answer(r.s.take(&r.s.loads), context.Cause(r.ctx))
	answer(r.s.take(&r.s.syncs), context.Cause(r.ctx))
	r.watch()
	if r.busy {
		<-r.compared
	}
	r.file.end(r)
	r.wg.Wait()
}
