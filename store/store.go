package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Source is a database that can fill a snapshot.
type Source interface {
	// Load reads everything in one consistent view. It returns soon after ctx
	// ends.
	Load(ctx context.Context, b *Builder) error
}

// Store keeps the current Snapshot of a Source and renews it. The exported
// fields are set before Run and not changed afterwards; see Configure.
type Store struct {
	Source   Source
	Interval time.Duration // between full re-reads, never under 20 times a load's duration; 0 = only when asked
	MaxStale time.Duration // age at which a snapshot is no longer served; 0 = never
	// OnLoad, if set, is told of every load, good or bad. The daemon logs and
	// counts there: Store needs neither logger nor metrics.
	OnLoad func(LoadReport)
	Now    func() time.Time // time.Now unless a test says otherwise

	current atomic.Pointer[Snapshot]
	checked atomic.Int64 // when the snapshot was last known to equal the database, Unix ns
	stale   atomic.Int64 // MaxStale while running

	mu       sync.Mutex
	started  bool
	ready    chan struct{}
	waiting  []chan error // who asked for a reload that has not begun
	wake     chan struct{}
	status   Status
	settings settings
}

type settings struct {
	source   Source
	interval time.Duration
}

// LoadReport describes one load.
type LoadReport struct {
	Snapshot *Snapshot // nil if the load failed
	Err      error
	Took     time.Duration
	Retry    time.Duration // after a failure: when the next attempt is due
}

// Status is what an administrator wants to know of a Store.
type Status struct {
	Generation   uint64        // of the snapshot served, 0 = none yet
	Loaded       time.Time     // when that snapshot was read
	Checked      time.Time     // when it was last known to equal the database
	DatabaseUp   bool          // the last load went well
	LastError    string        // of the last load, "" if it went well
	LastDuration time.Duration // of the last good load
	Stale        bool          // too old to be served
}

// Current returns the snapshot being served, or nil before the first load.
func (s *Store) Current() *Snapshot { return s.current.Load() }

// Stale reports whether the snapshot is older than MaxStale allows, and how
// old it is. It costs nothing while MaxStale is 0.
func (s *Store) Stale() (age time.Duration, stale bool) {
	limit := time.Duration(s.stale.Load())
	if limit == 0 {
		return 0, false
	}
	age = s.now().Sub(time.Unix(0, s.checked.Load()))
	return age, age > limit
}

// Wait returns the current snapshot and blocks while there is none.
func (s *Store) Wait(ctx context.Context) (*Snapshot, error) {
	if c := s.Current(); c != nil {
		return c, nil
	}
	s.start()
	select {
	case <-s.ready:
		return s.Current(), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Status returns the state of the store.
func (s *Store) Status() Status {
	s.mu.Lock()
	st := s.status
	s.mu.Unlock()
	if c := s.Current(); c != nil {
		st.Generation, st.Loaded = c.generation, c.loaded
		st.Checked = time.Unix(0, s.checked.Load())
	}
	_, st.Stale = s.Stale()
	return st
}

// Configure replaces the source and the times of a running store; the next
// load uses them. Call Reload to have one at once.
func (s *Store) Configure(source Source, interval, maxStale time.Duration) {
	s.start()
	s.mu.Lock()
	s.settings = settings{source, interval}
	s.mu.Unlock()
	s.stale.Store(int64(maxStale))
	s.poke()
}

// Reload asks for a load that begins after the call and waits for it. Calls
// that come while a load runs share the next one.
func (s *Store) Reload(ctx context.Context) error {
	s.start()
	done := make(chan error, 1)
	s.mu.Lock()
	s.waiting = append(s.waiting, done)
	s.mu.Unlock()
	s.poke()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// start makes what the zero Store lacks.
func (s *Store) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return
	}
	s.started = true
	s.ready = make(chan struct{})
	s.wake = make(chan struct{}, 1)
	s.settings = settings{s.Source, s.Interval}
	s.stale.Store(int64(s.MaxStale))
}

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Retry delays while the database is down: short at first, since a database
// that restarts is back in seconds, and never long, since mail waits.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// Run loads, and loads again on the timer, when asked, and after failures,
// until ctx ends. A failed load keeps the last good snapshot. It returns nil.
func (s *Store) Run(ctx context.Context) error {
	s.start()
	retry := firstRetry
	for {
		took, err := s.load(ctx, retry)
		delay := s.nextLoad(took)
		if err != nil {
			delay = retry
			retry = min(retry*2, lastRetry)
		} else {
			retry = firstRetry
		}
		if !s.sleep(ctx, delay) {
			s.answer(s.takeWaiting(), context.Cause(ctx))
			return nil
		}
	}
}

// nextLoad keeps re-reading below a twentieth of one core.
func (s *Store) nextLoad(took time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings.interval == 0 {
		return 0
	}
	return max(s.settings.interval, 20*took)
}

// sleep waits for the delay (0: for ever), for a request, or for the end, of
// which it returns false.
func (s *Store) sleep(ctx context.Context, delay time.Duration) bool {
	var timer <-chan time.Time
	if delay > 0 {
		t := time.NewTimer(delay)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-s.wake:
	case <-timer:
	}
	return ctx.Err() == nil
}

func (s *Store) load(ctx context.Context, retry time.Duration) (time.Duration, error) {
	waiting := s.takeWaiting()
	s.mu.Lock()
	source := s.settings.source
	s.mu.Unlock()
	began := s.now()
	snap, err := build(ctx, source, began, s.Current() != nil)
	took := s.now().Sub(began)
	r := LoadReport{Snapshot: snap, Err: err, Took: took}
	if err == nil {
		s.publish(snap)
	} else {
		r.Retry = retry
	}
	s.note(r)
	if s.OnLoad != nil && (err == nil || ctx.Err() == nil) {
		s.OnLoad(r)
	}
	s.answer(waiting, err)
	return took, err
}

// build turns a panic in a source (a driver's, say) into an error: the last
// good snapshot goes on being served.
func build(ctx context.Context, source Source, began time.Time, serving bool) (snap *Snapshot, err error) {
	defer func() {
		if p := recover(); p != nil {
			snap, err = nil, fmt.Errorf("reading the database panicked: %v", p)
		}
	}()
	b := NewBuilder()
	b.serving = serving
	if err := source.Load(ctx, b); err != nil {
		return nil, err
	}
	return b.Build(began), nil
}

// publish makes a snapshot the current one. Only Run calls it.
func (s *Store) publish(snap *Snapshot) {
	snap.generation = 1
	old := s.current.Load()
	if old != nil {
		snap.generation = old.generation + 1
	}
	s.checked.Store(snap.loaded.UnixNano())
	s.current.Store(snap)
	if old == nil {
		close(s.ready)
	}
}

func (s *Store) note(r LoadReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.DatabaseUp = r.Err == nil
	if r.Err != nil {
		s.status.LastError = r.Err.Error()
		return
	}
	s.status.LastError, s.status.LastDuration = "", r.Took
}

func (s *Store) takeWaiting() []chan error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waiting
	s.waiting = nil
	return w
}

func (s *Store) answer(waiting []chan error, err error) {
	for _, w := range waiting {
		w <- err
	}
}
