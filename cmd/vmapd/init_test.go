package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// TestInitGivesTheDatabaseAway: what root makes belongs to the owner of the
// state folder, who runs the daemon.
func TestInitGivesTheDatabaseAway(t *testing.T) {
	peers.Root(t)
	const nobody = 65534
	dir := t.TempDir()
	t.Setenv("STATE_DIRECTORY", dir)
	t.Setenv("RUNTIME_DIRECTORY", dir)
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if code := (&app{out: t.Output(), err: t.Output()}).run([]string{"init"}); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != nobody || st.Gid != nobody {
			t.Errorf("%s belongs to %d:%d", f.Name(), st.Uid, st.Gid)
		}
	}
}
