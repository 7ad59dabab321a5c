package sendlimit

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzFile reads what may be in a file: an engine comes out of it that works,
// and that reads again what it writes.
func FuzzFile(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "limits")
	c := newClock()
	e := Open(Settings{Path: path, Now: c.now})
	fill(f, e, c)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	_ = e.Close()
	f.Add(whole[len(fileMagic):])
	_, _ = readFrames(whole[len(fileMagic):], false, func(content []byte) error {
		f.Add(seal(append(make([]byte, frameHead), content...)))
		f.Add(content)
		return nil
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		now := func() time.Time { return c.now() }
		e := Open(Settings{Now: now, MaxSubjects: 1000, MaxInstances: 100})
		l := &loader{e: e, self: e.self}
		good, _ := readFrames(b, false, l.record)
		if good > len(b) {
			t.Fatalf("%d of %d bytes are good", good, len(b))
		}
		_ = l.record(b) // without a frame, which fuzzing seldom gets right
		e.Take(t.Context(), message(1, perDay(alice, 10), perDay(domain, 10)).as("m1"))
		for _, s := range e.Each(Subject{}, 10_000) {
			for _, u := range s.Used {
				if u.Used < 0 {
					t.Fatalf("%+v", s)
				}
			}
		}
	})
}
