package drill

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
)

// built is the program of this test process. It is package state on purpose:
// to link it takes seconds.
var built struct {
	sync.Mutex
	dir string
	err error
}

// Binary returns the path of the program, with the race detector if the test has
// it. It is built at the first call; RemoveBinary removes it.
func Binary(t testing.TB) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.dir == "" && built.err == nil {
		built.dir, built.err = build()
	}
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "vmapd")
}

// RemoveBinary is for TestMain, when all tests are done.
func RemoveBinary() {
	built.Lock()
	defer built.Unlock()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
		built.dir = ""
	}
}

func build() (string, error) {
	dir, err := os.MkdirTemp("", "drill-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", filepath.Join(dir, "vmapd")}
	if UnderRace() {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "github.com/vmapd/vmapd/cmd/vmapd")...).CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

// UnderRace reports whether this test was built with -race.
func UnderRace() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
