package jobs

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/store/db"
)

// Options say what a [Scheduler] works with.
type Options struct {
	// Jobs lists the jobs as they are configured now.
	Jobs func() []Job
	// Site returns what they work on now.
	Site func() Site
	Host string      // name of this node
	Log  *zap.Logger // nil for none
	// Began and Ended, if not nil, are told of the runs of this node that are not
	// dry: the result is one of those below.
	Began func(job string)
	Ended func(job, result string, at time.Time)
	// Tick is how often the clock is looked at, 5 s if it is 0.
	Tick time.Duration
	// Retry is how long a job waits at most that could not be run, or that another
	// node runs: 2 minutes if it is 0, but no longer than its interval.
	Retry time.Duration
}

// The results of a run.
const (
	OK      = "ok"
	Failed  = "failed"
	Skipped = "skipped" // another node runs it, or just did
)

// ErrElsewhere says that a job is running already, on this or another node.
var ErrElsewhere = errors.New("the job is running already, on this or another node")

// Scheduler runs jobs. Make one with [New]. It is safe for concurrent use.
type Scheduler struct {
	o       Options
	running sync.WaitGroup
	orders  chan func(context.Context) // for Run, see Begin

	mu   sync.Mutex
	jobs map[string]*state
}

// state is what this node knows of a job.
type state struct {
	run    *Run      // nil unless it runs here, not dry
	next   time.Time // when to try, zero: not found out yet
	every  time.Duration
	busy   bool    // the clock's run is under way
	last   *Report // of this node, dry or not
	failed string  // the error of its last run that was not dry
}

// New returns a scheduler that does nothing yet.
func New(o Options) *Scheduler {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Retry <= 0 {
		o.Retry = 2 * time.Minute
	}
	if o.Tick <= 0 {
		o.Tick = 5 * time.Second
	}
	return &Scheduler{o: o, orders: make(chan func(context.Context)), jobs: map[string]*state{}}
}

// Run runs jobs by the clock until ctx ends, and waits for those under way,
// which end then too.
func (s *Scheduler) Run(ctx context.Context) {
	tick := time.NewTicker(s.o.Tick)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.look(ctx, time.Now())
		select {
		case <-ctx.Done():
		case <-tick.C:
		case order := <-s.orders:
			s.running.Go(func() { order(ctx) })
		}
	}
	s.running.Wait()
}

// look begins what is due.
func (s *Scheduler) look(ctx context.Context, now time.Time) {
	for _, job := range s.o.Jobs() {
		if job.Every <= 0 || job.Off != "" {
			continue
		}
		s.mu.Lock()
		st := s.state(job.Name)
		if st.every != job.Every { // first seen, or configured anew
			st.every, st.next = job.Every, now.Add(jitter(job.Jitter))
		}
		due := !st.busy && !now.Before(st.next)
		st.busy = st.busy || due
		s.mu.Unlock()
		if due {
			s.running.Go(func() { s.byClock(ctx, &job) })
		}
	}
}

// state is called with the lock held.
func (s *Scheduler) state(name string) *state {
	st := s.jobs[name]
	if st == nil {
		st = &state{}
		s.jobs[name] = st
	}
	return st
}

// byClock runs a job if it is its time on no other node either, and says when
// to look again.
func (s *Scheduler) byClock(ctx context.Context, job *Job) {
	next, err := s.attempt(ctx, job)
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrElsewhere) {
		s.o.Log.Warn("a job did not run through: tried again", zap.String("job", job.Name), zap.Error(err), zap.Time("next_try", next), zap.String("remedy", remedy(err)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(job.Name)
	st.busy, st.next = false, next
}

func remedy(err error) string {
	var r interface{ Remedy() string }
	if errors.As(err, &r) {
		return r.Remedy()
	}
	return ""
}

// attempt looks when the job last ran, before the lock is taken and again under
// it, and runs it if that is long enough ago.
func (s *Scheduler) attempt(ctx context.Context, job *Job) (next time.Time, err error) {
	site := s.o.Site()
	if next, due, err := s.due(ctx, job, &site); err != nil || !due {
		return next, err
	}
	lock, err := site.DB.TryLock(ctx, LockName(job.Name))
	if errors.Is(err, db.ErrLocked) {
		s.ended(job.Name, Skipped, time.Now())
		return s.retry(job), ErrElsewhere
	}
	if err != nil {
		return s.retry(job), err
	}
	defer lock.Release()
	if next, due, err := s.due(ctx, job, &site); err != nil || !due {
		s.ended(job.Name, Skipped, time.Now())
		return next, err
	}
	if _, err := s.locked(ctx, job, &site, lock, Order{Choices: job.Usual}); err != nil {
		return s.retry(job), err
	}
	next, _, err = s.due(ctx, job, &site)
	return next, err
}

// LockName is the lock of a job (db.TryLock), for who does its work otherwise.
func LockName(job string) string { return "job-" + job }

// due reports whether a job is to run now, and else when it is. One that never
// ran is.
func (s *Scheduler) due(ctx context.Context, job *Job, site *Site) (next time.Time, due bool, err error) {
	past, err := site.Memory.Last(ctx, job.Name)
	now := time.Now()
	switch {
	case err != nil:
		return s.retry(job), false, err
	case past.Finished.IsZero(), !now.Before(past.Finished.Add(job.Every)):
		return now, true, nil
	case past.Finished.After(now.Add(job.Every)): // somebody's clock was wrong: it would be a long wait
		return now, true, nil
	}
	return past.Finished.Add(job.Every + jitter(job.Jitter)), false, nil
}

func jitter(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most)
}

// retry is when a job is tried again that could not be run.
func (s *Scheduler) retry(job *Job) time.Time {
	wait := min(job.Every, s.o.Retry)
	return time.Now().Add(wait/2 + jitter(wait/2))
}
