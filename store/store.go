package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Source is a database that can fill a snapshot. One that can also say what
// changed is a Follower.
type Source interface {
	// Load reads everything in one consistent view. It returns soon after ctx
	// ends.
	Load(ctx context.Context, b *Builder) error
}

// Settings are what a Store works by. Zero values are fine but for Source.
type Settings struct {
	Source Source
	// Origin names the database. A snapshot that was stored of another one is
	// not used.
	Origin string
	// Poll is the time between two looks for changes at a Follower; 0 = 1s.
	Poll time.Duration
	// Reload is the time between two reads of everything from a database that
	// cannot be followed; 0 = as often as a twentieth of the time allows, but
	// not more often than Poll. Negative = only when asked.
	Reload time.Duration
	// Audit is the time between two reads of everything from a database that is
	// followed, to make sure that nothing was missed; 0 = never.
	Audit time.Duration
	// MaxStale is the age at which a snapshot is no longer served; 0 = never.
	MaxStale time.Duration
}

// Store keeps the current Snapshot of a Source: it loads it, follows the
// changes, loads again after any doubt, and keeps a copy on disk. The exported
// fields are set before Run and not changed afterwards; see Configure.
type Store struct {
	Settings
	// File is where the snapshot is kept on disk; "" = nowhere.
	File  string
	Hooks Hooks
	Now   func() time.Time // time.Now unless a test says otherwise

	current atomic.Pointer[Snapshot]
	checked atomic.Pointer[time.Time] // when the snapshot was last known to equal the database
	stale   atomic.Int64              // MaxStale while running

	mu       sync.Mutex
	started  bool
	ready    chan struct{}
	wake     chan struct{}
	settings Settings
	changed  bool         // settings, since Run last looked
	loads    []chan error // who asked for a load that has not begun
	syncs    []chan error // who waits for what was committed to be served
	saves    []chan error // who asked for a copy on disk
	status   Status
}

// Hooks are told what a Store does. The daemon logs and counts there: Store
// needs neither logger nor metrics. Each may be nil; none may block for long.
type Hooks struct {
	// Begin is told that everything is being read, and what is served meanwhile. It
	// runs beside that, and has to end with ctx.
	Begin  func(ctx context.Context, served *Snapshot)
	Load   func(LoadReport)   // every read of everything, good or bad
	Change func(ChangeReport) // changes that were followed, failures to do so, and the end of such failures
	Audit  func(AuditReport)  // every comparison of what was served with what was read anew
	File   func(FileReport)   // the copy on disk was read or written, or could not be
	Prune  func(error)        // the log of changes was pruned, or could not be
}

// LoadReport describes a read of everything.
type LoadReport struct {
	Snapshot *Snapshot // nil if it failed
	Err      error
	Took     time.Duration
	Retry    time.Duration // after a failure: when the next attempt is due
}

// ChangeReport describes what following brought.
type ChangeReport struct {
	Rows int
	Took time.Duration
	// Err wraps ErrLost if everything is read again, else the database is away.
	Err error
}

// AuditReport tells how a snapshot that was read anew differs from the one
// that was served.
type AuditReport struct {
	Difference
	// Followed says that all changes were followed: any difference was missed.
	Followed bool
	Took     time.Duration
}

// FileReport describes what became of the copy on disk.
type FileReport struct {
	Write bool // else it was read
	Err   error
	Took  time.Duration
	// Age is that of the data read.
	Age time.Duration
}

// Status is what an administrator wants to know of a Store.
type Status struct {
	Generation   uint64        // of the snapshot served, 0 = none yet
	Loaded       time.Time     // when everything was last read
	Checked      time.Time     // when the snapshot was last known to equal the database
	Age          time.Duration // since Checked
	DatabaseUp   bool          // the database answered when it was last asked
	LastError    string        // what it failed with, "" if it is up
	LastDuration time.Duration // of the last good read of everything
	Following    bool          // changes are followed; else everything is read again and again
	FollowError  string        // why they are not, if that is a failure
	Stored       bool          // the snapshot came from the disk, and the database has not been read since
	Stale        bool          // too old to be served
	Missed       int           // rows that audits found wrong since the start
}

// Static returns a Store that serves one snapshot for ever. Run must not be
// called.
func Static(snap *Snapshot) *Store {
	s := new(Store)
	s.start()
	s.publish(snap, snap.loaded)
	return s
}

// Current returns the snapshot being served, or nil before there is one.
func (s *Store) Current() *Snapshot { return s.current.Load() }

// Stale reports whether the snapshot is older than MaxStale allows, and how
// old it is. It costs nothing while MaxStale is 0.
func (s *Store) Stale() (age time.Duration, stale bool) {
	limit := time.Duration(s.stale.Load())
	if limit == 0 {
		return 0, false
	}
	age = s.age()
	return age, age > limit
}

// age is the time since the snapshot was known to be true. While the daemon
// runs the clock's steps do not matter; a copy from the disk has nothing but
// the time of day to go by.
func (s *Store) age() time.Duration {
	at := s.checked.Load()
	if at == nil {
		return 0
	}
	return max(s.clock().Sub(*at), 0)
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
		st.Checked, st.Age = *s.checked.Load(), s.age()
	}
	_, st.Stale = s.Stale()
	return st
}

// Configure replaces the settings of a running store. Call Reload to have a
// load at once.
func (s *Store) Configure(settings Settings) {
	s.start()
	s.mu.Lock()
	s.settings, s.changed = settings, true
	s.mu.Unlock()
	s.stale.Store(int64(settings.MaxStale))
	s.poke()
}

// Reload asks for a load that begins after the call and waits until what it
// read is served. Calls that come while a load runs share the next one.
func (s *Store) Reload(ctx context.Context) error { return s.ask(ctx, &s.loads) }

// Sync waits until everything that was committed before the call is served.
// Where changes are followed that takes as long as one look at the log, else a
// load. The error says why the database cannot be read.
func (s *Store) Sync(ctx context.Context) error { return s.ask(ctx, &s.syncs) }

// Save makes sure that what is served is on disk.
func (s *Store) Save(ctx context.Context) error { return s.ask(ctx, &s.saves) }

func (s *Store) ask(ctx context.Context, queue *[]chan error) error {
	s.start()
	done := make(chan error, 1)
	s.mu.Lock()
	*queue = append(*queue, done)
	s.mu.Unlock()
	s.poke()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take empties a queue.
func (s *Store) take(queue *[]chan error) []chan error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := *queue
	*queue = nil
	return w
}

func answer(waiting []chan error, err error) {
	for _, w := range waiting {
		w <- err
	}
}

func (s *Store) poke() { signal(s.wake) }

// signal fills a channel of one place.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
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
	s.settings = s.Settings
	s.stale.Store(int64(s.MaxStale))
}

func (s *Store) clock() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// publish makes a snapshot the current one. Only Run calls it.
func (s *Store) publish(snap *Snapshot, checked time.Time) {
	snap.generation = 1
	old := s.current.Load()
	if old != nil {
		snap.generation = old.generation + 1
	}
	s.checked.Store(&checked)
	s.current.Store(snap)
	if old == nil {
		close(s.ready)
	}
}

// note changes the status.
func (s *Store) note(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}
