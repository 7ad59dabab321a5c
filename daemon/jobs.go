package daemon

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// JobsPath gives the file in which a daemon with that state folder keeps when
// jobs ran, where the database has no table for it.
func JobsPath(stateDir string) string { return filepath.Join(stateDir, "jobs.json") }

// hostname names this node where jobs ran.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// JobList lists the jobs for a database of a schema: "vmapd", one of Modoboa's,
// or "" while that is not known.
func (c *Config) JobList(schema string, dns *DNSChecks) []jobs.Job {
	j, usual := c.Jobs, []string(nil)
	if j.InactiveAccounts == jobs.Delete {
		usual = append(usual, jobs.Delete)
	}
	if j.KeepDir {
		usual = append(usual, jobs.KeepDir)
	}
	theirs := c.jobsOff(schema)
	list := []jobs.Job{jobs.CleanLogs(), jobs.CleanInactive(), jobs.DomainUsage(), jobs.Repair()}
	for i, every := range []Duration{j.CleanLogs, j.CleanInactiveAccounts, j.DomainUsage, j.Repair} {
		list[i].Every, list[i].Jitter, list[i].Off = every.D(), spread(every.D()), theirs
	}
	list[1].Usual = usual
	return append(list, c.mailboxJob(c.localMailboxes), dns.Job(c, schema))
}

// spread is by how much runs of different nodes and hosts are apart.
func spread(every time.Duration) time.Duration { return min(every/10, 10*time.Minute) }

// jobsOff says why what Modoboa's own cron does is not done by the clock, "" if
// it is.
func (c *Config) jobsOff(schema string) string {
	switch {
	case c.Jobs.Enabled == "never":
		return "jobs.enabled is never"
	case c.Jobs.Enabled == "always" || schema == "vmapd":
		return ""
	case schema == "":
		return "the database has not been read yet"
	}
	return "Modoboa's own cron may do it: jobs.enabled = \"always\" switches it on"
}

// LocalJobs makes a scheduler for who has no daemon: jobs run by order.
func (c *Config) LocalJobs(ctx context.Context, d *db.DB) (*jobs.Scheduler, error) {
	schema, err := modoboa.Detect(ctx, d, d)
	if err != nil {
		return nil, err
	}
	site := c.jobSite(d)
	dns := NewDNSChecks()
	return jobs.New(jobs.Options{Jobs: func() []jobs.Job { return c.JobList(schema.Name, dns) }, Site: func() jobs.Site { return site }, Host: hostname()}), nil
}

// openJobs makes the daemon's scheduler.
func (d *Daemon) openJobs() *jobs.Scheduler {
	m := newJobMetrics(d.metrics.registry)
	for _, job := range d.cfg.JobList("", d.dns) {
		m.add(job.Name)
	}
	return jobs.New(jobs.Options{Jobs: d.jobList, Site: d.jobSite, Host: hostname(), Log: d.log.Logger, Began: m.began, Ended: m.ended})
}

func (d *Daemon) jobList() []jobs.Job {
	schema := ""
	if s := d.store.Current(); s != nil && !d.store.Status().Stored {
		schema = s.Schema()
	}
	list := d.config().JobList(schema, d.dns)
	for i := range list {
		if list[i].Name == MailboxJob { // in the daemon it remembers
			list[i] = d.config().mailboxJob(func(*db.DB) *mailops.Runner { return d.mailboxRunner() })
		}
	}
	return list
}

// jobSite is the database in use, and the logins that it does not know yet.
func (d *Daemon) jobSite() jobs.Site {
	d.mu.Lock()
	site := d.database.jobs
	site.Manager = d.database.manager
	d.mu.Unlock()
	site.LastLogin = func(username string) (time.Time, bool) {
		if d.writes.spool == nil {
			return time.Time{}, false
		}
		w, ok := d.writes.spool.Get(modoboa.KindLastLogin, username)
		if !ok {
			w, ok = d.writes.spool.Get(modoboa.KindLastLogin, store.Fold(username))
		}
		return w.At, ok
	}
	return site
}

// jobMetrics count what jobs do.
type jobMetrics struct {
	runs    *prometheus.CounterVec
	success *prometheus.GaugeVec
	running *prometheus.GaugeVec
}

func newJobMetrics(r *prometheus.Registry) *jobMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"job"})
	}
	m := &jobMetrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vmapd_job_runs_total",
			Help: "Runs of jobs on this node, by result (ok, failed, skipped: another node runs it or just did). Dry runs are not counted.",
		}, []string{"job", "result"}),
		success: gauge("vmapd_job_last_success_timestamp_seconds", "When the job last ran through on this node; absent if it did not since the start."),
		running: gauge("vmapd_job_running", "1 while the job runs on this node, else 0."),
	}
	r.MustRegister(m.runs, m.success, m.running)
	return m
}

// add makes the series of a job be there from the start.
func (m *jobMetrics) add(job string) {
	for _, result := range []string{jobs.OK, jobs.Failed, jobs.Skipped} {
		m.runs.WithLabelValues(job, result)
	}
	m.running.WithLabelValues(job)
}

func (m *jobMetrics) began(job string) { m.running.WithLabelValues(job).Set(1) }

func (m *jobMetrics) ended(job, result string, at time.Time) {
	m.runs.WithLabelValues(job, result).Inc()
	if result == jobs.Skipped {
		return // it may be this node that runs it
	}
	m.running.WithLabelValues(job).Set(0)
	if result == jobs.OK {
		m.success.WithLabelValues(job).Set(float64(at.UnixMicro()) / 1e6)
	}
}
