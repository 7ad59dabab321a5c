package dnschecks

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/internal/resolve"
)

// Options say with what a Checker asks.
type Options struct {
	DNS *resolve.Client
	// Other makes a client that asks one server (Settings.Server); nil: with the
	// defaults of package resolve.
	Other func(server string) (*resolve.Client, error)
	Now   func() time.Time // default time.Now

	// For tests: who signs the servers of policy files (nil: the system's), the
	// port they are at (0: 443), and whether they may be at addresses that are not
	// public.
	Roots     *x509.CertPool
	Port      uint16
	Private   bool
	FetchTime time.Duration // of a policy file, default 10 s
}

// Checker checks domains. Its methods may be called at the same time.
type Checker struct {
	o     Options
	lists lists

	mu    sync.Mutex
	asker *asker // the one that was used last
}

// New makes a Checker.
func New(o Options) *Checker {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Other == nil {
		o.Other = func(server string) (*resolve.Client, error) {
			return resolve.New(resolve.Options{Servers: []string{server}})
		}
	}
	return &Checker{o: o, lists: lists{now: o.Now, zones: map[string]*zone{}, known: map[question]answered{}}, asker: &asker{client: o.DNS, keys: dnscheck.New(o.DNS)}}
}

// asker is a client and what asks through it.
type asker struct {
	server string // "" = the resolvers
	client *resolve.Client
	keys   *dnscheck.Checker
}

// asks returns who asks a server. It is kept, with all that it knows, until
// another server is to be asked.
func (c *Checker) asks(server string) (*asker, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asker.server == server {
		return c.asker, nil
	}
	client := c.o.DNS
	if server != "" {
		var err error
		if client, err = c.o.Other(server); err != nil {
			return nil, fmt.Errorf("custom_dns_server: %w", err)
		}
	}
	c.asker = &asker{server, client, dnscheck.New(client)}
	return c.asker, nil
}

// run is one check of one domain.
type run struct {
	*asker
	c      *Checker
	s      *Settings
	domain string // with A-labels
	keys   []Key
	fresh  bool
	hosts  []Host
}

// ask asks DNS; with fresh what is remembered is not good enough.
func (r *run) ask(ctx context.Context, name, kind string) (*resolve.Answer, error) {
	if err := resolve.CheckName(name); err != nil {
		return nil, &nameError{err}
	}
	if r.fresh {
		return r.client.Fresh(ctx, name, kind)
	}
	return r.client.Lookup(ctx, name, kind)
}

// nameError is about a name that DNS cannot hold: nobody needs to be asked.
type nameError struct{ err error }

func (e *nameError) Error() string { return e.err.Error() }

// Check checks a domain. fresh has everything asked anew. It always returns a
// report; what ctx ends is Unknown in it.
func (c *Checker) Check(ctx context.Context, d Domain, s Settings, fresh bool) *Report {
	report := &Report{DomainID: d.ID, Domain: d.Name, State: Off, Checked: c.o.Now().UTC().Truncate(time.Second), Hosts: []Host{}, Listings: []Listing{}, Results: []Result{}, Alarms: []string{}}
	name, err := dkim.FoldDomain(d.Name)
	if err == nil {
		err = resolve.CheckName(name)
	}
	switch {
	case err != nil:
		report.Skipped = "DNS cannot hold this name: " + err.Error()
		return report
	case resolve.Reserved(name):
		report.Skipped = "Names below " + name[len(name)-len(lastLabel(name)):] + " are reserved and not in DNS (RFC 2606). What counts is the last label; Modoboa compares all that follows the first dot."
		return report
	}
	a, err := c.asks(s.Server)
	if err != nil {
		report.Skipped = err.Error()
		return report
	}
	r := &run{asker: a, c: c, s: &s, domain: name, keys: d.Keys, fresh: fresh}
	if s.makes(DNSBL) {
		report.zones = s.Zones
	}
	r.all(ctx, report)
	return report
}

func lastLabel(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			return name[i+1:]
		}
	}
	return name
}

// all makes the checks: MX first, because others look at what it finds.
func (r *run) all(ctx context.Context, report *Report) {
	mx := r.mx(ctx, report)
	r.hosts = report.Hosts
	checks := []struct {
		kind Kind
		make func(context.Context, *Result)
	}{
		{DNSBL, func(ctx context.Context, res *Result) {
			report.Listings = r.dnsbl(ctx, res, len(report.Vague) > 0 || mx.State == Unknown)
		}},
		{SPF, r.spf},
		{DKIM, r.dkim},
		{DMARC, r.dmarc},
		{Autoconfig, r.autoconfig},
		{Autodiscover, r.autodiscover},
		{STS, r.sts},
		{TLSRPT, r.tlsrpt},
	}
	results := make([]Result, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		results[i] = Result{Kind: check.kind, State: Off, Findings: []Finding{}}
		if r.s.makes(check.kind) {
			results[i].State = ""
			wg.Go(func() { check.make(ctx, &results[i]) })
		}
	}
	wg.Wait()
	if !r.s.makes(MX) { // what it found is still needed
		mx.State, mx.Findings, mx.Record = Off, nil, nil
	}
	for _, res := range append([]Result{mx}, results...) {
		res.finish()
		if res.State.rank() > report.State.rank() {
			report.State = res.State
		}
		report.Results = append(report.Results, res)
	}
}

// public reports whether an address can be reached from elsewhere.
func public(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared(a)
}

// shared are addresses of carriers' networks (RFC 6598), and those of IPv4
// that nobody has.
func shared(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	return b[0] == 100 && b[1]&0xc0 == 64 || b[0] == 0 || b[0] >= 240
}
