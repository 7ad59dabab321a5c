package spool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store/spool"
)

// TestModel does random things to a spool and a map: puts, drains, crashes,
// orderly restarts. A crash is a copy of the files as they are, opened instead
// of the originals: just what a process that was killed leaves behind.
func TestModel(t *testing.T) {
	root := t.TempDir()
	property.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		m := &model{sink: &memory{}, path: filepath.Join(dir, "0"), want: map[string]string{}}
		m.open(t)
		defer func() { _ = m.s.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"put":   m.put,
			"drain": m.drain,
			"crash": m.crash,
			"close": m.close,
			"":      m.check,
		})
		m.drain(t)
		for key, value := range m.want {
			if m.sink.row(key) != value {
				t.Fatalf("%s = %s in the database, want %s", key, m.sink.row(key), value)
			}
		}
	})
}

type model struct {
	s       *spool.Spool
	sink    *memory
	path    string
	copies  int
	counter int
	want    map[string]string // what the last acknowledged write of each key said
}

func (m *model) open(t *rapid.T) {
	s, err := spool.Open(m.path, spool.Options{Batch: 2, Gather: 1, OnError: func(err error) { t.Errorf("OnError: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	m.s = s
}

func (m *model) put(t *rapid.T) {
	var writes []spool.Write
	for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 5).Draw(t, "keys") {
		m.counter++
		w := write(key, fmt.Sprint(m.counter))
		w.At = time.Unix(int64(rapid.Uint32().Draw(t, "clock")), 0) // any time of day
		writes = append(writes, w)
		m.want[key] = string(w.Value)
	}
	if err := m.s.Put(context.Background(), writes...); err != nil {
		t.Fatal(err)
	}
}

func (m *model) drain(t *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- m.s.Run(ctx, m.sink) }()
	for end := time.Now().Add(time.Minute); m.s.Stats().Pending > 0; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("the spool does not drain")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func (m *model) crash(t *rapid.T) {
	m.copies++
	next := filepath.Join(filepath.Dir(m.path), fmt.Sprint(m.copies))
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(m.path + suffix)
		if err == nil {
			err = os.WriteFile(next+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	m.path = next
	m.open(t)
}

func (m *model) close(t *rapid.T) {
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
}

// check: each key's last value is pending, or it is what the database has.
func (m *model) check(t *rapid.T) {
	got := map[string]string{}
	for key := range m.want {
		got[key] = m.sink.row(key)
		if w, ok := m.s.Get("quota", key); ok {
			got[key] = string(w.Value)
		}
	}
	if diff := cmp.Diff(m.want, got); diff != "" {
		t.Fatalf("pending over database (-want +got):\n%s", diff)
	}
}
