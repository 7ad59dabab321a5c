package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hostPages are pages about a whole host, and what runs their commands there.
func hostPages() map[string]string {
	return map[string]string{
		"docs/migration.md":  "TestMigration",
		"docs/quickstart.md": "make test-quickstart",
	}
}

// TestDocumentedShell runs the commands of each page as they stand there, in
// their order, on a small host of the page's own.
func TestDocumentedShell(t *testing.T) {
	for page, list := range blocks(t) {
		if by, elsewhere := hostPages()[page]; elsewhere {
			runsElsewhere(t, page, by)
			continue
		}
		list = slices.DeleteFunc(list, func(b block) bool { return !b.commands(t) })
		if len(list) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, page)
			for _, b := range list {
				w.follow(t, b)
			}
			if look, there := results()[page]; there {
				look(w, t)
			}
		})
	}
}

// commands reports whether a block is to be run here, and looks whether another
// one is run where it says.
func (b block) commands(t *testing.T) bool {
	t.Helper()
	if b.language != "sh" && b.language != "console" {
		return false
	}
	switch b.note {
	case "", "exits", "starts":
		return true
	case "run by":
		runsElsewhere(t, b.String(), b.value)
	case "not run":
	default:
		t.Errorf("%s: nobody knows what <!-- %s: --> means", b, b.note)
	}
	return false
}

// runsElsewhere looks for a test, or for a target of the Makefile.
func runsElsewhere(t *testing.T, what, by string) {
	t.Helper()
	files, wanted := "*_test.go", "\nfunc "+by+"(t *testing.T)"
	if target, made := strings.CutPrefix(by, "make "); made {
		files, wanted = "../../Makefile", "\n"+target+":"
	}
	all, err := filepath.Glob(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), wanted) {
			return
		}
	}
	t.Errorf("%s: there is no %s", what, by)
}

// follow runs a block as a reader would.
func (w *world) follow(t *testing.T, b block) {
	t.Helper()
	switch {
	case b.note == "starts":
		w.Start(t)
		w.AwaitReady(t)
	case b.language == "console":
		w.compare(t, b)
	default:
		if out, status := w.sh(t, b.text); !b.mayExit(status) {
			t.Fatalf("%s: exit status %d\n%s\n%s", b, status, b.text, out)
		} else {
			t.Logf("%s\n%s%s", b, b.text, out)
		}
	}
}

// mayExit reports whether a block says that its commands end so.
func (b block) mayExit(status int) bool {
	if b.note != "exits" {
		return status == 0
	}
	return slices.Contains(strings.Split(b.value, " or "), strconv.Itoa(status))
}

// compare runs the commands of a block one by one, and compares what they print
// with what the page shows. "..." stands for anything within a line.
func (w *world) compare(t *testing.T, b block) {
	t.Helper()
	for part := range strings.SplitSeq("\n"+strings.TrimSuffix(b.text, "\n"), "\n$ ") {
		command, shown, _ := strings.Cut(part, "\n")
		if command == "" {
			continue
		}
		out, status := w.sh(t, command)
		like := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(shown)), `\.\.\.`, `.*`)
		if ok := regexp.MustCompile("^" + like + "$").MatchString(strings.TrimSpace(out)); !ok || !b.mayExit(status) {
			t.Errorf("%s: %s: exit status %d\n%s\nwant\n%s", b, command, status, out, shown)
		}
	}
}

// sh runs a script with the world's paths in place of those of a page.
func (w *world) sh(t *testing.T, script string) (out string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-euc", w.here(script))
	cmd.Dir, cmd.Env = w.root, w.environ()
	cmd.WaitDelay = time.Second
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%s\n%s", err, script, text)
	}
	return w.there(string(text)), cmd.ProcessState.ExitCode()
}
