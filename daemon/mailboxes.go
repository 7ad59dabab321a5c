package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/alarm"
	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/store/db"
)

// MailboxJob is the name of the job that carries operations on mailboxes out.
const MailboxJob = "mailbox-operations"

// MailboxOptions say how operations on mailboxes are carried out; ok is false if
// they are not.
func (c *Config) MailboxOptions(d *db.DB) (o mailops.Options, ok bool) {
	m := &c.Mailboxes
	if m.Root == "" {
		return o, false
	}
	logins := c.loginOptions()
	o = mailops.Options{DB: d, Home: c.ManageOptions(d).Home, Address: logins.AddressOfHome, Domain: logins.DomainOfHome}
	api := &mailops.API{URL: m.URL, Key: m.key}
	if m.URL != "" {
		o.Sessions = api
	}
	depth := m.depth(c.Dovecot.Home)
	o.Carrier = &mailops.Files{Root: m.Root, Depth: depth}
	if m.Mode == "doveadm" {
		o.Carrier = &mailops.Doveadm{API: *api, Root: m.Root, Depth: depth, Mail: m.mail, FS: m.FS}
	}
	return o, true
}

// mailboxJob is the job; runner gives what carries operations out in the
// database of a run.
func (c *Config) mailboxJob(runner func(*db.DB) *mailops.Runner) jobs.Job {
	job := jobs.Job{Name: MailboxJob, Text: "Renames and removes folders of mailboxes as Modoboa has ordered it (admin_mailboxoperation).", Every: c.Mailboxes.Every.D()}
	if c.Mailboxes.Root == "" {
		job.Off = "mailboxes.root is empty"
	}
	job.Run = func(ctx context.Context, r *jobs.Run) error {
		if c.Mailboxes.Root == "" {
			return errors.New("mailboxes.root is empty: set it to the folder of all mail")
		}
		return runMailboxes(ctx, r, runner(r.Site.DB))
	}
	return job
}

// runMailboxes carries operations out, and reports.
func runMailboxes(ctx context.Context, r *jobs.Run, runner *mailops.Runner) error {
	n, total := int64(0), int64(runner.Status().Pending)
	s, err := runner.RunWith(ctx, r.DryRun, func(result mailops.Result) {
		n++
		r.Progress(n, max(n, total))
		r.Did("%s", result)
	})
	var owner *mailops.OwnerError
	switch {
	case errors.As(err, &owner) && !r.DryRun: // somebody else is to do it; the doctor says so
		r.Result("not done here: %v", err)
		return nil
	case errors.Is(err, mailops.ErrBusy):
		r.Result("%v", err)
		return nil
	case err != nil:
		return err
	}
	if s != (mailops.Summary{}) {
		r.Result("%d done, %d refused, %d waiting", s.Done, s.Refused, s.Waiting)
	}
	return nil
}

// localMailboxes is the job without a daemon.
func (c *Config) localMailboxes(d *db.DB) *mailops.Runner {
	o, _ := c.MailboxOptions(d)
	return mailops.NewRunner(o)
}

// mailboxes has operations carried out for the configuration in effect. It knows
// what failed before, and when each operation came.
type mailboxes struct {
	mu     sync.Mutex
	cfg    *Config
	db     *db.DB
	runner *mailops.Runner
}

// How often what is left of operations is looked for, and how often which there
// are: another node, or the owner of the mail, may carry them out.
const (
	tidyMailboxes = time.Hour
	lookAtRows    = time.Minute
)

// runnerFor returns the runner, a new one after a reload; nil if there is
// nothing to carry out.
func (m *mailboxes) runnerFor(c *Config, d *db.DB, alarms mailops.Alarms, report func(mailops.Result)) *mailops.Runner {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cfg == c && m.db == d {
		return m.runner
	}
	m.cfg, m.db, m.runner = c, d, nil
	if o, ok := c.MailboxOptions(d); ok {
		o.Tidy, o.Report, o.Alarms = tidyMailboxes, report, alarms
		m.runner = mailops.NewRunner(o)
	}
	return m.runner
}

// mailboxRunner returns the runner for the configuration in effect.
func (d *Daemon) mailboxRunner() *mailops.Runner {
	d.mu.Lock()
	c, site := d.cfg, d.database.jobs
	d.mu.Unlock()
	return d.mailboxes.runnerFor(c, site.DB, mailboxAlarms{d.Alarms()}, d.mailboxResult)
}

// mailboxAlarms tells administrators of operations that fail.
type mailboxAlarms struct{ book AlarmBook }

// OperationFailed implements [mailops.Alarms].
func (a mailboxAlarms) OperationFailed(address string, r mailops.Result) {
	title := r.Kind + " of the folder of " + address + " failed"
	if address == "" {
		title = "an operation on the folder of a mailbox failed"
	}
	a.book.Open(alarm.OperationFailed, address, title, r.String())
}

// OperationSettled implements [mailops.Alarms].
func (a mailboxAlarms) OperationSettled(address string) {
	a.book.Close(alarm.OperationFailed, address)
}

// watchMailboxes keeps knowing since when operations wait, until ctx ends.
func (d *Daemon) watchMailboxes(ctx context.Context) {
	for tick := time.NewTicker(lookAtRows); ; {
		if r := d.mailboxRunner(); r != nil {
			_ = r.Look(ctx) // the database is somebody else's to report
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// mailboxResult logs what became of an operation.
func (d *Daemon) mailboxResult(r mailops.Result) {
	fields := []zap.Field{zap.Int64("row", r.ID), zap.String("type", r.Kind), zap.String("path", r.Path), zap.String("to", r.To)}
	if r.Done {
		d.log.Info("mailbox: "+r.Text, fields...)
		return
	}
	d.log.Warn("operation on a mailbox was not carried out: "+r.Text, append(fields, zap.String("remedy", r.Remedy))...)
}

// MailboxStatus describes the operations on mailboxes.
type MailboxStatus struct {
	Pending int              `json:"pending"`
	Oldest  float64          `json:"oldest_seconds"` // since the oldest was seen first
	Failed  []mailops.Result `json:"failed,omitempty"`
	Error   string           `json:"error,omitempty"` // why none is carried out
}

// status returns nil if operations are not the daemon's business.
func (m *mailboxes) status() *MailboxStatus {
	m.mu.Lock()
	runner := m.runner
	m.mu.Unlock()
	if runner == nil {
		return nil
	}
	s := runner.Status()
	out := &MailboxStatus{Pending: s.Pending, Oldest: s.Oldest.Seconds(), Failed: s.Failed}
	if s.Err != nil && !errors.Is(s.Err, mailops.ErrBusy) {
		out.Error = s.Err.Error()
	}
	return out
}
