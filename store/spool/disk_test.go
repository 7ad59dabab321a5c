package spool_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/spool"
)

// TestDiskFull fills a small file system of its own.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("spool", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount: %v; TestFileTooBig covers the rest", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	p := filepath.Join(dir, "spool.db")
	var reported atomic.Int64
	o := spool.Options{Retry: 1, MaxRetry: 1, OnError: func(error) { reported.Add(1) }}
	s := open(t, p, o)
	put(t, s, write("before", "1"), write("both", "1"))
	ballast := filepath.Join(dir, "ballast")
	if err := fillDisk(ballast); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	// The log may have some room left in its last block.
	var err error
	n := 0
	for ; n < 1000 && err == nil; n++ {
		err = s.Put(t.Context(), write("both", strings.Repeat("x", 4000)))
	}
	var e *spool.StorageError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "full") || reported.Load() == 0 {
		t.Fatalf("Put %d on a full disk: %v, want a *StorageError that says full", n, err)
	}
	if n == 1 && get(s, "both") != "1" {
		t.Errorf("a write that failed is shown: both = %s", get(s, "both"))
	}
	// The database is written to although nothing can be taken out.
	sink := &memory{}
	stop := run(t, s, sink)
	eventually(t, "the database has it", func() bool { return sink.row("before") == "1" && s.Stats().Pending == 0 })
	stop()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	put(t, s, write("after", "3"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, p, o)
	if a, b, c := get(s, "before"), get(s, "both"), get(s, "after"); a != "none" || b != "none" || c != "3" {
		t.Errorf("before, both, after = %s, %s, %s; want none, none (both are applied), 3", a, b, c)
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

// TestFileTooBig limits the size of files in a child instead, which needs no
// rights.
func TestFileTooBig(t *testing.T) {
	url := dbtest.SQLite(t)
	d := mailboxes(t, url, 3)
	p := path(t)
	c := startChild(t, "obey", p, url)
	say(t, c, "put 0 1")
	say(t, c, "limit 65536")
	answer, n := "ok", 0
	for ; n < 1000 && answer == "ok"; n++ {
		answer = c.ask("put 1 %d", n)
	}
	if !strings.Contains(answer, p) || !strings.Contains(answer, "disk") {
		t.Fatalf("put %d beyond the limit: %s", n, answer)
	}
	if got := c.ask("get 0") + c.ask("pending"); got != `{"bytes":1,"messages":1}2` {
		t.Errorf("user 0 and pending: %s", got)
	}
	say(t, c, "limit 1000000")
	say(t, c, "put 2 22")
	say(t, c, "run")
	eventually(t, "all is written", func() bool {
		u := usage(t, d)
		return u[user(0)] == 1 && u[user(1)] == int64(n-2) && u[user(2)] == 22
	})
	c.end()
}
