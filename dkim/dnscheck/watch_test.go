package dnscheck

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmapd/vmapd/internal/resolve"
)

// table is a Resolver without a network, for tests in which time is faked.
type table struct {
	delay time.Duration
	mu    sync.Mutex
	text  map[string]string
	rcode string
	times map[string][]time.Time // when a name was asked for
}

func (r *table) Ask(ctx context.Context, _ string, q resolve.Question) (*resolve.Answer, error) {
	select {
	case <-time.After(r.delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times[q.Name] = append(r.times[q.Name], time.Now())
	switch text := r.text[q.Name]; {
	case r.rcode != "":
		return &resolve.Answer{Rcode: r.rcode}, nil
	case text == "":
		return &resolve.Answer{Rcode: "NXDOMAIN", TTL: time.Minute}, nil
	default:
		return &resolve.Answer{Rcode: "NOERROR", Records: []string{text}, TTL: time.Hour}, nil
	}
}

// watching is a Watcher that runs, with what it reported.
type watching struct {
	*Watcher
	resolver *table

	mu      sync.Mutex
	keys    []Key
	reports []string
	gone    []string
}

func watch(t *testing.T, keys ...Key) *watching {
	w := &watching{resolver: &table{delay: 10 * time.Millisecond, text: map[string]string{}, times: map[string][]time.Time{}}, keys: keys}
	c := withOptions(t, resolve.Options{Servers: []string{"192.0.2.1"}, Resolver: w.resolver})
	w.Watcher = &Watcher{
		Checker: c,
		Keys: func() []Key {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Clone(w.keys)
		},
		Report: func(k Key, r Result) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reports = append(w.reports, k.Domain+" "+k.ID+" "+string(r.Code))
		},
		Gone: func(k Key) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.gone = append(w.gone, k.Domain)
		},
	}
	return w
}

// during runs the watcher while f runs.
func (w *watching) during(t *testing.T, f func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { w.Run(ctx) })
	f()
	cancel()
	wg.Wait()
}

// set changes the keys to watch.
func (w *watching) set(keys ...Key) {
	w.mu.Lock()
	w.keys = keys
	w.mu.Unlock()
	w.Changed()
}

// take returns what was reported since the last call.
func (w *watching) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.reports, ", ")
	w.reports = nil
	return all
}

func keyOf(domain string, pub crypto.PublicKey, id string) Key {
	return Key{Domain: domain, Selector: "s", ID: id, Public: func() (crypto.PublicKey, error) { return pub, nil }}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, keyOf("a.example", edPublic, "1"), keyOf("b.example", edPublic, "1"))
		w.resolver.text["s._domainkey.a.example"] = record(edPublic)
		w.during(t, func() {
			time.Sleep(time.Second)
			if got := w.take(); got != "a.example 1 ok, b.example 1 nxdomain" {
				t.Errorf("at first: %s", got)
			}
			// A record that is missing is looked for again long before the hour.
			w.resolver.mu.Lock()
			w.resolver.text["s._domainkey.b.example"] = record(edPublic)
			w.resolver.mu.Unlock()
			time.Sleep(12 * time.Minute)
			if got := w.take(); got != "b.example 1 ok" {
				t.Errorf("after 12 minutes: %s", got)
			}
			time.Sleep(55 * time.Minute)
			if got := w.take(); strings.Count(got, "a.example 1 ok") != 1 {
				t.Errorf("after 67 minutes: %s", got)
			}
			// A change is seen at once, for that key alone.
			w.set(keyOf("a.example", publicOf(2048), "2"), keyOf("b.example", edPublic, "1"), keyOf("c.example", edPublic, "1"))
			time.Sleep(time.Second)
			if got := w.take(); got != "a.example 2 wrong_type, c.example 1 nxdomain" {
				t.Errorf("after the change: %s", got)
			}
			w.set(keyOf("b.example", edPublic, "1"))
			time.Sleep(time.Second)
			w.mu.Lock()
			slices.Sort(w.gone)
			gone := fmt.Sprint(w.gone)
			w.mu.Unlock()
			if got := w.take() + gone; got != "[a.example c.example]" {
				t.Errorf("after two are gone: %s", got)
			}
			time.Sleep(3 * time.Hour)
			for one := range strings.SplitSeq(w.take(), ", ") {
				if one != "b.example 1 ok" {
					t.Errorf("later: %s", one)
				}
			}
		})
	})
}

// TestWatchSilence: without an answer a key is tried again soon, and each time
// the last result is told.
func TestWatchSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, keyOf("a.example", edPublic, "1"))
		w.resolver.rcode = "SERVFAIL"
		w.during(t, func() {
			time.Sleep(time.Hour)
			if n := strings.Count(w.take(), "temp"); n < 10 || n > 15 {
				t.Errorf("%d times in an hour, want about 12", n)
			}
		})
	})
}

// TestWatchKeyError: a key that cannot be read is told, and tried again.
func TestWatchKeyError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keyOf("a.example", edPublic, "1")
		k.Public = func() (crypto.PublicKey, error) { return nil, errors.New("unreadable") }
		w := watch(t, k)
		var failed int
		w.Failed = func(_ Key, err error) { failed++ }
		w.during(t, func() { time.Sleep(15 * time.Minute) })
		if failed < 2 || w.take() != "" {
			t.Errorf("told %d times", failed)
		}
	})
}

// TestWatchChangesDuringCheck: what changes while a check runs is not lost, and
// a key that went is not reported.
func TestWatchChangesDuringCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, keyOf("a.example", edPublic, "1"), keyOf("b.example", edPublic, "1"))
		w.resolver.delay = 2 * time.Second
		w.resolver.text["s._domainkey.a.example"] = record(edPublic)
		w.during(t, func() {
			time.Sleep(time.Second) // both are being asked for
			w.set(keyOf("a.example", publicOf(2048), "2"))
			time.Sleep(time.Minute)
			if got := w.take(); got != "a.example 2 wrong_type" {
				t.Errorf("reported %q", got)
			}
		})
	})
}

// TestWatchEnds: the end comes while checks run, and none is reported after.
func TestWatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, keyOf("a.example", edPublic, "1"))
		w.resolver.delay = 3 * time.Second
		w.during(t, func() { time.Sleep(time.Second) })
		if got := w.take(); got != "" {
			t.Errorf("reported %q", got)
		}
	})
}

// TestWatchScale: many keys are spread evenly over the hour, in the first and
// in later ones.
func TestWatchScale(t *testing.T) {
	t.Run("100,000 keys", func(t *testing.T) { testScale(t, 100_000, 1) })
	t.Run("hours", func(t *testing.T) { testScale(t, 20_000, 3) })
}

func testScale(t *testing.T, n, hours int) {
	synctest.Test(t, func(t *testing.T) {
		keys := make([]Key, n)
		for i := range keys {
			keys[i] = keyOf(strconv.Itoa(i), edPublic, "1")
		}
		start := time.Now()
		perMinute := make([]int, 60*hours+1)
		checks := make([]int, n)
		last := make([]time.Time, n)
		w := watch(t, keys...)
		w.check = func(_ context.Context, k Key) (Result, error) {
			return Result{Code: OK, Works: true, Domain: k.Domain}, nil
		}
		w.Report = func(k Key, _ Result) {
			i, _ := strconv.Atoi(k.Domain)
			if gap := time.Since(last[i]); checks[i] > 0 && (gap < 50*time.Minute || gap > 70*time.Minute) {
				t.Errorf("%v between two checks of a key", gap)
			}
			checks[i]++
			last[i] = time.Now()
			perMinute[time.Since(start)/time.Minute]++
		}
		w.during(t, func() { time.Sleep(time.Duration(hours) * time.Hour) })
		for i, c := range checks {
			if c < hours-1 || c > hours+1 {
				t.Fatalf("key %d was checked %d times in %d hours", i, c, hours)
			}
		}
		for m, c := range perMinute[:60*hours] {
			even, off := float64(n)/60, 0.5
			if m >= 54 && m < 66 {
				// The first round ends sharp and the second begins with its jitter: up
				// to half as many more and half as many less are to be expected here.
				off = 0.9
			}
			if math.Abs(float64(c)-even) > off*even {
				t.Errorf("minute %d: %d checks, evenly spread would be %.0f", m, c, even)
			}
		}
	})
}
