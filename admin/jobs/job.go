package jobs

import (
	"context"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
)

// Job is something to be done again and again.
type Job struct {
	Name string // "clean-logs": small letters and dashes, at most 40
	Text string // what it does, one sentence
	// Every is the time from the end of one run to the next; 0: only by order.
	Every time.Duration
	// Jitter is by how much a run may be later, at random, so that nodes and
	// installations do not all run at once.
	Jitter time.Duration
	// Off says why the job does not run by the clock although Every is set, "" if
	// it does.
	Off string
	// Choices are what an order may ask for besides, by their names. By the clock
	// the job runs with Usual.
	Choices []Choice
	Usual   []string
	Run     func(ctx context.Context, r *Run) error
}

// Choice is something that an order may ask for.
type Choice struct {
	Name string `json:"name"` // "delete"
	Text string `json:"text"`
}

// Site is what jobs work on.
type Site struct {
	DB      *db.DB
	Manager *manage.Manager
	Memory  Memory
	// LastLogin, if not nil, knows of logins that the database does not know yet.
	LastLogin func(username string) (time.Time, bool)
}

// Memory keeps when jobs last ran through.
type Memory interface {
	// Last returns the last run of a job, with the zero time if there was none.
	Last(ctx context.Context, job string) (Past, error)
	// Done notes one. Only who holds the job's lock calls it.
	Done(ctx context.Context, job string, p Past) error
}

// Past is a complete run.
type Past struct {
	Finished time.Time `json:"finished"`
	Host     string    `json:"host"`
	Result   string    `json:"result"` // one line
}

// Order is how a job is to be run.
type Order struct {
	DryRun  bool
	Choices []string
	// Watch, if not nil, is told what happens. Calls do not overlap.
	Watch func(Event)
}

// Event is something that happened in a run: a line of the report, or progress.
type Event struct {
	Line  string `json:"line,omitempty"`
	Done  int64  `json:"done,omitempty"`
	Total int64  `json:"total,omitempty"` // 0: not known
}

// Report is what a run did, or with DryRun would do.
type Report struct {
	Job    string    `json:"job"`
	DryRun bool      `json:"dry_run"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended"`
	Result string    `json:"result"` // one line
	Lines  []string  `json:"lines"`  // at most MaxLines
	More   int       `json:"more"`   // lines that are not there
	Error  string    `json:"error"`  // why it ended early, "" if it ran through
}

// MaxLines is how many lines of a report are kept. Watch is told all of them.
const MaxLines = 1000
