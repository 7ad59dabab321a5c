package store

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"
)

// feed is a database with a log of changes: domains by id. It stands where a
// real one would make a test slow; store/modoboa tests the real ones.
type feed struct {
	mu       sync.Mutex
	domains  map[uint32]string
	log      []uint32 // ids that changed
	pruned   int      // log entries that are gone
	down     error
	lost     bool // the next Follow does not find its way
	restart  bool // the next Follow tells of a restart
	loads    int
	loading  func() // called in the middle of a load
	notify   chan struct{}
	prunings int
}

func newFeed(n int) *feed {
	f := &feed{domains: map[uint32]string{}, notify: make(chan struct{}, 1)}
	for i := range n {
		f.domains[uint32(i+1)] = domainName(i)
	}
	return f
}

// set commits a change; an empty name deletes.
func (f *feed) set(id uint32, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(id, name)
	f.log = append(f.log, id)
	signal(f.notify)
}

// miss commits a change that the log does not tell of.
func (f *feed) miss(id uint32, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(id, name)
}

func (f *feed) write(id uint32, name string) {
	if f.domains[id] = name; name == "" {
		delete(f.domains, id)
	}
}

func (f *feed) break_(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
}

func (f *feed) addTo(b *Builder, id uint32, name string) {
	b.AddDomain(Domain{ID: id, Name: name, Type: LocalDomain, Enabled: true})
}

func (f *feed) Load(_ context.Context, b *Builder) error {
	f.mu.Lock()
	if f.down != nil {
		defer f.mu.Unlock()
		return f.down
	}
	f.loads++
	rows := maps.Clone(f.domains)
	b.SetPosition(Position(strconv.Itoa(f.pruned + len(f.log))))
	during := f.loading
	f.mu.Unlock()
	if during != nil {
		during()
	}
	for id, name := range rows {
		f.addTo(b, id, name)
	}
	return nil
}

func (f *feed) Follow(_ context.Context, from Position) (*Changes, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := strconv.Atoi(string(from))
	switch {
	case f.down != nil:
		return nil, f.down
	case err != nil || f.lost || at < f.pruned:
		f.lost = false
		return nil, fmt.Errorf("%w: the log does not reach back to %q", ErrLost, from)
	}
	c := &Changes{To: Position(strconv.Itoa(f.pruned + len(f.log))), Restarted: f.restart}
	f.restart = false
	ids := append([]uint32(nil), f.log[at-f.pruned:]...)
	now := map[uint32]string{}
	for _, id := range ids {
		now[id] = f.domains[id]
	}
	if c.Rows = len(now); c.Rows == 0 {
		return c, nil
	}
	c.Apply = func(b *Builder) {
		for id, name := range now {
			if b.Remove(Domains, id); name != "" {
				f.addTo(b, id, name)
			}
		}
	}
	return c, nil
}

func (f *feed) Watch(ctx context.Context, wake func()) error {
	for wake(); ; wake() {
		select {
		case <-ctx.Done():
			return nil
		case <-f.notify:
		}
	}
}

func (f *feed) Prune(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.prunings++
	return nil
}

// serves waits until the snapshot has a domain, or has it not.
func serves(t *testing.T, s *Store, name string, want bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if snap := s.Current(); snap != nil {
			if _, ok := snap.Domain(name); ok == want {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: never %v", name, want)
}

// reports collects what hooks are told.
type reports struct {
	mu      sync.Mutex
	audits  []AuditReport
	files   []FileReport
	changes []ChangeReport
	loads   []LoadReport
}

func (r *reports) hooks() Hooks {
	return Hooks{
		Audit:  func(a AuditReport) { r.mu.Lock(); defer r.mu.Unlock(); r.audits = append(r.audits, a) },
		File:   func(a FileReport) { r.mu.Lock(); defer r.mu.Unlock(); r.files = append(r.files, a) },
		Change: func(a ChangeReport) { r.mu.Lock(); defer r.mu.Unlock(); r.changes = append(r.changes, a) },
		Load:   func(a LoadReport) { r.mu.Lock(); defer r.mu.Unlock(); r.loads = append(r.loads, a) },
	}
}

// until waits for something to be true of the reports.
func (r *reports) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		r.mu.Lock()
		done := ok()
		r.mu.Unlock()
		if done {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never:", what)
}
