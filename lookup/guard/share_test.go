package guard

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

// TestAgedEvents counts what others counted a while ago: as much is forgotten.
func TestAgedEvents(t *testing.T) {
	for _, tt := range []struct {
		age  time.Duration
		want int
	}{
		{0, 20}, {14 * time.Minute, 20}, {15 * time.Minute, 19}, {time.Hour, 16}, {299 * time.Minute, 1}, {5 * time.Hour, 0}, {1000 * time.Hour, 0},
	} {
		g, c := newGuard(Settings{})
		c.advance(time.Minute) // a guard that is younger than the event
		for i := range 30 {
			g.apply(&Event{Kind: Failed, Account: alice, Remote: away, Fingerprint: uint64(i + 1), Age: tt.age})
		}
		got := 0
		if accounts, _ := g.Top(1); len(accounts) > 0 {
			got = accounts[0].Guesses
		}
		if got != tt.want {
			t.Errorf("of age %v: %d guesses are left, want %d", tt.age, got, tt.want)
		}
	}
}

// TestAgedEventsWithoutFingerprint counts each, also what is older than the
// guard that hears of it.
func TestAgedEventsWithoutFingerprint(t *testing.T) {
	g, _ := newGuard(Settings{})
	for range 10 {
		g.apply(&Event{Kind: Failed, Account: alice, Age: time.Minute})
	}
	if accounts, _ := g.Top(1); len(accounts) != 1 || accounts[0].Guesses != 10 {
		t.Errorf("%+v, want 10 guesses", accounts)
	}
}

// TestAgedEventsForgiveNothing puts late news into full buckets.
func TestAgedEventsForgiveNothing(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		g, c := newGuard(Settings{})
		c.advance(10 * time.Hour)
		n := rapid.IntRange(1, 20).Draw(t, "guesses")
		guesses(g, alice, away, 0, n)
		for i := range rapid.IntRange(1, 50).Draw(t, "events") {
			age := time.Duration(rapid.Int64Range(0, int64(20*time.Hour)).Draw(t, "age"))
			g.apply(&Event{Kind: Failed, Account: alice, Remote: away, Fingerprint: uint64(100 + i), Age: age})
		}
		if accounts, _ := g.Top(1); len(accounts) != 1 || accounts[0].Guesses < n || accounts[0].Guesses > 20 {
			t.Fatalf("%+v, want %d to 20", accounts, n)
		}
	})
}

func TestAgedSuccess(t *testing.T) {
	for age, known := range map[time.Duration]bool{0: true, 13 * 24 * time.Hour: true, 14 * 24 * time.Hour: false, 100 * 24 * time.Hour: false} {
		g, _ := newGuard(Settings{})
		g.apply(&Event{Kind: Succeeded, Account: alice, Remote: home1, Age: age})
		guesses(g, alice, away, 0, 30)
		if refused := probe(g, alice, home1).Refuse; refused == known {
			t.Errorf("a login of %v ago: refused at home: %v", age, refused)
		}
	}
}

func TestBadEventsAreIgnored(t *testing.T) {
	g, _ := newGuard(Settings{})
	for _, e := range []Event{
		{},
		{Kind: "other", Account: alice},
		{Kind: Failed, Account: strings.Repeat("a", MaxAccount+1)},
		{Kind: Failed, Account: alice, Age: -1},
		{Kind: Forgiven},
	} {
		g.apply(&e)
	}
	if accounts, networks := g.Top(10); len(accounts)+len(networks) > 0 {
		t.Errorf("%v %v", accounts, networks)
	}
}

// recorder is a way to other nodes that fails at first, and then keeps what it
// is given.
type recorder struct {
	mu       sync.Mutex
	failures int
	events   []Event
}

var errAway = errors.New("away")

func (r *recorder) Key(_ context.Context, mine [32]byte) ([32]byte, error) { return mine, r.fail() }

func (r *recorder) fail() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures > 0 {
		r.failures--
		return errAway
	}
	return nil
}

func (r *recorder) Publish(_ context.Context, events []Event) error {
	if err := r.fail(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	return nil
}

func (r *recorder) Receive(ctx context.Context) ([]Event, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (r *recorder) got() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// TestOnlyNewsIsTold, each once, in order, also what came before Run and what
// could not be told at first.
func TestOnlyNewsIsTold(t *testing.T) {
	r := &recorder{failures: 5}
	failed := make(chan error, 100)
	g, c := newGuard(Settings{Shared: r, ShareRetry: time.Microsecond, OnShareError: func(err error) { failed <- err }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})

	try(g, alice, home1, "right", true) // news
	try(g, alice, home1, "right", true)
	try(g, alice, home1, "wrong", false) // news
	try(g, alice, home1, "wrong", false)
	go func() {
		defer close(done)
		g.Run(ctx)
	}()
	try(g, alice, home1, "right", true) // forgives: news
	guesses(g, alice, away, 1<<20, 25)  // twenty are news, the others refused
	c.advance(2 * time.Hour)
	try(g, alice, home1, "right", true) // is known for longer: news
	g.Forgive(alice)

	want := "succeeded failed succeeded" + strings.Repeat(" failed", 20) + " succeeded forgiven"
	for end := time.Now().Add(time.Minute); (r.got() < 25 || len(failed) < 5) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
	var kinds []string
	for _, e := range r.events {
		kinds = append(kinds, string(e.Kind))
	}
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
	if len(failed) != 5 || !errors.Is(<-failed, errAway) {
		t.Errorf("%d failures were reported, want 5", len(failed))
	}
}

func TestQueueIsBounded(t *testing.T) {
	g, _ := newGuard(Settings{Shared: &recorder{}})
	for i := range maxQueue + 100 {
		g.After(Attempt{Account: accountName(i), Remote: addr4(i * 1000), Fingerprint: 1}, true)
	}
	if s := g.Stats(); s.Unshared != 100 || len(g.events) != maxQueue {
		t.Errorf("%d not shared, %d wait, want 100, %d", s.Unshared, len(g.events), maxQueue)
	}
}

func TestRunWithoutOthersReturns(t *testing.T) {
	g, _ := newGuard(Settings{})
	g.Run(t.Context())
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	g := New(Settings{MaxEntries: 64, MaxHomes: 64, Shared: &recorder{}})
	ctx, cancel := context.WithCancel(t.Context())
	var run, wg sync.WaitGroup
	run.Go(func() { g.Run(ctx) })
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				account := accountName(i % 10)
				try(g, account, addr4(i%50+w), fmt.Sprint(i), i%7 == 0)
				g.apply(&Event{Kind: Failed, Account: account, Remote: away, Fingerprint: uint64(i)})
				if i%100 == 0 {
					g.Top(3)
					g.Pressure()
					g.Apart()
					g.Forgive(account)
					g.Stats()
				}
			}
		})
	}
	wg.Wait()
	cancel()
	run.Wait()
	if s := g.Stats(); s.Attempts == 0 || s.Attempts > 8*500 {
		t.Errorf("%+v", s)
	}
}
