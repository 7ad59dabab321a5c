package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	settings "github.com/vmapd/vmapd/daemon"
)

// guide is docs/migration.md: the blocks of commands that tests run, by name.
type guide map[string]string

// readGuide finds the blocks. Each must say in a comment before it what its name
// is, or why no test can run it.
func readGuide(t *testing.T) guide {
	t.Helper()
	text := readFile(t, "../../docs/migration.md")
	block := regexp.MustCompile("(?s)<!-- (test|not run): ([^\n]*) -->\n```sh\n(.*?)\n```\n")
	g := guide{}
	all := block.FindAllStringSubmatch(text, -1)
	for _, m := range all {
		if _, twice := g[m[2]]; twice {
			t.Fatalf("two blocks are called %q", m[2])
		}
		if m[1] == "test" {
			g[m[2]] = m[3]
		}
	}
	if n := strings.Count(text, "```") / 2; n != len(all) || n == 0 {
		t.Fatalf("%d of %d blocks say what tests do with them", len(all), n)
	}
	return g
}

// TestMigrationGuide looks at the blocks without running them; TestMigration runs
// them.
func TestMigrationGuide(t *testing.T) {
	g := readGuide(t)
	for name, script := range g {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		if _, forward := g[strings.TrimSuffix(name, " back")]; !forward {
			t.Errorf("%s: there is no way there", name)
		}
	}
	for _, step := range []string{"maps", "dovecot dict", "dovecot server", "quota", "sasl", "dkim", "policy"} {
		if g[step] == "" || g[step+" back"] == "" {
			t.Errorf("%s: the step or its way back is missing", step)
		}
	}
	_, config, _ := strings.Cut(g["configuration"], "<<'EOF'\n")
	config, _, _ = strings.Cut(config, "\nEOF\n")
	// What only an installed system has is left out.
	config = regexp.MustCompile(`(?m)^ *(group|password_file) = .*$`).ReplaceAllString(config, "")
	file := filepath.Join(t.TempDir(), "vmapd.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := settings.Load(file, nil); err != nil || len(c.Listen) != 8 {
		t.Errorf("the configuration does not load: %v", err)
	}
}
