package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/store/db"
)

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

// mailboxes has operations carried out for the configuration in effect.
type mailboxes struct {
	mu     sync.Mutex
	cfg    *Config
	runner *mailops.Runner
	err    error // of the last run
}

// How often what is left of operations is looked for, and how often operations
// that somebody else carries out.
const (
	tidyMailboxes   = time.Hour
	lookAtMailboxes = time.Minute
)

// runnerFor returns the runner, a new one after a reload; nil if there is
// nothing to carry out.
func (m *mailboxes) runnerFor(c *Config, d *db.DB, report func(mailops.Result)) *mailops.Runner {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cfg == c {
		return m.runner
	}
	m.cfg, m.runner, m.err = c, nil, nil
	if o, ok := c.MailboxOptions(d); ok {
		o.Tidy, o.Report = tidyMailboxes, report
		m.runner = mailops.NewRunner(o)
	}
	return m.runner
}

// keepMailboxes carries operations on mailboxes out, until ctx ends.
func (d *Daemon) keepMailboxes(ctx context.Context) {
	const look = time.Second // whether the configuration has changed
	var last time.Time
	for tick := time.NewTicker(look); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		d.mu.Lock()
		c, write := d.cfg, d.database.write
		d.mu.Unlock()
		r := d.mailboxes.runnerFor(c, write, d.mailboxResult)
		every := c.Mailboxes.Every.D()
		if every == 0 {
			every = lookAtMailboxes
		}
		if r == nil || time.Since(last) < every {
			continue
		}
		d.runMailboxes(ctx, r)
		last = time.Now()
	}
}

func (d *Daemon) runMailboxes(ctx context.Context, r *mailops.Runner) {
	var err error
	if d.config().Mailboxes.Every > 0 {
		_, err = r.Run(ctx, false)
	} else {
		err = r.Look(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, mailops.ErrBusy) { // it does our work
		err = nil
	}
	d.mailboxes.mu.Lock()
	news := err != nil && (d.mailboxes.err == nil || d.mailboxes.err.Error() != err.Error())
	d.mailboxes.err = err
	d.mailboxes.mu.Unlock()
	if news {
		d.log.Warn("operations on mailboxes cannot be carried out", zap.Error(err), zap.String("remedy", remedyOf(err)))
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
	runner, err := m.runner, m.err
	m.mu.Unlock()
	if runner == nil {
		return nil
	}
	s := runner.Status()
	out := &MailboxStatus{Pending: s.Pending, Oldest: s.Oldest.Seconds(), Failed: s.Failed}
	if err != nil {
		out.Error = err.Error()
	}
	return out
}
