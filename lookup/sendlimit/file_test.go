package sendlimit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// onDisk makes an engine with a file.
func onDisk(t *testing.T, path string, c *clock, errs *[]error) *Engine {
	t.Helper()
	e := Open(Settings{Path: path, Now: c.now, Suspend: AutoSuspend{Times: 3, Within: time.Hour}, OnError: func(err error) {
		if errs == nil {
			t.Error(err)
			return
		}
		*errs = append(*errs, err)
	}})
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// state is all that an engine knows, but for the order of things.
func state(e *Engine) (list []string) {
	for _, s := range e.Each(Subject{}, 1<<20) {
		for _, u := range s.Used {
			if u.Used > 0 {
				list = append(list, fmt.Sprint(s.Subject, " ", u.Unit, " ", u.Window, " ", u.Used, " ", u.Free.UnixMilli()))
			}
		}
		if s.Remembered > 0 {
			list = append(list, fmt.Sprint(s.Subject, " remembers ", s.Remembered))
		}
	}
	for _, s := range e.Suspensions() {
		list = append(list, fmt.Sprintf("%+v", s))
	}
	return append(list, fmt.Sprint(e.Stats().Instances, " instances"))
}

// fill makes an engine know something of every kind.
func fill(t testing.TB, e *Engine, c *clock) {
	limits := []Limited{
		{alice, []Limit{{Recipients, 100, Day}, {Bytes, 1 << 40, Window(time.Hour)}, {NewRecipients, 18, MaxWindow}}},
		{domain, []Limit{{Messages, 50, Window(time.Minute)}, {Recipients, 100, Day}}},
	}
	for i := range 20 {
		m := message(3, limits...).as(fmt.Sprint("m", i%15))
		m.Addresses = []string{"a", fmt.Sprint("b", i), "c"}
		send(t, e, m)
		c.advance(7 * time.Second)
	}
	e.Suspend(bob, c.now().Add(time.Hour), "why not")
	e.Suspend(Subject{Account, "eve"}, time.Time{}, "")
	e.Release(Subject{Account, "eve"})
	send(t, e, message(5, perDay(Subject{Account, "carol"}, 10)))
	e.Reset(Subject{Account, "carol"})
	e.Cancel(t.Context(), message(0, limits...).as("m3"))
}

// TestRestart: what is known is known again, whether the file was closed or not.
func TestRestart(t *testing.T) {
	for _, rewritten := range []bool{false, true} {
		c := newClock()
		path := filepath.Join(t.TempDir(), "limits")
		e := onDisk(t, path, c, nil)
		fill(t, e, c)
		if rewritten {
			e.rewrite()
		}
		want := state(e)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		again := onDisk(t, path, c, nil)
		if diff := cmp.Diff(want, state(again)); diff != "" {
			t.Errorf("rewritten %v: %s", rewritten, diff)
		}
		if again.self != e.self || again.key != e.key {
			t.Error("it is another process, or has another key")
		}
		if v := again.Take(t.Context(), message(3, perDay(alice, 100)).as("m14")); !v.OK || used(again, alice, Recipients, Day) != used(e, alice, Recipients, Day) {
			t.Errorf("%+v: a message is charged again", v)
		}
	}
}

// TestRefusalsOutlastRestarts, those that lead to a suspension.
func TestRefusalsOutlastRestarts(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "limits")
	for i := range 3 {
		e := onDisk(t, path, c, nil)
		e.Take(t.Context(), message(2, perDay(alice, 1)).as(fmt.Sprint(i)))
		if _, ok := e.Suspended(alice); ok != (i == 2) {
			t.Errorf("after %d refusals: %v", i+1, ok)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTornTail: a record that was not written to its end is cut off.
func TestTornTail(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "limits")
	e := onDisk(t, path, c, nil)
	send(t, e, message(3, perDay(alice, 100)))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	send(t, e, message(5, perDay(alice, 100)))
	longer, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for n := len(whole); ; n = min(n+7, len(longer)) {
		for name, tail := range map[string][]byte{"cut off": nil, "zeros": make([]byte, 4096)} {
			if err := os.WriteFile(path, append(longer[:n:n], tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			want := int64(3)
			if n == len(longer) {
				want = 8
			}
			e := onDisk(t, path, c, nil)
			if got := used(e, alice, Recipients, Day); got != want {
				t.Fatalf("%s after %d of %d bytes: used %d, want %d", name, n, len(longer), got, want)
			}
			send(t, e, message(1, perDay(alice, 100)))
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			e = onDisk(t, path, c, nil)
			if got := used(e, alice, Recipients, Day); got != want+1 {
				t.Fatalf("%s: used %d after another one, want %d", name, got, want+1)
			}
			_ = e.Close()
		}
		if n == len(longer) {
			break
		}
	}
}

// TestDamage: what can be read counts, the file is kept, and said where.
func TestDamage(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	path := filepath.Join(dir, "limits")
	e := onDisk(t, path, c, nil)
	for i := range 100 {
		send(t, e, message(1, perDay(Subject{Account, fmt.Sprint("u", i)}, 10)))
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(b []byte) []byte
		least  int
	}{
		"a byte":          {func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, 99},
		"a hole":          {func(b []byte) []byte { copy(b[len(b)/3:], make([]byte, len(b)/3)); return b }, 60},
		"a piece is gone": {func(b []byte) []byte { return append(b[:len(b)/2], b[len(b)/2+100:]...) }, 95},
		"the beginning":   {func(b []byte) []byte { return b[1:] }, 0},
		"another version": {func(b []byte) []byte { return bytes.Replace(b, []byte("limits 1"), []byte("limits 2"), 1) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bad := tt.change(bytes.Clone(good))
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			c.advance(time.Second) // another name
			var errs []error
			e := onDisk(t, path, c, &errs)
			var damaged *DamagedError
			if len(errs) != 1 || !errors.As(errs[0], &damaged) || damaged.Remedy() == "" || !strings.Contains(errs[0].Error(), "damaged-") {
				t.Fatalf("%v, want one error that says where the file is", errs)
			}
			kept, err := os.ReadFile(damaged.MovedTo)
			if err != nil || !bytes.Equal(kept, bad) {
				t.Errorf("the damaged file is not what it was: %v", err)
			}
			n := len(e.Each(Subject{}, 1000))
			if n < tt.least || n > 100 {
				t.Errorf("%d subjects are known, want %d at least", n, tt.least)
			}
			want := state(e)
			_ = e.Close()
			if diff := cmp.Diff(want, state(onDisk(t, path, c, nil))); diff != "" {
				t.Error(diff)
			}
			_ = os.Remove(path + "-lock")
		})
	}
}

// TestRewrite goes on while it is counted.
func TestRewrite(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "limits")
	e := onDisk(t, path, c, nil)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				send(t, e, message(1, perDay(alice, 1<<40), perDay(domain, 1<<40)).as(fmt.Sprint(i%100)))
			}
		}
	}()
	for range 10 {
		e.rewrite()
	}
	close(stop)
	<-done
	want := state(e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, state(onDisk(t, path, c, nil))); diff != "" {
		t.Error(diff)
	}
}

// TestFileIsBounded: it is rewritten when it has grown.
func TestFileIsBounded(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "limits")
	e := onDisk(t, path, c, nil)
	subject := Limited{Subject{Account, strings.Repeat("x", 1000)}, []Limit{{Recipients, 1 << 40, Day}}}
	for i := range 10_000 {
		send(t, e, message(1, subject))
		if i%100 == 0 {
			e.lookAfterFile()
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 2*rewriteAt {
		t.Errorf("%v bytes, %v", info.Size(), err)
	}
}

// TestHandover: the next process begins with what the one before knows, counts
// too, and goes on with the file when that one has closed it.
func TestHandover(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "limits")
	old := onDisk(t, path, c, nil)
	limits := []Limited{perDay(alice, 100), {domain, []Limit{{Messages, 1000, MaxWindow}}}}
	send(t, old, message(10, limits...).as("a"))
	next := onDisk(t, path, c, nil)
	if n := used(next, alice, Recipients, Day); n != 10 {
		t.Errorf("the next begins with %d, want 10", n)
	}
	send(t, old, message(20, limits...).as("b"))
	send(t, next, message(3, limits...).as("c"))
	send(t, next, message(9, limits...).as("a")) // which it knows
	next.takeFile()
	if n := used(next, alice, Recipients, Day); n != 9+20+3 {
		t.Errorf("the next has %d, want 32", n)
	}
	c.advance(time.Second)
	send(t, old, message(5, limits...).as("d"))
	c.advance(time.Second)
	send(t, next, message(5, limits...).as("d")) // both have it
	next.Suspend(bob, time.Time{}, "")
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	send(t, old, message(50, limits...)) // it should not, but must not harm
	next.takeFile()
	if r, m := used(next, alice, Recipients, Day), used(next, domain, Messages, MaxWindow); r != 9+20+3+5 || m != 4 {
		t.Errorf("the next has %d recipients and %d messages, want 37 and 4", r, m)
	}
	send(t, next, message(1, limits...))
	want := state(next)
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, state(onDisk(t, path, c, nil))); diff != "" {
		t.Error(diff)
	}
}

// TestHandoverUnderLoad: while one process counts, and rewrites its file, the next
// one reads it, and misses nothing of it.
func TestHandoverUnderLoad(t *testing.T) {
	bothWays(t, func(t *testing.T, mapped bool) {
		c := newClock()
		path := filepath.Join(t.TempDir(), "limits")
		old := onDisk(t, path, c, nil)
		if !mapped {
			old.write()
		}
		next := onDisk(t, path, c, nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 20_000 {
				send(t, old, message(1, perDay(Subject{Account, fmt.Sprint("u", i%500)}, 1<<40)).as(fmt.Sprint(i)))
				if i%5000 == 2500 {
					old.rewrite()
				}
			}
		}()
		for reading := true; reading; {
			select {
			case <-done:
				reading = false
			default:
				next.takeFile()
			}
		}
		want := state(old)
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		next.takeFile()
		if diff := cmp.Diff(want, state(next)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestReadWhileAppended: of a record that the other process is copying a part can
// be seen, and the one behind it as well. Neither is lost.
func TestReadWhileAppended(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "limits")
	old := onDisk(t, path, c, nil)
	next := onDisk(t, path, c, nil)
	from := old.journal.out.size
	send(t, old, message(3, perDay(alice, 100)))
	to := old.journal.out.size
	send(t, old, message(4, perDay(bob, 100)))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	late := make([]byte, (to-from)/2)
	at := from + int64(len(late))
	if _, err := f.ReadAt(late, at); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, len(late)), at); err != nil {
		t.Fatal(err)
	}
	next.takeFile()
	if n := used(next, bob, Recipients, Day); n != 0 {
		t.Errorf("%d are used of what comes after a record that is not whole", n)
	}
	if _, err := f.WriteAt(late, at); err != nil {
		t.Fatal(err)
	}
	next.takeFile()
	if a, b := used(next, alice, Recipients, Day), used(next, bob, Recipients, Day); a != 3 || b != 4 {
		t.Errorf("used are %d and %d, want 3 and 4", a, b)
	}
}

// TestRun takes the file by itself, and brings what is in it to the disk.
func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "limits")
	old := Open(Settings{Path: path})
	next := Open(Settings{Path: path})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); next.Run(ctx) }()
	send(t, old, message(3, perDay(alice, 10)))
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next has the file", func() bool { return !next.journal.waits() && used(next, alice, Recipients, Day) == 3 })
	send(t, next, message(3, perDay(alice, 10)))
	eventually(t, "it is on the disk", func() bool {
		next.journal.appending.Lock()
		defer next.journal.appending.Unlock()
		return !next.journal.unsaved
	})
	cancel()
	<-done
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in a minute: %s", what)
		}
	}
}

// TestNoFile: counting goes on in memory, and is written when that is possible.
func TestNoFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	path := filepath.Join(dir, "limits")
	c := newClock()
	var errs []error
	e := onDisk(t, path, c, &errs)
	send(t, e, message(3, perDay(alice, 10)))
	e.takeFile()
	e.tick()
	var storage *StorageError
	if len(errs) != 1 || !errors.As(errs[0], &storage) || storage.Remedy() == "" {
		t.Errorf("%v, want one error", errs)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	e.takeFile()
	send(t, e, message(3, perDay(alice, 10)))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if n := used(onDisk(t, path, c, nil), alice, Recipients, Day); n != 6 {
		t.Errorf("used %d, want 6", n)
	}
}
