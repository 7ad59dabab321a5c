package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStoredSnapshotIsServedAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	f := newFeed(10)
	first := &Store{Settings: Settings{Source: f, Origin: "db"}, File: file}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = first.Run(ctx) }()
	serves(t, first, domainName(9), true)
	stop()
	<-done

	f.break_(errors.New("connection refused"))
	r := &reports{}
	s := &Store{Settings: Settings{Source: f, Origin: "db", Poll: time.Millisecond, MaxStale: time.Hour}, File: file, Hooks: r.hooks()}
	run(t, s)
	if _, err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	serves(t, s, domainName(9), true)
	if st := s.Status(); !st.Stored || st.DatabaseUp || st.Stale || st.Generation != 1 {
		t.Errorf("status %+v", st)
	}
	f.break_(nil)
	f.set(1, "back.test")
	serves(t, s, "back.test", true)
	r.until(t, "a load", func() bool { return len(r.loads) > 0 && r.loads[len(r.loads)-1].Err == nil })
	if s.Status().Stored {
		t.Error("still marked as from the disk")
	}

	for name, tc := range map[string]struct{ origin, damage string }{"another database": {"other", ""}, "damaged": {"db", "x"}} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "snapshot")
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copied, append([]byte(tc.damage), b...), 0o600); err != nil {
				t.Fatal(err)
			}
			f, r := newFeed(3), &reports{}
			f.break_(errors.New("connection refused"))
			s := &Store{Settings: Settings{Source: f, Origin: tc.origin}, File: copied, Hooks: r.hooks()}
			run(t, s)
			var damaged *DamagedError
			r.until(t, "refused", func() bool { return len(r.files) == 1 && errors.As(r.files[0].Err, &damaged) })
			if s.Current() != nil {
				t.Error("served")
			}
			f.break_(nil)
			serves(t, s, domainName(2), true)
		})
	}
}

func TestSaveWritesWhatIsServed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	f := newFeed(3)
	s := &Store{Settings: Settings{Source: f, Origin: "db", Poll: time.Millisecond}, File: file}
	run(t, s)
	serves(t, s, domainName(2), true)
	for i := range 3 {
		name := fmt.Sprintf("saved%d.test", i)
		f.set(1, name)
		serves(t, s, name, true)
		if err := s.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		snap, _, err := ReadFile(file, "db")
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := snap.Domain(name); !ok {
			t.Errorf("%s is not in the file", name)
		}
	}
}
