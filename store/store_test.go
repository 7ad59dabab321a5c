package store

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a Source of n domains that can be told to fail or to block.
type source struct {
	begun atomic.Int64 // loads
	loads atomic.Int64 // those that came through the gate
	fail  atomic.Pointer[error]
	gate  chan struct{} // if set, each load takes one item first
}

func (s *source) Load(ctx context.Context, b *Builder) error {
	s.begun.Add(1)
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	n := s.loads.Add(1)
	if err := s.fail.Load(); err != nil {
		return *err
	}
	for i := range n {
		b.AddDomain(Domain{ID: uint32(i + 1), Name: domainName(int(i)), Enabled: true, Type: LocalDomain})
	}
	return nil
}

func run(t *testing.T, s *Store) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestReloadPublishesANewGeneration(t *testing.T) {
	var reports []LoadReport
	var mu sync.Mutex
	s := &Store{Settings: Settings{Source: &source{}, Reload: -1}, Hooks: Hooks{Load: func(r LoadReport) { mu.Lock(); defer mu.Unlock(); reports = append(reports, r) }}}
	if s.Current() != nil || s.Status().Generation != 0 {
		t.Fatal("there is a snapshot before the first load")
	}
	run(t, s)
	first, err := s.Wait(t.Context())
	if err != nil || first.Generation() != 1 {
		t.Fatalf("first: %v %v", first, err)
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := s.Current()
	if second == first || second.Generation() < 2 || second.Counts().Domains <= first.Counts().Domains {
		t.Errorf("after a reload: generation %d, %d domains", second.Generation(), second.Counts().Domains)
	}
	if st := s.Status(); !st.DatabaseUp || st.LastError != "" || st.Generation != second.Generation() || st.Checked.IsZero() {
		t.Errorf("status %+v", st)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(reports) < 2 || reports[0].Err != nil || reports[0].Snapshot != first {
		t.Errorf("reports %+v", reports)
	}
}

func TestFailedReloadKeepsTheLastGoodSnapshot(t *testing.T) {
	src := &source{}
	s := &Store{Settings: Settings{Source: src, Reload: -1}}
	run(t, s)
	good, err := s.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("connection refused")
	src.fail.Store(&down)
	if err := s.Reload(t.Context()); !errors.Is(err, down) {
		t.Fatalf("reload: %v", err)
	}
	if s.Current() != good {
		t.Error("the snapshot changed")
	}
	if st := s.Status(); st.DatabaseUp || !strings.Contains(st.LastError, "refused") || st.Generation != 1 {
		t.Errorf("status %+v", st)
	}
}

func TestDatabaseDownAtStart(t *testing.T) {
	src := &source{}
	down := errors.New("connection refused")
	src.fail.Store(&down)
	s := &Store{Settings: Settings{Source: src, Reload: -1}}
	run(t, s)
	if err := s.Reload(t.Context()); err == nil {
		t.Fatal("reload of a dead database")
	}
	src.fail.Store(nil)
	// Nobody asks: the store itself tries again.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := s.Wait(ctx); err != nil {
		t.Errorf("no recovery: %v", err)
	}
}

func TestReloadsThatComeTogetherShareALoad(t *testing.T) {
	src := &source{gate: make(chan struct{})}
	s := &Store{Settings: Settings{Source: src, Reload: -1}}
	run(t, s)
	for src.begun.Load() == 0 { // it blocks in its first load
		time.Sleep(time.Millisecond)
	}
	const n = 20
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for range n {
		wg.Go(func() { errs <- s.Reload(context.Background()) })
	}
	for waiting := 0; waiting < n; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		waiting = len(s.loads)
		s.mu.Unlock()
	}
	close(src.gate)
	wg.Wait()
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := src.loads.Load(); got > 3 {
		t.Errorf("%d loads for %d requests", got, n)
	}
}

func TestTimerReloads(t *testing.T) {
	s := &Store{Settings: Settings{Source: &source{}, Reload: time.Millisecond}}
	loads := make(chan LoadReport, 100)
	s.Hooks.Load = func(r LoadReport) {
		select {
		case loads <- r:
		default:
		}
	}
	run(t, s)
	for range 3 {
		<-loads
	}
}

// TestLoadThatHung: a load that hung, on the network say, does not put the next
// one off for twenty times as long.
func TestLoadThatHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{gate: make(chan struct{})}
		s := &Store{Settings: Settings{Source: src, Reload: time.Millisecond}}
		run(t, s)
		time.Sleep(10 * time.Millisecond) // the first load takes a moment
		src.gate <- struct{}{}
		time.Sleep(time.Second) // the second load hangs
		src.gate <- struct{}{}
		select {
		case src.gate <- struct{}{}:
		case <-time.After(10 * time.Second):
			t.Error("10 s after a load that hung for a second there is no other one")
		}
	})
}

func TestPanicInASourceIsAnError(t *testing.T) {
	s := &Store{Settings: Settings{Source: panicky{}, Reload: -1}}
	run(t, s)
	if err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "panicked: driver") {
		t.Errorf("got %v", err)
	}
}

type panicky struct{}

func (panicky) Load(context.Context, *Builder) error { panic("driver") }

func TestConfigureChangesTheSource(t *testing.T) {
	first, second := &source{}, &source{}
	second.loads.Store(10)
	s := &Store{Settings: Settings{Source: first, Reload: -1}}
	run(t, s)
	if _, err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Configure(Settings{Source: second, Reload: -1, MaxStale: time.Hour})
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Current().Counts().Domains; n < 11 {
		t.Errorf("%d domains: the old source was read", n)
	}
	if age, stale := s.Stale(); stale || age < 0 || age > time.Minute {
		t.Errorf("age %v, stale %v", age, stale)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := &Store{Settings: Settings{Source: &source{}, Reload: -1}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := s.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestReadersDuringReloads reads while a store reloads.
func TestReadersDuringReloads(t *testing.T) {
	s := &Store{Settings: Settings{Source: &source{}, Reload: -1}}
	run(t, s)
	if _, err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var stop atomic.Bool
	for range 2 {
		wg.Go(func() {
			for last := uint64(0); !stop.Load(); runtime.Gosched() {
				snap := s.Current()
				if snap.Generation() < last {
					t.Errorf("generation %d after %d", snap.Generation(), last)
				}
				last = snap.Generation()
				// The n-th load has n domains: never half of them.
				if n := snap.Counts().Domains; n != int(last) {
					t.Errorf("generation %d has %d domains", last, n)
				}
				if _, ok := snap.Domain(domainName(0)); !ok {
					t.Error("the first domain is missing")
				}
			}
		})
	}
	for range 50 {
		if err := s.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}
