package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
)

// TestDemo runs what "make demo" runs, which looks at its own answers.
func TestDemo(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "../../contrib/demo/demo.sh", drill.Binary(t))
	cmd.Env = append(os.Environ(), "DEMO_ONCE=1", "TMPDIR=/tmp") // short: the path of a socket has 107 bytes at most
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Done.") {
		t.Errorf("%v\n%s", err, out)
	}
}
