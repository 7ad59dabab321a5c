package spool

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// TestBeginKeepsTheOrder begins many writes of one key before it waits for any.
func TestBeginKeepsTheOrder(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "spool.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var waits []func() error
	for i := range 1000 {
		wait, err := s.Begin(Write{Kind: "quota", Key: fmt.Sprint("u", i%3), Value: fmt.Append(nil, i)})
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, func() error { return wait(t.Context()) })
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), Write{Kind: "other", Key: "u0"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for w := range s.Each("quota") {
		got = append(got, w.Key+"="+string(w.Value))
	}
	slices.Sort(got)
	if want := []string{"u0=999", "u1=997", "u2=998"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if commits := s.Stats().Commits; commits > 500 {
		t.Errorf("%d transactions for 1,000 writes that were begun together", commits)
	}
}

func TestBeginRefuses(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "spool.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Begin(Write{Kind: "quota"}); err == nil {
		t.Error("a write without a key was taken")
	}
	s.Close()
	if _, err := s.Begin(Write{Kind: "quota", Key: "u"}); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}
