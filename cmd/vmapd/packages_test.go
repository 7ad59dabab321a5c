package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPackages: the packages have what there is to have, and their scripts can
// be read. "make test-packages" installs them.
func TestPackages(t *testing.T) {
	list, err := os.ReadFile("../../contrib/packages/nfpm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, m := range regexp.MustCompile(`(?m)(?:src|postinstall|preremove|postremove): *([^,\s]+)`).FindAllStringSubmatch(string(list), -1) {
		source := strings.TrimPrefix(m[1], "dist/stage/share/") // build.sh copies these
		if strings.HasPrefix(source, "dist/") {
			continue // it makes the others
		}
		sources = append(sources, source)
		if found, err := filepath.Glob("../../" + source); err != nil || len(found) == 0 {
			t.Errorf("nfpm.yaml names %s, which is not there (%v)", m[1], err)
		}
	}
	units, err := filepath.Glob("../../contrib/systemd/*")
	if err != nil || len(units) < 4 {
		t.Fatalf("%d units: %v", len(units), err)
	}
	for _, unit := range units {
		if strings.HasSuffix(unit, ".conf") {
			continue // an example
		}
		if name := "contrib/systemd/" + filepath.Base(unit); !slices.Contains(sources, name) {
			t.Errorf("nfpm.yaml lacks %s", name)
		}
	}
	for _, script := range []string{"build.sh", "test.sh", "root.sh", "quickstart.sh", "machine.sh", "postinst", "prerm", "postrm", "postinst.rpm", "prerm.rpm", "postrm.rpm"} {
		if out, err := exec.Command("sh", "-n", "../../contrib/packages/"+script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}

// TestPurge: purging takes what belongs to the daemon, and leaves what is
// somebody's.
func TestPurge(t *testing.T) {
	script, err := os.ReadFile("../../contrib/packages/postrm")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	text := regexp.MustCompile(`/(var/lib|run|etc)/`).ReplaceAllString(string(script), root+"/$1/")
	for _, file := range []string{
		"var/lib/vmapd/snapshot", "var/lib/vmapd/snapshot.new-1", "var/lib/vmapd/spool.db", "var/lib/vmapd/spool.db-wal", "var/lib/vmapd/guard", "var/lib/vmapd/users",
		"var/lib/vmapd/limits", "var/lib/vmapd/limits-lock", "var/lib/vmapd/alarms.db", "var/lib/vmapd/alarms.db-wal", "var/lib/vmapd/dns/1.json", "var/lib/vmapd/parameters.json", "var/lib/vmapd/jobs.json",
		"var/lib/vmapd/dkim-kept/key", "var/lib/vmapd/vmapd.db", "var/lib/vmapd/dkim/example.com.pem", "etc/vmapd/database.password", "run/vmapd/socketmap",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(action string) (left []string) {
		if out, err := exec.Command("sh", "-c", text, "postrm", action).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", action, err, out)
		}
		err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				left = append(left, strings.TrimPrefix(path, root+"/"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	if left := run("remove"); len(left) != 18 {
		t.Errorf("remove left %v", left)
	}
	want := []string{"etc/vmapd/database.password", "var/lib/vmapd/dkim/example.com.pem", "var/lib/vmapd/vmapd.db"}
	if left := run("purge"); !slices.Equal(left, want) {
		t.Errorf("purge left %v, want %v", left, want)
	}
}
