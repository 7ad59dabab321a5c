package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestContribUnits has systemd read the units, with the example of a drop-in.
func TestContribUnits(t *testing.T) {
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd is not installed")
	}
	files, err := filepath.Glob("../../contrib/systemd/vmapd*")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d units: %v", len(files), err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "vmapd.service.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"verify", "--man=no", "--recursive-errors=no"}
	for _, file := range append(files, "../../contrib/systemd/groups.conf") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// The program need not be installed here.
		here := filepath.Join(dir, filepath.Base(file))
		if filepath.Ext(file) == ".conf" {
			here = filepath.Join(dir, "vmapd.service.d", filepath.Base(file))
		} else {
			args = append(args, here)
		}
		write(t, here, strings.ReplaceAll(string(text), "/usr/bin/vmapd", "/bin/true"))
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
