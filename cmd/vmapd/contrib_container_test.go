package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// imageUser runs the program in the image.
const imageUser = 65532

// TestContribContainer runs the program in a root that has nothing but what the
// Containerfile puts into the image.
func TestContribContainer(t *testing.T) {
	peers.Root(t)
	text, err := os.ReadFile("../../contrib/container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	for _, want := range []string{"CGO_ENABLED=0", "FROM scratch", "USER 65532:65532", `ENTRYPOINT ["/usr/bin/vmapd"]`, "golang:" + string(version[1]) + " AS"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the Containerfile lacks %s", want)
		}
	}
	binary := filepath.Join(t.TempDir(), "vmapd")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // whatever the test was built with
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root := newImage(t, binary)
	run := func(args ...string) string {
		cmd := exec.Command("/usr/bin/vmapd", args...)
		cmd.Dir, cmd.Env = "/", []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: imageUser, Gid: imageUser}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("vmapd %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("init")
	run("domain", "add", "example.com")
	if got := run("lookup", "--offline", "domains", "example.com"); !strings.HasPrefix(got, "example.com\t") {
		t.Errorf("lookup: %q", got)
	}
}

// newImage makes the root of an image with the program, which must be static.
func newImage(t *testing.T, binary string) (root string) {
	t.Helper()
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the program is linked dynamically")
	}
	if root, err = os.MkdirTemp("", "vmapd-image-"); err != nil { // t.TempDir's parents are closed to others
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	for _, dir := range []string{"usr/bin", "var/lib/vmapd", "run/vmapd", "tmp"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, dir := range []string{"var/lib/vmapd", "run/vmapd", "tmp"} {
		err = errors.Join(err, os.Chown(filepath.Join(root, dir), imageUser, imageUser))
	}
	program, readErr := os.ReadFile(binary)
	if err := errors.Join(err, readErr, os.Chmod(root, 0o755), os.WriteFile(filepath.Join(root, "usr/bin/vmapd"), program, 0o755)); err != nil {
		t.Fatal(err)
	}
	return root
}
