package jobs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// Run is a job at work. Its methods are safe for concurrent use.
type Run struct {
	DryRun  bool
	Log     *zap.Logger // of the daemon, with the job's name
	Now     time.Time   // when it began: what is old is old by this
	Choices []string    // names of those of the order
	Site    *Site

	watch func(Event)

	mu          sync.Mutex
	report      Report
	done, total int64
}

// Chosen reports whether the order has a choice.
func (r *Run) Chosen(name string) bool { return slices.Contains(r.Choices, name) }

// Parameters reads Modoboa's settings.
func (r *Run) Parameters(ctx context.Context) (set *parameters.Set, err error) {
	err = r.Read(ctx, func(t *manage.Tx) (err error) {
		set, err = t.Parameters()
		return err
	})
	return set, err
}

// Progress says how much is done, of how much: 0 if that is not known.
func (r *Run) Progress(done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done, r.total = done, total
	r.tell(Event{Done: done, Total: total})
}

// Did adds a line to the report: what was done, or would be.
func (r *Run) Did(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.report.Lines) < MaxLines {
		r.report.Lines = append(r.report.Lines, line)
	} else {
		r.report.More++
	}
	r.tell(Event{Line: line})
}

// Result says in one line what came of it all, for lists of jobs.
func (r *Run) Result(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Result = fmt.Sprintf(format, args...)
}

// Read gives f one consistent view of the database.
func (r *Run) Read(ctx context.Context, f func(*manage.Tx) error) error {
	return r.Site.Manager.Read(ctx, manage.Machine(), f)
}

// Write runs f in a transaction. In a dry run it does nothing.
func (r *Run) Write(ctx context.Context, f func(*manage.Tx) error) error {
	if r.DryRun {
		return nil
	}
	return r.Site.Manager.Write(ctx, manage.Machine(), f)
}

// Note writes a line into Modoboa's log (core_log), with the level and the
// logger that Modoboa's own job gives it: "ERROR", "modoboa.jobs". In a dry run
// it does nothing.
func (r *Run) Note(ctx context.Context, level, logger, format string, args ...any) error {
	return r.Write(ctx, func(t *manage.Tx) error { return t.Note(level, logger, format, args...) })
}

// tell is called with the lock held.
func (r *Run) tell(e Event) {
	if r.watch != nil {
		r.watch(e)
	}
}

// progress returns what is done, of how much.
func (r *Run) progress() (done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done, r.total
}

// end completes the report.
func (r *Run) end(at time.Time, err error) *Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Ended = at
	if err != nil {
		r.report.Error = err.Error()
	}
	out := r.report
	out.Lines = append([]string{}, out.Lines...)
	return &out
}
