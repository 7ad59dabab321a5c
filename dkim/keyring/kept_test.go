package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmapd/vmapd/dkim"
)

// TestReplacedInPlace is what Modoboa does: the old key signs until DNS shows
// the new one, after a restart too.
func TestReplacedInPlace(t *testing.T) {
	s := newSite(t, Options{})
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	old, fresh := by("modoboa", "a.test", 0), by("modoboa", "a.test", 1)
	s.serve(domainRow(1, "a.test", path))
	s.want("a.test", old)
	s.serve(domainRow(1, "a.test", "")) // dkim_key_length was changed
	s.wantEvent("signs on")
	s.want("a.test", old)
	put(t, path, pemOf(t, keys()[1]))
	s.serve(domainRow(1, "a.test", path))
	e := s.wantEvent("another key is in its file")
	s.mu.Lock()
	if want := s.now.Add(7 * 24 * time.Hour); !e.Until.Equal(want) {
		t.Errorf("until %v, want %v", e.Until, want)
	}
	s.mu.Unlock()
	s.say(No)
	s.want("a.test", old)
	if st := s.ring.State("a.test", "modoboa"); !st.Old || st.Next == nil || dkim.Fingerprint(st.Next) != dkim.Fingerprint(keys()[1].Public()) {
		t.Errorf("state %+v", st)
	}
	s.restart()
	s.serve(s.rows...)
	s.wantEvent("another key is in its file")
	s.want("a.test", old)
	s.say(Yes)
	signal(s.ring.ask)
	s.want("a.test", fresh)
	s.wantEvent("DNS shows the new key")
	if _, err := os.Stat(KeptFile(s.options.Kept, "a.test", "modoboa")); !errors.Is(err, os.ErrNotExist) {
		eventually(t, func() string {
			if left, _ := filepath.Glob(filepath.Join(s.options.Kept, "*")); len(left) > 0 {
				return fmt.Sprintf("left behind: %v", left)
			}
			return ""
		})
	}
	s.restart()
	s.serve(s.rows...)
	s.want("a.test", fresh)
}

// TestOldKeyEnds: its time is bounded, and whoever deletes it on disk ends it.
func TestOldKeyEnds(t *testing.T) {
	s := newSite(t, Options{})
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	s.serve(domainRow(1, "a.test", path))
	s.want("a.test", by("modoboa", "a.test", 0))
	put(t, path, pemOf(t, keys()[1]))
	s.wantEvent("another key is in its file")
	s.add(8 * 24 * time.Hour)
	s.want("a.test", by("modoboa", "a.test", 1))
	put(t, path, pemOf(t, keys()[2]))
	s.wantEvent("another key is in its file")
	kept := KeptFile(s.options.Kept, "a.test", "modoboa")
	eventually(t, func() string {
		if err := os.Remove(kept); err != nil {
			return err.Error()
		}
		return ""
	})
	s.want("a.test", by("modoboa", "a.test", 2))
	s.wantEvent("by order")
	put(t, path, pemOf(t, keys()[0]))
	s.wantEvent("another key is in its file")
	s.ring.Activate("a.test", "modoboa")
	s.want("a.test", by("modoboa", "a.test", 0))

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.wantEvent("signs on")
	s.want("a.test", by("modoboa", "a.test", 0))
	s.restart()
	s.serve(s.rows...)
	s.want("a.test", by("modoboa", "a.test", 0))
	s.add(8 * 24 * time.Hour)
	s.want("a.test", "key_missing")
}

// TestKeptKeyForTheFirstMessage: who asks before the loader has begun gets the
// old key as well.
func TestKeptKeyForTheFirstMessage(t *testing.T) {
	s := newSite(t, Options{})
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	s.serve(domainRow(1, "a.test", path))
	s.want("a.test", by("modoboa", "a.test", 0))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.wantEvent("signs on")
	s.stop()
	ring := NewRing(s.options)
	s.ring = ring
	s.serve(s.rows...)
	got := make(chan string)
	go func() { got <- s.signer("a.test") }()
	eventually(t, func() string {
		ring.mu.Lock()
		defer ring.mu.Unlock()
		if len(ring.urgent) == 0 {
			return "nobody waits for the key"
		}
		return ""
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); ring.Run(ctx) }()
	s.stop = func() { cancel(); <-done }
	if got, want := <-got, by("modoboa", "a.test", 0); got != want {
		t.Errorf("signed by %s, want %s", got, want)
	}
}
