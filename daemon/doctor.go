package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/admin/page"
	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/lookup"
)

// diagnosis keeps what the doctor found last: looking at a million mailboxes
// takes seconds of a processor.
type diagnosis struct {
	mu         sync.Mutex // held while the doctor looks
	at         time.Time
	generation uint64
	list       []doctor.Finding
}

// diagnosisFor is how long a diagnosis of the same data stands: key files and
// expiry dates change without it.
const diagnosisFor = time.Minute

// findings has the doctor look at the data being served.
func (d *Daemon) findings(ctx context.Context) ([]doctor.Finding, error) {
	snap := d.resolver.Servable()
	if snap == nil {
		return nil, page.ErrNoData
	}
	c, g := d.config(), &d.diagnosis
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.generation == snap.Generation() && time.Since(g.at) < diagnosisFor {
		return g.list, nil
	}
	list, err := doctor.Run(ctx, doctor.Input{
		Snapshot: snap, Lookup: c.LookupOptions(), DefaultScheme: c.Dovecot.DefaultScheme, WeakSchemes: c.Dovecot.WeakSchemes, OutsideAll: len(c.Outside.Backends) > 0,
		ReadKey: func(domain, selector, path string) (*dkim.Key, error) {
			return keyring.ReadKey(c.DKIM.KeyDir, domain, selector, path)
		},
	})
	if err != nil {
		return nil, err
	}
	g.at, g.generation, g.list = time.Now(), snap.Generation(), list
	return list, nil
}

// findingsForPage are those in the page's words.
func (d *Daemon) findingsForPage(ctx context.Context) ([]page.Finding, error) {
	list, err := d.findings(ctx)
	out := make([]page.Finding, len(list))
	for i, f := range list {
		out[i] = page.Finding{Level: string(f.Level), Subject: f.Subject, Problem: f.Problem, Remedy: f.Remedy}
	}
	return out, err
}

// findingsForAPI are those in the form of "vmapd doctor --json".
func (d *Daemon) findingsForAPI(ctx context.Context) (any, error) {
	list, err := d.findings(ctx)
	switch {
	case errors.Is(err, page.ErrNoData):
		return nil, lookup.ErrNoData
	case err != nil:
		return nil, err
	}
	return append([]doctor.Finding{}, list...), nil
}
