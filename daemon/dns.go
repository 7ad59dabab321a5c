package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/dnschecks/results"
	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// DNSPath gives the folder in which a daemon with that state folder keeps what
// DNS checks found, where the database has no place for it.
func DNSPath(stateDir string) string { return filepath.Join(stateDir, "dns") }

// DNSChecks checks what DNS says of domains. It remembers what it was answered,
// so there is one for all who ask.
type DNSChecks struct {
	orders chan struct{} // a place for each check by order

	mu      sync.Mutex
	alarms  dnschecks.Alarms // nil: nobody wants any
	servers []string
	checker *dnschecks.Checker
}

// dnsOrders is how many checks by order are made at the same time.
const dnsOrders = 4

// NewDNSChecks asks nobody yet.
func NewDNSChecks() *DNSChecks { return &DNSChecks{orders: make(chan struct{}, dnsOrders)} }

// SetAlarms says who is told what is wrong.
func (d *DNSChecks) SetAlarms(a dnschecks.Alarms) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.alarms = a
}

// Checker returns who asks the resolvers of a configuration.
func (d *DNSChecks) Checker(cfg *Config) (*dnschecks.Checker, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	servers := cfg.dnsServers()
	if d.checker != nil && slices.Equal(d.servers, servers) {
		return d.checker, nil
	}
	client, err := resolve.New(resolve.Options{Servers: servers, Concurrency: 32})
	if err != nil {
		return nil, fmt.Errorf("DNS cannot be asked: %w", err)
	}
	d.servers, d.checker = servers, dnschecks.New(dnschecks.Options{DNS: client})
	return d.checker, nil
}

// results opens what keeps results. ours says that they are written to the
// database.
func (c *Config) results(d *db.DB, ours bool) *results.Store {
	return results.New(results.Options{DB: d, Dir: DNSPath(c.StateDir), FileOnly: !ours})
}

// runner makes what checks domains of a database.
func (d *DNSChecks) runner(cfg *Config, keeper *results.Store, set func() *parameters.Set) (*dnschecks.Runner, error) {
	checker, err := d.Checker(cfg)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return &dnschecks.Runner{
		Checker: checker, Keeper: keeper, Alarms: d.alarms, Every: cfg.DNS.Every.D(),
		Settings: func() dnschecks.Settings { return cfg.DNSSettings(set()) },
	}, nil
}

// dnsJob is the name of the job.
const dnsJob = "dns-checks"

// DNSAll is what an order may ask of it: to check all domains, due or not.
const DNSAll = "all"

// Job is the job that checks the domains that are due, in a database of a
// schema.
func (d *DNSChecks) Job(cfg *Config, schema string) jobs.Job {
	job := jobs.Job{
		Name: dnsJob, Text: "Checks what DNS says of the domains that are due (dns.every).", Every: time.Minute, Jitter: time.Minute,
		Choices: []jobs.Choice{{Name: DNSAll, Text: "check all domains, those too that are not due, and ask everything anew"}},
		Run:     func(ctx context.Context, r *jobs.Run) error { return d.run(ctx, cfg, r) },
	}
	switch {
	case schema == "":
		job.Off = "the database has not been read yet"
	case cfg.Jobs.Enabled == "never":
		job.Off = "jobs.enabled is never"
	case cfg.DNS.Schedule == "never":
		job.Off = "dns.schedule is never"
	case !cfg.dnsOurs(schema):
		job.Off = `Modoboa's own jobs may do it: dns.schedule = "always" switches it on`
	}
	return job
}

// run is the job at work.
func (d *DNSChecks) run(ctx context.Context, cfg *Config, r *jobs.Run) error {
	set, err := r.Parameters(ctx)
	if err != nil {
		return err
	}
	schema, err := modoboa.Detect(ctx, r.Site.DB, r.Site.DB)
	if err != nil {
		return err
	}
	keeper := cfg.results(r.Site.DB, cfg.dnsOurs(schema.Name))
	runner, err := d.runner(cfg, keeper, func() *parameters.Set { return set })
	if err != nil {
		return err
	}
	due, err := keeper.Subjects(ctx)
	if err != nil {
		return err
	}
	if !r.Chosen(DNSAll) {
		due = runner.Due(due)
	}
	if r.DryRun {
		for _, s := range due {
			r.Did("%s is to be checked", s.Name)
		}
		r.Result("%d domains are to be checked", len(due))
		return nil
	}
	return d.checkAll(ctx, r, runner, keeper, due)
}

func (d *DNSChecks) checkAll(ctx context.Context, r *jobs.Run, runner *dnschecks.Runner, keeper *results.Store, due []dnschecks.Subject) error {
	bad, done := 0, 0
	err := runner.All(ctx, due, r.Chosen(DNSAll), func(report *dnschecks.Report) {
		if done++; report.State == dnschecks.Critical {
			bad++
		}
		r.Did("%s: %s", report.Domain, report.Brief())
		r.Progress(int64(done), int64(len(due)))
	})
	r.Result("%d domains checked, something is wrong with %d", done, bad)
	if err != nil {
		return err
	}
	return keeper.Tidy(ctx)
}

// order waits for a place to check a domain by order.
func (d *DNSChecks) order(ctx context.Context) (done func(), err error) {
	select {
	case d.orders <- struct{}{}:
		return func() { <-d.orders }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// DNSSite is what a check by hand needs.
type DNSSite struct {
	Checker  *dnschecks.Checker
	Settings dnschecks.Settings
	Results  *results.Store
}

// OpenDNS makes ready to check domains of a database.
func (c *Config) OpenDNS(ctx context.Context, d *db.DB) (*DNSSite, error) {
	release, err := parameters.Detect(ctx, d, d)
	if err != nil {
		return nil, err
	}
	set, err := parameters.Read(ctx, d, d, release, c.Overrides())
	if err != nil {
		return nil, err
	}
	checker, err := NewDNSChecks().Checker(c)
	if err != nil {
		return nil, err
	}
	return &DNSSite{checker, c.DNSSettings(set), c.results(d, false)}, nil
}
