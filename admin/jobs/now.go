package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// ErrUnknown says that there is no such job, or that it has no such choice.
var ErrUnknown = errors.New("there is no such job")

// Now runs a job by order, whenever it last ran. The error is ErrUnknown,
// ErrElsewhere, or what ended the run early: then the report says what had been
// done.
func (s *Scheduler) Now(ctx context.Context, name string, o Order) (*Report, error) {
	job, err := s.find(name, o)
	if err != nil {
		return nil, err
	}
	site := s.o.Site()
	if o.DryRun {
		return s.carryOut(ctx, job, &site, o)
	}
	lock, err := site.DB.TryLock(ctx, LockName(name))
	if errors.Is(err, db.ErrLocked) {
		return nil, ErrElsewhere
	}
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	report, err := s.locked(ctx, job, &site, lock, o)
	if err == nil {
		s.mu.Lock()
		s.state(name).every = 0 // the clock looks anew when it is due
		s.mu.Unlock()
	}
	return report, err
}

// Outcome is what Now returns.
type Outcome struct {
	Report *Report
	Err    error
}

// Begin is Now for who does not wait: the run goes on when ctx ends, and ends
// with Run, which must be at work.
func (s *Scheduler) Begin(ctx context.Context, name string, o Order) (<-chan Outcome, error) {
	if _, err := s.find(name, o); err != nil {
		return nil, err
	}
	done := make(chan Outcome, 1)
	run := func(ctx context.Context) {
		report, err := s.Now(ctx, name, o)
		done <- Outcome{report, err}
	}
	select {
	case s.orders <- run:
		return done, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// find finds the job of an order.
func (s *Scheduler) find(name string, o Order) (*Job, error) {
	for _, job := range s.o.Jobs() {
		if job.Name != name {
			continue
		}
		for _, choice := range o.Choices {
			if !slices.ContainsFunc(job.Choices, func(c Choice) bool { return c.Name == choice }) {
				return nil, fmt.Errorf("%w: %s cannot be run with %q", ErrUnknown, name, choice)
			}
		}
		return &job, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
}

// Status is a job and how it is.
type Status struct {
	Name    string     `json:"name"`
	Text    string     `json:"text"`
	Every   float64    `json:"every_seconds"` // 0: by order alone
	Choices []Choice   `json:"choices"`       // what an order may ask for
	Off     string     `json:"off"`           // why it does not run by the clock, "" if it does
	Running bool       `json:"running"`       // on this node
	Done    int64      `json:"done"`          // while it runs: so much
	Total   int64      `json:"total"`         // of so much, 0 = not known
	Next    *time.Time `json:"next"`          // when this node tries, null = not known, or never
	Last    *Past      `json:"last"`          // complete run, on whichever node; null = none
	Error   string     `json:"error"`         // why the last run of this node failed, "" if it did not
	Report  *Report    `json:"report"`        // of the last run of this node, dry or not
}

// List lists the jobs. An error says that it cannot be read when they last ran;
// the list is there nevertheless.
func (s *Scheduler) List(ctx context.Context) ([]Status, error) {
	var errs error
	all, site := []Status{}, s.o.Site()
	for _, job := range s.o.Jobs() {
		st := s.status(&job)
		past, err := site.Memory.Last(ctx, job.Name)
		if err == nil && !past.Finished.IsZero() {
			st.Last = &past
		}
		if errs == nil {
			errs = err
		}
		all = append(all, st)
	}
	return all, errs
}

func (s *Scheduler) status(job *Job) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.state(job.Name)
	st := Status{Name: job.Name, Text: job.Text, Choices: append([]Choice{}, job.Choices...), Every: job.Every.Seconds(), Off: job.Off, Running: known.run != nil, Error: known.failed, Report: known.last}
	if st.Running {
		st.Done, st.Total = known.run.progress()
	}
	if next := known.next; job.Every > 0 && job.Off == "" && !next.IsZero() {
		st.Next = &next
	}
	return st
}
