package main_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// diskDrills fill the disk of the state folder.
func diskDrills() []failureDrill {
	return []failureDrill{
		{"disk full", "postgres", "postgres", diskFull},
		{"disk full, room returns", "postgres", "", roomReturns},
	}
}

// diskFull starts a daemon that cannot store its snapshot: it serves all the
// same, says so, and stores it in the end, when there is room.
func diskFull(g *stage) {
	state := smallDisk(g.T)
	url := g.url
	g.proxy, url = g.drillSite.proxy(g.T, url)
	g.v = g.vmapd(url, state)
	g.run()
	full := fillDisk(g.T, state)
	g.v.Stop(g.T)
	g.judge("until the stop", g.clients.Stop(), broken)
	g.logs("no snapshot on disk", "no space left on device", "make room in state_dir")
	g.Log("now with a full disk from the start")
	if err := os.Remove(g.v.Snapshot()); err != nil && !errors.Is(err, os.ErrNotExist) {
		g.Fatal(err)
	}
	topUp(g.T, full)
	g.run()
	g.metric("vmapd_snapshot_file_errors_total", 1)
	g.fault(func() {}, nil)
	g.recover(time.Now(), g.v)
	if err := os.Remove(full); err != nil {
		g.Fatal(err)
	}
	g.end()
	if _, err := os.Stat(g.v.Snapshot()); err != nil {
		g.Errorf("the last copy was not written: %v", err)
	}
	g.proxy.Cut()
	g.run()
	g.fault(func() {}, nil)
	g.heal(g.mend)
	g.end()
}

// roomReturns waits until a running daemon stores its snapshot by itself.
func roomReturns(g *stage) {
	state := smallDisk(g.T)
	full := fillDisk(g.T, state)
	g.proxy, g.url = nil, g.direct
	g.v = g.vmapd(g.url, state)
	g.run()
	g.metric("vmapd_snapshot_file_errors_total", 1)
	g.fault(func() {}, nil)
	if err := os.Remove(full); err != nil {
		g.Fatal(err)
	}
	began := time.Now()
	for time.Since(began) < 2*time.Minute {
		if _, err := os.Stat(g.v.Snapshot()); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	g.Logf("stored %v after there was room", time.Since(began))
	g.awaitStored(g.v)
	g.end()
}

// smallDisk mounts a disk of a few megabytes, until the test ends.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("vmapd-drill", dir, "tmpfs", 0, "size=64m,mode=0750"); errors.Is(err, syscall.EPERM) {
		t.Skip("mounting is not allowed here: the disk cannot be filled")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return filepath.Clean(dir)
}

// fillDisk leaves no room in a folder, and returns the file that takes it.
func fillDisk(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	topUp(t, name)
	return name
}

func topUp(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk ended with %v", err)
	}
}
