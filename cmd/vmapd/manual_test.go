package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// TestManualIsWellFormed has mandoc judge every page of the program.
func TestManualIsWellFormed(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	mandoc, dir := peers.Program(t, "mandoc", "mandoc"), t.TempDir()
	if code := (&app{out: t.Output(), err: t.Output()}).run([]string{"manual", "--output", dir}); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	pages, err := filepath.Glob(dir + "/man[58]/*")
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	if out, err := exec.Command(mandoc, append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}
