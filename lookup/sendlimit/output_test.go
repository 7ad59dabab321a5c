package sendlimit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// content reads a file, without the zeros behind what is in it.
func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(b, "\x00")
}

// record is one of a length, that does not end with a zero.
func record(length int) []byte {
	b := make([]byte, frameHead, frameHead+length)
	return seal(append(b, bytes.Repeat([]byte{'x'}, length)...))
}

// TestOutput appends records of all sizes: they are in the file one behind the
// other, at once, and it is as long as they are in the end.
func TestOutput(t *testing.T) {
	bothWays(t, func(t *testing.T, mapped bool) {
		o := journalOf(t, mapped, nil).out
		var want []byte
		for _, length := range []int{1, 4096 - 2*frameHead - 1, 1, growBy, growBy - 1, 3 * growBy, 5} {
			some := append(record(length), record(7)...)
			if err := o.append(some); err != nil {
				t.Fatal(err)
			}
			want = append(want, some...)
			if got := content(t, o.f.Name()); !bytes.Equal(got, want) {
				t.Fatalf("after one of %d bytes there are %d in the file, want %d", length, len(got), len(want))
			}
			if err := o.whole(); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(o.trim(), o.sync()); err != nil {
			t.Fatal(err)
		}
		if info, err := o.f.Stat(); err != nil || info.Size() != int64(len(want)) {
			t.Errorf("%d bytes, %v; want %d", info.Size(), err, len(want))
		}
		o.close()
	})
}

// TestReady: records are copied while pages are ready, which they are when the file
// was brought to the disk, until a second goes by in which nothing is appended.
func TestReady(t *testing.T) {
	j := journalOf(t, true, nil)
	o := j.out
	var want []byte
	for i, step := range []struct {
		do    string
		ready bool // afterwards
	}{
		{"put", true},
		{"sync", true},
		{"put", true},
		{"sync", true},
		{"sync", false},
		{"put", false},
		{"put", false},
		{"sync", true},
	} {
		switch step.do {
		case "put":
			j.wait(j.put(numbered(uint64(i))))
			want = append(want, numbered(uint64(i))...)
			if got, err := os.ReadFile(j.path); err != nil || !bytes.HasPrefix(got, want) {
				t.Errorf("step %d: it is not in the file: %v", i, err)
			}
		case "sync":
			if err := j.sync(); err != nil {
				t.Error(err)
			}
		}
		if (o.ready > o.size) != step.ready {
			t.Errorf("step %d: %d bytes, ready up to %d", i, o.size, o.ready)
		}
	}
	j.lock = nil
	if err := j.close(); err != nil {
		t.Error(err)
	}
}

// TestCannotMap: a file that cannot be mapped is written.
func TestCannotMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "limits")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) // mmap(2) wants to read as well
	if err != nil {
		t.Fatal(err)
	}
	o := newOutput(f, 0, true)
	defer o.close()
	if err := o.append(record(5)); err != nil || o.mapped {
		t.Fatalf("%v, mapped: %v", err, o.mapped)
	}
	if got := content(t, path); !bytes.Equal(got, record(5)) {
		t.Errorf("%q", got)
	}
}

// TestCutOff has somebody cut off a mapped file. It is an error for whoever
// appends next; or for whoever looks, if the end is in the page that is in use.
func TestCutOff(t *testing.T) {
	for name, tt := range map[string]struct {
		to     int64
		length int // of what comes next
		fail   bool
	}{
		"all of it": {0, 20, true}, "all of it, and more is to be made ready": {0, 2 * readyBy, true}, "all of it, and it has to grow": {0, growBy, true}, "the room": {30, 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := journalOf(t, true, nil).out
			defer o.close()
			if err := o.append(record(20)); err != nil {
				t.Fatal(err)
			}
			if err := o.f.Truncate(tt.to); err != nil {
				t.Fatal(err)
			}
			if err := o.append(record(tt.length)); errors.Is(err, errCutOff) != tt.fail {
				t.Errorf("appending: %v", err)
			}
			if err := o.whole(); !errors.Is(err, errCutOff) {
				t.Errorf("looking: %v", err)
			}
		})
	}
}

// TestCutOffIsMended: what was counted is written anew.
func TestCutOffIsMended(t *testing.T) {
	for _, to := range []int64{0, 40} {
		c := newClock()
		path := filepath.Join(t.TempDir(), "limits")
		var errs []error
		e := onDisk(t, path, c, &errs)
		if !e.journal.out.mapped {
			t.Skip("files cannot be mapped here")
		}
		send(t, e, message(3, perDay(alice, 100)))
		if err := os.Truncate(path, to); err != nil {
			t.Fatal(err)
		}
		send(t, e, message(4, perDay(alice, 100)))
		e.lookAfterFile()
		send(t, e, message(5, perDay(alice, 100)))
		var storage *StorageError
		if len(errs) != 1 || !errors.As(errs[0], &storage) || !errors.Is(errs[0], errCutOff) {
			t.Errorf("cut to %d bytes: %v, want one error", to, errs)
		}
		e.journal.lock.release() // as if it were killed
		if n := used(onDisk(t, path, c, nil), alice, Recipients, Day); n != 12 {
			t.Errorf("cut to %d bytes: used %d, want 12", to, n)
		}
	}
}

// TestOtherPanics go on.
func TestOtherPanics(t *testing.T) {
	defer func() {
		if r := recover(); r == nil {
			t.Error("it is gone")
		}
	}()
	_ = (&output{}).copy(record(1)[:frameHead])
}

// TestSend: most of what was appended is sent to the disk while more is appended,
// and the pages that are ready become more, and fewer again.
func TestSend(t *testing.T) {
	e, _ := newEngine(t, Settings{Path: filepath.Join(t.TempDir(), "limits")})
	j := e.journal
	if !j.out.mapped {
		t.Skip("files cannot be mapped here")
	}
	for j.out.size < 3*sendFrom {
		e.Take(t.Context(), message(1, perDay(alice, 1<<30)))
	}
	if stride := j.out.stride; stride <= readyBy {
		t.Errorf("pages are ready for %d bytes", stride)
	}
	if err := j.send(); err != nil || j.out.sent != pageOf(j.out.size) || j.out.ready <= j.out.size {
		t.Errorf("%v; sent %d of %d bytes, ready up to %d", err, j.out.sent, j.out.size, j.out.ready)
	}
	for range 10 {
		e.Take(t.Context(), message(1, perDay(alice, 1<<30)))
		if err := j.sync(); err != nil {
			t.Error(err)
		}
	}
	if stride := j.out.stride; stride != readyBy {
		t.Errorf("pages are ready for %d bytes, want %d where little is sent", stride, readyBy)
	}
	j.out.close()
	if err := j.out.send(j.out.size); err != nil {
		t.Errorf("of a closed file: %v", err)
	}
}

// TestPrompt: as long as there is room in pages that are ready nobody waits; not
// while they go to the disk, and never where the file is written.
func TestPrompt(t *testing.T) {
	bothWays(t, func(t *testing.T, mapped bool) {
		e, _ := newEngine(t, Settings{Path: filepath.Join(t.TempDir(), "limits")})
		if !mapped {
			e.write()
		} else if !e.journal.out.mapped {
			t.Skip("files cannot be mapped here")
		}
		prompt := 0
		for range 1000 {
			if e.Take(t.Context(), message(1, perDay(alice, 1<<30))); e.Prompt() {
				prompt++
			}
		}
		if mapped && prompt < 900 || !mapped && prompt > 0 {
			t.Errorf("prompt after %d of 1,000", prompt)
		}
		if o, err := e.journal.beginSync(); o == nil || err != nil || e.Prompt() {
			t.Errorf("%v, prompt %t while the file goes to the disk", err, e.Prompt())
		}
	})
}
