package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/vmapd/vmapd/admin/api"
	"github.com/vmapd/vmapd/admin/jobs"
)

// jobLine is a line of the answer to POST /jobs/run of the control socket: what
// happens, and at last how it ended.
type jobLine struct {
	*jobs.Event
	Report *jobs.Report `json:"report,omitempty"`
	Error  string       `json:"error,omitempty"`
	Remedy string       `json:"remedy,omitempty"`
	Busy   bool         `json:"busy,omitempty"` // jobs.ErrElsewhere
	None   bool         `json:"none,omitempty"` // jobs.ErrUnknown
}

// serveJob runs a job as long as the client listens, and tells him what happens.
func (d *Daemon) serveJob(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(d.working, cancel)()
	w.Header().Set("Content-Type", "application/x-ndjson")
	rc, lines := http.NewResponseController(w), json.NewEncoder(w)
	var mu sync.Mutex
	send := func(l jobLine) {
		mu.Lock()
		defer mu.Unlock()
		if lines.Encode(l) != nil || rc.Flush() != nil {
			cancel() // nobody listens
		}
	}
	q := r.URL.Query()
	report, err := d.jobs.Now(ctx, q.Get("name"), jobs.Order{DryRun: q.Get("dry_run") == "true", Choices: q["with"], Watch: func(e jobs.Event) { send(jobLine{Event: &e}) }})
	end := jobLine{Report: report, Busy: errors.Is(err, jobs.ErrElsewhere), None: errors.Is(err, jobs.ErrUnknown)}
	if err != nil {
		end.Error, end.Remedy = err.Error(), remedyOf(err)
	}
	send(end)
}

// RunJob has the daemon run a job, tells o.Watch what happens, and returns what
// [jobs.Scheduler.Now] does. When ctx ends so does the job.
func (c Control) RunJob(ctx context.Context, name string, o jobs.Order) (*jobs.Report, error) {
	q := url.Values{"name": {name}, "with": o.Choices}
	if o.DryRun {
		q.Set("dry_run", "true")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://vmapd/jobs/run?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.HTTP(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("daemon at %s: %s", c.Path, resp.Status)
	}
	for lines := json.NewDecoder(resp.Body); ; {
		var l jobLine
		if err := lines.Decode(&l); err != nil {
			return nil, fmt.Errorf("daemon at %s: the answer ended early: %w", c.Path, err)
		}
		if l.Event == nil || *l.Event == (jobs.Event{}) {
			return l.Report, l.err()
		}
		if o.Watch != nil {
			o.Watch(*l.Event)
		}
	}
}

// err is the error that the daemon told.
func (l *jobLine) err() error {
	switch {
	case l.Error == "":
		return nil
	case l.Busy:
		return jobs.ErrElsewhere
	case l.None:
		return fmt.Errorf("%w%s", jobs.ErrUnknown, strings.TrimPrefix(l.Error, jobs.ErrUnknown.Error()))
	}
	return &toldError{l.Error, l.Remedy}
}

// toldError is an error of the daemon's, with its remedy.
type toldError struct{ text, remedy string }

// Error returns one line.
func (e *toldError) Error() string { return e.text }

// Remedy says what to do, "" for nothing.
func (e *toldError) Remedy() string { return e.remedy }

// apiJobs are the jobs as the API wants them.
func (d *Daemon) apiJobs() *api.Jobs { return &api.Jobs{List: d.jobs.List, Begin: d.jobs.Begin} }
