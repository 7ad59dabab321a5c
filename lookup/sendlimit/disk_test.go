package sendlimit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull fills a small file system of its own: counting goes on, it is
// said once, and all is written when there is room.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("limits", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a file system of its own wants rights: mount: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	c := newClock()
	path := filepath.Join(dir, "limits")
	var errs []error
	e := onDisk(t, path, c, &errs)
	if !e.journal.out.mapped {
		t.Error("the file is not mapped")
	}
	ballast := filepath.Join(dir, "ballast")
	if err := fillDisk(ballast); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	for range 8000 {
		if !send(t, e, message(1, perDay(alice, 9000))) {
			t.Fatal("refused")
		}
		e.lookAfterFile()
	}
	if len(errs) != 1 || !errors.Is(errs[0], syscall.ENOSPC) || !strings.Contains(errs[0].Error(), path) {
		t.Errorf("%d errors, first %v; want one that says that the disk is full", len(errs), errs)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	e.lookAfterFile()
	send(t, e, message(1, perDay(alice, 9000)))
	want := state(e)
	// As if it were killed.
	e.journal.lock.release()
	if got := state(onDisk(t, path, c, nil)); len(got) != len(want) || got[0] != want[0] || !strings.Contains(got[0], "8001") {
		t.Errorf("%q, want %q", got, want)
	}
}

func fillDisk(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	return err
}
