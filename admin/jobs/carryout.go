package jobs

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/store/db"
)

// locked runs a job under its lock, and notes that it ran through.
func (s *Scheduler) locked(ctx context.Context, job *Job, site *Site, lock *db.Lock, o Order) (*Report, error) {
	ctx, cancel := lock.Context(ctx)
	defer cancel()
	report, err := s.carryOut(ctx, job, site, o)
	if err != nil {
		return report, err
	}
	p := Past{Finished: report.Ended, Host: s.o.Host, Result: report.Result}
	if err := site.Memory.Done(ctx, job.Name, p); err != nil {
		return report, fmt.Errorf("note that job %s ran: %w", job.Name, err)
	}
	return report, nil
}

// carryOut calls the job's function.
func (s *Scheduler) carryOut(ctx context.Context, job *Job, site *Site, o Order) (*Report, error) {
	now := time.Now()
	r := &Run{
		DryRun: o.DryRun, Choices: o.Choices, Site: site, Log: s.o.Log.With(zap.String("job", job.Name)), Now: now, watch: o.Watch,
		report: Report{Job: job.Name, DryRun: o.DryRun, Began: now},
	}
	if !o.DryRun {
		s.begin(job.Name, r)
	}
	err := call(ctx, job, r)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // why it was stopped, rather than in which statement
	}
	if err != nil {
		err = fmt.Errorf("job %s: %w", job.Name, err)
	}
	report := r.end(time.Now(), err)
	s.finish(job.Name, report)
	return report, err
}

// call keeps a job that panics from taking the daemon along.
func call(ctx context.Context, job *Job, r *Run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("a job panicked, which is a bug", zap.Any("panic", p), zap.Stack("stack"))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	err = job.Run(ctx, r)
	if err == nil {
		err = context.Cause(ctx) // it may have ended early without a word
	}
	return err
}

func (s *Scheduler) begin(name string, r *Run) {
	s.mu.Lock()
	s.state(name).run = r
	s.mu.Unlock()
	if s.o.Began != nil {
		s.o.Began(name)
	}
}

func (s *Scheduler) finish(name string, report *Report) {
	s.mu.Lock()
	st := s.state(name)
	st.last = report
	if !report.DryRun {
		st.run, st.failed = nil, report.Error
	}
	s.mu.Unlock()
	switch {
	case report.DryRun:
	case report.Error != "":
		s.ended(name, Failed, report.Ended)
	default:
		level := zap.DebugLevel // of a job that runs each minute and finds nothing to do
		if len(report.Lines) > 0 {
			level = zap.InfoLevel
		}
		s.o.Log.Log(level, "a job ran", zap.String("job", name), zap.String("result", report.Result), zap.Duration("took", report.Ended.Sub(report.Began)))
		s.ended(name, OK, report.Ended)
	}
}

func (s *Scheduler) ended(name, result string, at time.Time) {
	if s.o.Ended != nil {
		s.o.Ended(name, result, at)
	}
}
