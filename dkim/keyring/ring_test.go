package keyring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store"
)

func TestKeys(t *testing.T) {
	s := newSite(t, Options{})
	a := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	put(t, filepath.Join(s.dir, "bare.pem"), pemOf(t, keys()[1]))
	off := domainRow(4, "off.test", a)
	off.DKIM.Enabled = false
	s.serve(domainRow(1, "a.test", a), domainRow(2, "Bücher.test", "bare.pem"), domainRow(3, "asks.test", ""), off,
		domainRow(5, "lost.test", filepath.Join(s.dir, "lost.pem")), store.DomainAlias{ID: 1, Name: "alias.test", TargetID: 1})
	for domain, want := range map[string]string{
		"a.test":             by("modoboa", "a.test", 0),
		"xn--bcher-kva.test": by("modoboa", "xn--bcher-kva.test", 1),
		"asks.test":          "key_unmade",
		"off.test":           "dkim_off",
		"lost.test":          "key_missing",
		"other.test":         "no_key",
		"sub.a.test":         "no_key",
		"alias.test":         "no_key",
	} {
		if got := s.signer(domain); got != want { // at once, whether the loader has come by or not
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
	e := s.wantEvent("cannot sign")
	var f *FileError
	if !errors.As(e.Err, &f) || f.Remedy() == "" || e.Domain != "lost.test" {
		t.Errorf("event %+v", e)
	}
	put(t, filepath.Join(s.dir, "lost.pem"), pemOf(t, keys()[2]))
	s.want("lost.test", by("modoboa", "lost.test", 2))
}

func TestParentsAndAliases(t *testing.T) {
	s := newSite(t, Options{Parents: true, AliasTarget: true})
	a := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	b := put(t, filepath.Join(s.dir, "b.pem"), pemOf(t, keys()[1]))
	off := domainRow(2, "off.a.test", a)
	off.DKIM.Enabled = false
	s.serve(domainRow(1, "a.test", a), off, store.DomainAlias{ID: 1, Name: "alias.test", TargetID: 1}, store.DomainAlias{ID: 2, Name: "own.test", TargetID: 1},
		store.SigningKey{ID: 1, Domain: "own.test", Selector: "s1", Algorithm: "rsa", Path: b, PublicKey: "MII", Stage: string(Active)})
	for domain, want := range map[string]string{
		"a.test":         by("modoboa", "a.test", 0),
		"x.y.a.test":     by("modoboa", "a.test", 0),
		"off.a.test":     "dkim_off",
		"sub.off.a.test": "dkim_off",
		"alias.test":     by("modoboa", "a.test", 0),
		"own.test":       by("s1", "own.test", 1),
		"test":           "no_key",
	} {
		if got := s.signer(domain); got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}

// TestFurtherKeys: the newest active key of each algorithm signs; the one
// before it as long as the newest cannot be used.
func TestFurtherKeys(t *testing.T) {
	s := newSite(t, Options{})
	file := func(n string, k int) string { return put(t, filepath.Join(s.dir, n), pemOf(t, keys()[k])) }
	d := domainRow(1, "a.test", file("own.pem", 0))
	row := func(id uint32, selector, algorithm, path string, stage Stage) store.SigningKey {
		return store.SigningKey{ID: id, Domain: "a.test", Selector: selector, Algorithm: algorithm, Path: path, PublicKey: "MII", Stage: string(stage), Changed: int64(id)}
	}
	second, third, ed := file("second.pem", 1), file("third.pem", 2), file("ed.pem", 3)
	for _, tc := range []struct {
		rows []any
		want string
	}{
		{[]any{row(1, "r1", "rsa", second, New)}, by("modoboa", "a.test", 0)},
		{[]any{row(1, "r1", "rsa", second, Published)}, by("modoboa", "a.test", 0)},
		{[]any{row(1, "r1", "rsa", second, Active)}, by("r1", "a.test", 1)},
		{[]any{row(1, "r1", "rsa", second, Retiring), row(2, "r2", "rsa", third, Active)}, by("r2", "a.test", 2)},
		{[]any{row(1, "r1", "rsa", second, Gone)}, by("modoboa", "a.test", 0)},
		{[]any{row(1, "e1", "ed25519", ed, Active)}, by("e1", "a.test", 3) + ", " + by("modoboa", "a.test", 0)},
		{[]any{row(1, "r9", "rsa", filepath.Join(s.dir, "none"), Active)}, by("modoboa", "a.test", 0)},
	} {
		s.serve(append([]any{d}, tc.rows...)...)
		if got := s.signer("a.test"); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.rows, got, tc.want)
		}
	}
}

// TestWaitIsBounded: without a loader a message waits its time, and no longer.
func TestWaitIsBounded(t *testing.T) {
	r := NewRing(Options{Dir: t.TempDir(), Wait: 20 * time.Millisecond})
	began := time.Now()
	if _, why := r.Keys(context.Background(), snapshotOf([]any{domainRow(1, "a.test", "a.pem")}), "a.test"); why != Loading {
		t.Errorf("%s, want %s", why, Loading)
	}
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("did not wait: %v", took)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, why := r.Keys(ctx, snapshotOf([]any{domainRow(1, "a.test", "a.pem")}), "a.test"); why != Loading {
		t.Errorf("called off: %s", why)
	}
}

// TestSwapUnderLoad replaces keys, rows and files while many sign: each gets
// the old key or the new one.
func TestSwapUnderLoad(t *testing.T) {
	s := newSite(t, Options{Parsed: 1})
	s.say(Yes)
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	rows := []any{domainRow(1, "a.test", path), domainRow(2, "b.test", path)}
	s.serve(rows...)
	blank := snapshotOf([]any{domainRow(1, "a.test", ""), domainRow(2, "b.test", path)})
	full := snapshotOf(rows)
	s.want("a.test", by("modoboa", "a.test", 0))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				for _, snap := range []*store.Snapshot{full, blank} {
					got, why := s.ring.Keys(context.Background(), snap, "a.test")
					if len(got) != 1 {
						t.Errorf("no key: %s", why)
						return
					}
				}
			}
		})
	}
	for i := range 20 {
		put(t, path, pemOf(t, keys()[1+i%2]))
		s.ring.Sync(blank)
		s.ring.Rescan()
		s.ring.Sync(full)
		s.want("a.test", by("modoboa", "a.test", 1+i%2))
	}
	cancel()
	wg.Wait()
}

// TestDeletedDomains are forgotten in time.
func TestDeletedDomains(t *testing.T) {
	s := newSite(t, Options{})
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	s.serve(domainRow(1, "a.test", path), domainRow(2, "gone.test", "nothing"))
	s.want("a.test", by("modoboa", "a.test", 0))
	s.want("gone.test", "key_missing")
	entries := func() int { s.ring.mu.Lock(); defer s.ring.mu.Unlock(); return len(s.ring.entries) }
	s.serve()
	eventually(t, func() string {
		if n := entries(); n != 1 {
			return fmt.Sprintf("%d entries, want the one with a key", n)
		}
		return ""
	})
	s.serve(domainRow(1, "a.test", path))
	s.want("a.test", by("modoboa", "a.test", 0))
	s.serve()
	s.want("a.test", "no_key")
	eventually(t, func() string {
		s.add(8 * 24 * time.Hour)
		if n := entries(); n != 0 {
			return fmt.Sprintf("%d entries", n)
		}
		return ""
	})
}
