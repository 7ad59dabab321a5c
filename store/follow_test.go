package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

func TestChangesAreFollowed(t *testing.T) {
	for _, tc := range []struct {
		name string
		poll time.Duration
	}{{"by notification", time.Hour}, {"by poll", time.Millisecond}} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFeed(10)
			s := &Store{Settings: Settings{Source: f, Poll: tc.poll}}
			run(t, s)
			serves(t, s, domainName(9), true)
			f.set(5, "new.test")
			serves(t, s, "new.test", true)
			serves(t, s, domainName(4), false)
			f.set(5, "")
			serves(t, s, "new.test", false)
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.loads != 1 {
				t.Errorf("%d loads for two changes", f.loads)
			}
			if st := s.Status(); !st.Following || st.Missed != 0 {
				t.Errorf("status %+v", st)
			}
		})
	}
}

func TestChangesDuringALoadAreServed(t *testing.T) {
	f, r := newFeed(10), &reports{}
	f.loading = func() {
		f.set(3, "during.test")
		f.set(4, "")
	}
	s := &Store{Settings: Settings{Source: f, Poll: time.Hour}, Hooks: r.hooks()}
	run(t, s)
	serves(t, s, "during.test", true)
	serves(t, s, domainName(3), false)
	// And so they are during an audit, which must not take them for missed.
	f.mu.Lock()
	f.loading = func() { f.set(3, "later.test") }
	f.mu.Unlock()
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	serves(t, s, "later.test", true)
	r.until(t, "an audit that finds nothing", func() bool { return len(r.audits) == 1 && r.audits[0].Rows == 0 && r.audits[0].Followed })
}

func TestAuditFindsAndRepairsWhatWasMissed(t *testing.T) {
	f, r := newFeed(10), &reports{}
	s := &Store{Settings: Settings{Source: f, Poll: time.Millisecond, Audit: 10 * time.Millisecond}, Hooks: r.hooks()}
	run(t, s)
	serves(t, s, domainName(9), true)
	f.miss(2, "missed.test")
	serves(t, s, "missed.test", true)
	r.until(t, "the audit says so", func() bool {
		for _, a := range r.audits {
			if a.Rows == 1 && a.Followed && a.First[0] == "admin_domain id=2" {
				return true
			}
		}
		return false
	})
	if st := s.Status(); st.Missed != 1 {
		t.Errorf("%d missed", st.Missed)
	}
}

func TestLostLogIsReadAnew(t *testing.T) {
	f, r := newFeed(10), &reports{}
	s := &Store{Settings: Settings{Source: f, Poll: time.Millisecond}, Hooks: r.hooks()}
	run(t, s)
	serves(t, s, domainName(9), true)
	f.mu.Lock()
	f.lost = true
	f.write(7, "unlogged.test")
	f.mu.Unlock()
	serves(t, s, "unlogged.test", true)
	r.until(t, "told of the loss", func() bool { return len(r.changes) > 0 && errors.Is(r.changes[0].Err, ErrLost) })
	f.set(7, "followed.test") // and again by following
	serves(t, s, "followed.test", true)
	r.until(t, "a comparison that does not count as missed", func() bool { return len(r.audits) == 1 && !r.audits[0].Followed })
	if s.Status().Missed != 0 {
		t.Error("counted as missed")
	}
}

func TestSyncWaitsForWhatWasCommitted(t *testing.T) {
	f := newFeed(10)
	s := &Store{Settings: Settings{Source: f, Poll: time.Hour}}
	run(t, s)
	serves(t, s, domainName(9), true)
	for i := range 50 {
		name := fmt.Sprintf("synced%d.test", i)
		f.miss(7, name)
		f.mu.Lock()
		f.log = append(f.log, 7) // without a notification
		f.mu.Unlock()
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Current().Domain(name); !ok {
			t.Fatalf("%s is not served", name)
		}
	}
	f.miss(7, "unlogged.test")
	f.mu.Lock()
	f.lost = true
	f.mu.Unlock()
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Current().Domain("unlogged.test"); !ok {
		t.Error("a lost log: not served after Sync")
	}
	f.break_(errors.New("connection refused"))
	if err := s.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Sync without a database: %v", err)
	}
}

func TestRestartedServerIsReadAnew(t *testing.T) {
	f, r := newFeed(10), &reports{}
	s := &Store{Settings: Settings{Source: f, Poll: time.Millisecond}, Hooks: r.hooks()}
	run(t, s)
	serves(t, s, domainName(9), true)
	f.mu.Lock()
	f.restart = true
	f.write(7, "forgotten.test") // what was read is not there any more
	f.mu.Unlock()
	serves(t, s, "forgotten.test", true)
	f.set(7, "followed.test")
	serves(t, s, "followed.test", true)
	r.until(t, "a comparison that does not count as missed", func() bool { return len(r.audits) == 1 && !r.audits[0].Followed })
	if s.Status().Missed != 0 {
		t.Error("counted as missed")
	}
}

func TestOutageKeepsTheSnapshotAndRecovers(t *testing.T) {
	f, r := newFeed(10), &reports{}
	s := &Store{Settings: Settings{Source: f, Poll: time.Millisecond}, Hooks: r.hooks()}
	run(t, s)
	serves(t, s, domainName(9), true)
	f.break_(errors.New("connection refused"))
	r.until(t, "the outage is noticed", func() bool { return len(r.changes) > 0 })
	if st := s.Status(); st.DatabaseUp || st.LastError == "" || !st.Following {
		t.Errorf("status %+v", st)
	}
	if _, ok := s.Current().Domain(domainName(9)); !ok {
		t.Error("the snapshot is gone")
	}
	f.set(1, "back.test")
	f.break_(nil)
	serves(t, s, "back.test", true)
	r.until(t, "the recovery is told", func() bool { return r.changes[len(r.changes)-1].Err == nil })
	if f.loads != 1 {
		t.Errorf("%d loads", f.loads)
	}
}

// TestClockSteps sets the clock back and forward: the age goes by a clock that
// does not, what is served is served on, and following goes on.
func TestClockSteps(t *testing.T) {
	var mu sync.Mutex
	step := time.Duration(0)
	f := newFeed(3)
	s := &Store{Settings: Settings{Source: f, Poll: time.Millisecond, MaxStale: time.Minute}}
	s.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(step)
	}
	run(t, s)
	serves(t, s, domainName(2), true)
	for _, d := range []time.Duration{-time.Hour, 48 * time.Hour, -24 * time.Hour} {
		mu.Lock()
		step = d
		mu.Unlock()
		name := fmt.Sprintf("at%d.test", int(d.Hours()+100))
		f.set(1, name)
		serves(t, s, name, true)
		if age, stale := s.Stale(); stale || age < 0 {
			t.Errorf("step %v: age %v, stale %v", d, age, stale)
		}
	}
}

// TestFollowingAgainstTheDatabase commits random changes, some while loads
// run and connections break: in the end the store must serve what the database
// has, and no audit may have found anything.
func TestFollowingAgainstTheDatabase(t *testing.T) {
	property.Check(t, func(rt *rapid.T) {
		f, r := newFeed(5), &reports{}
		s := &Store{Settings: Settings{Source: f, Poll: time.Millisecond, Audit: time.Millisecond}, Hooks: r.hooks()}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = s.Run(ctx) }()
		defer func() { stop(); <-done }()
		if _, err := s.Wait(ctx); err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(rt, "changes") {
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				f.break_(errors.New("connection refused"))
			case 1:
				time.Sleep(time.Millisecond)
			default:
				f.break_(nil)
				f.set(rapid.Uint32Range(1, 8).Draw(rt, "id"), rapid.SampledFrom([]string{"", "a.test", "b.test", "c.test"}).Draw(rt, "name"))
			}
		}
		f.break_(nil)
		f.set(100, "last.test")
		serves(t, s, "last.test", true)
		fresh := NewBuilder()
		if err := f.Load(ctx, fresh); err != nil {
			rt.Fatal(err)
		}
		if d := Compare(s.Current(), fresh.Build(time.Now()), func() {}); d.Rows != 0 {
			rt.Fatalf("the store differs from the database: %+v", d)
		}
		if n := s.Status().Missed; n != 0 {
			rt.Fatalf("audits found %d rows", n)
		}
	})
}
