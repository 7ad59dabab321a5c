package daemon

import (
	"context"

	"github.com/vmapd/vmapd/admin/api"
	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/dnschecks/results"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/modoboa"
)

// dnsKeeper is what keeps results in the database in use.
func (d *Daemon) dnsKeeper(ctx context.Context) (*Config, *results.Store, error) {
	d.mu.Lock()
	cfg, databases := d.cfg, d.database
	d.mu.Unlock()
	schema, err := modoboa.Detect(ctx, databases.write, databases.write)
	if err != nil {
		return nil, nil, err
	}
	return cfg, cfg.results(databases.write, cfg.dnsOurs(schema.Name)), nil
}

// dnsReport returns what was found last of a domain, nil if it was not checked;
// with ask it is checked now.
func (d *Daemon) dnsReport(ctx context.Context, domain *manage.Domain, ask bool) (*dnschecks.Report, error) {
	cfg, keeper, err := d.dnsKeeper(ctx)
	if err != nil {
		return nil, err
	}
	if !ask {
		return keeper.Last(ctx, domain.ID, domain.Name)
	}
	done, err := d.dns.order(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	subject, err := keeper.Subject(ctx, domain.Name)
	if err != nil || subject == nil {
		return nil, err
	}
	runner, err := d.dns.runner(cfg, keeper, d.Parameters)
	if err != nil {
		return nil, err
	}
	return runner.One(ctx, *subject, true)
}

// apiDNS are the checks as the API wants them.
func (d *Daemon) apiDNS() *api.DNS {
	return &api.DNS{Report: func(ctx context.Context, domain *manage.Domain, ask bool) (any, error) {
		r, err := d.dnsReport(ctx, domain, ask)
		if r == nil {
			return nil, err
		}
		return r, err
	}}
}
