package dnschecks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Subject is a domain that is to be checked, and what is known of the last
// time.
type Subject struct {
	Domain
	Signs   bool      // its mail is signed here
	Checked time.Time // zero = never
	State   State     // of the report then, "" = unknown
}

// Keeper keeps reports.
type Keeper interface {
	Subjects(ctx context.Context) ([]Subject, error)
	// Keep reports false if the report was not the one to keep.
	Keep(ctx context.Context, r *Report) (bool, error)
	// Last returns nil if there is none.
	Last(ctx context.Context, id int64, name string) (*Report, error)
}

// Runner checks domains when they are due. Its methods may be called at the
// same time.
type Runner struct {
	Checker  *Checker
	Keeper   Keeper
	Alarms   Alarms          // nil: nobody wants any
	Settings func() Settings // asked for each domain

	Every       time.Duration // between two checks of a domain, default 1 h
	Concurrency int           // domains at the same time, default 8
	Now         func() time.Time
}

// What is wrong is looked at again after a part of Every, what could not be said
// sooner still.
const (
	wrongPart   = 4
	unknownPart = 12
)

func (r *Runner) every() time.Duration { return cmp.Or(r.Every, time.Hour) }

func (r *Runner) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// Due leaves of all subjects those that are due, the longest overdue first.
func (r *Runner) Due(all []Subject) []Subject {
	now := r.now()
	var due []Subject
	for i := range all {
		if !r.Next(&all[i]).After(now) {
			due = append(due, all[i])
		}
	}
	slices.SortStableFunc(due, func(a, b Subject) int { return a.Checked.Compare(b.Checked) })
	return due
}

// Next says when a subject is due: at once if it never was checked. Otherwise
// at the times that its id decides, one in each Every; the first of them may be
// up to a half sooner or later than Every.
func (r *Runner) Next(s *Subject) time.Time {
	if s.Checked.IsZero() {
		return s.Checked
	}
	every := r.every()
	start := time.Unix(0, 0).Add(phase(s.ID, every))
	next := start.Add(s.Checked.Sub(start).Truncate(every))
	for next.Sub(s.Checked) < every/2 {
		next = next.Add(every)
	}
	switch s.State {
	case Critical:
		next = earlier(next, s.Checked.Add(every/wrongPart))
	case Unknown:
		next = earlier(next, s.Checked.Add(every/unknownPart))
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// phase spreads ids evenly over an interval, whatever ids there are: neighbours
// are far apart (multiples of the golden ratio).
func phase(id int64, every time.Duration) time.Duration {
	const golden = 0x9e3779b97f4a7c15
	part := float64(uint64(id)*golden>>11) / (1 << 53)
	return time.Duration(part * float64(every))
}

// All checks subjects, several at the same time, and keeps what is found. done
// is told of each, one call at a time; it may be nil. The error is the first one
// of the Keeper's, with which it ends, or that of ctx.
func (r *Runner) All(ctx context.Context, subjects []Subject, fresh bool, done func(*Report)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan Subject)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range min(cmp.Or(r.Concurrency, 8), len(subjects)) {
		wg.Go(func() {
			for s := range next {
				report, err := r.One(ctx, s, fresh)
				if err != nil {
					cancel(err)
					continue
				}
				if done != nil {
					mu.Lock()
					done(report)
					mu.Unlock()
				}
			}
		})
	}
	for _, s := range subjects {
		select {
		case next <- s:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// One checks a subject, keeps what is found, and opens and closes alarms. What
// was cut short by ctx is not kept.
func (r *Runner) One(ctx context.Context, s Subject, fresh bool) (*Report, error) {
	settings := r.Settings()
	report := r.Checker.Check(ctx, s.Domain, settings, fresh)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	last, err := r.Keeper.Last(ctx, s.ID, s.Name)
	if err != nil {
		return nil, fmt.Errorf("the last report about %s: %w", s.Name, err)
	}
	calls := report.alarms(last, settings.Quiet)
	kept, err := r.Keeper.Keep(ctx, report)
	if err != nil {
		return nil, err
	}
	if kept && r.Alarms != nil {
		ring(r.Alarms, report.Domain, calls)
	}
	return report, nil
}
