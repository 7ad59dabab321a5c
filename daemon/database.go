package daemon

import (
	"time"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// databases are the ways to the configured database: one to read, which cannot
// write, and one to write what vmapd may write: its own log of changes, and
// what the mail side reports. They connect when they are first used.
type databases struct {
	read, write *db.DB
	source      *modoboa.Source
	manager     *manage.Manager
	overrides   parameters.Overrides
	elsewhere   manage.Elsewhere // who changes passwords that are not here; nil: nobody
	jobs        jobs.Site
}

// A database that hangs must be noticed soon, so that its return is. One that
// takes longer to connect to wants connect_timeout (PostgreSQL) or timeout
// (MySQL) in its URL.
const (
	connectTimeout = 1200 * time.Millisecond
	silence        = 5 * time.Second // without one byte
)

func openDatabases(cfg *Config) (*databases, error) {
	o := db.Options{Password: cfg.password, ReadOnly: true, ConnectTimeout: connectTimeout, IOTimeout: silence}
	read, err := db.Open(cfg.Database.URL, o)
	if err != nil {
		return nil, err
	}
	o.ReadOnly, o.MustExist = false, true
	write, err := db.Open(cfg.Database.URL, o)
	if err != nil {
		_ = read.Close()
		return nil, err
	}
	d := &databases{read: read, write: write, source: &modoboa.Source{DB: read, Writer: write}}
	d.configure(cfg)
	d.jobs = cfg.jobSite(write)
	return d, nil
}

// jobSite is what jobs work on.
func (c *Config) jobSite(d *db.DB) jobs.Site {
	return jobs.Site{DB: d, Manager: manage.New(c.ManageOptions(d)), Memory: jobs.Remember(modoboa.JobRuns{DB: d}, JobsPath(c.StateDir))}
}

// configure makes what writes follow a configuration.
func (d *databases) configure(cfg *Config) {
	o := cfg.ManageOptions(d.write)
	o.Elsewhere = d.elsewhere
	d.manager, d.overrides = manage.New(o), cfg.Modoboa.overrides
}

func (d *databases) Close() {
	_ = d.source.Close()
	_ = d.read.Close()
	_ = d.write.Close()
}

// settings gives the store's settings.
func (d *databases) settings(cfg *Config) store.Settings {
	c := cfg.Database
	return store.Settings{
		Source: d.source, Origin: d.read.Name,
		Poll: c.Poll.D(), Reload: c.Reload.D(), Audit: c.Audit.D(), MaxStale: c.MaxStale.D(),
	}
}
