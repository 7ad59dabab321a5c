package main_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestQuickStartPage looks at the blocks of docs/quickstart.md without running
// them; "make test-quickstart" runs them in a clean Debian.
func TestQuickStartPage(t *testing.T) {
	page := readFile(t, "../../docs/quickstart.md")
	script := readFile(t, "../../contrib/packages/quickstart.sh")
	blocks := regexp.MustCompile("(?s)<!-- (test|not run): ([^\n]*) -->\n```sh\n(.*?)\n```\n").FindAllStringSubmatch(page, -1)
	if n := strings.Count(page, "```sh\n"); n != len(blocks) || n < 4 {
		t.Errorf("%d of %d blocks say what tests do with them", len(blocks), n)
	}
	for _, b := range blocks {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(b[3])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", b[2], err, out)
		}
		if b[1] == "test" && !regexp.MustCompile(`(?m)follow `+regexp.QuoteMeta(b[2])+`$`).MatchString(script) {
			t.Errorf("%s: quickstart.sh does not run the block", b[2])
		}
	}
}
