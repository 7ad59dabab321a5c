package manual

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/internal/peers"
)

// example is a program with all that a page must bear.
func example() Manual {
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "vmapd", Short: "Answers lookups"}
	root.PersistentFlags().StringP("config", "c", "", "configuration `file`")
	ask := &cobra.Command{Use: "ask KEY", Short: "Ask", Run: run, Long: "Asks.\n\n.TH is no macro here, 'br neither, and a \\ stays; `ask` is bold.\n\n#### Such as:\n\n\tvmapd ask -x\n"}
	ask.Flags().Int("limit", 7, "at most so many")
	ask.Flags().Bool("secret", false, "hidden")
	_ = ask.Flags().MarkHidden("secret")
	keys := &cobra.Command{Use: "keys", Short: "Keys", Long: "Keys | more."}
	keys.AddCommand(&cobra.Command{Use: "list", Short: "List them", Run: run}, &cobra.Command{Use: "old", Hidden: true, Run: run})
	root.AddCommand(ask, keys)
	return Manual{Root: root, Settings: daemon.Settings(), Version: "1.2-3", Date: "2026-01-31"}
}

// plain is a page as a reader sees it.
func plain(t *testing.T, p Page) string {
	t.Helper()
	cmd := exec.Command(peers.Program(t, "mandoc", "mandoc"), "-T", "utf8", "-O", "width=200")
	cmd.Stdin = strings.NewReader(p.Text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", p.Name, err, out)
	}
	var b strings.Builder // without overstriking
	for _, r := range string(out) {
		if r == '\b' {
			s := []rune(b.String())
			b.Reset()
			b.WriteString(string(s[:len(s)-1]))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func pageOf(t *testing.T, name string) Page {
	t.Helper()
	for _, p := range example().Pages() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no page %s", name)
	return Page{}
}

func TestPages(t *testing.T) {
	tests := []struct {
		page       string
		want, none []string
	}{
		{"vmapd", []string{"-c, --config file", "ask", "SIGUSR2", "75"}, []string{"secret", "keys old"}},
		{"vmapd-ask", []string{"vmapd-ask - ask", "vmapd ask KEY", ".TH is no macro here, 'br neither, and a \\ stays; ask is bold.", "Such as:", "vmapd ask -x", "at most so many. Default: 7."}, []string{"secret", "####"}},
		{"vmapd-keys", []string{"vmapd keys list", "List them.", "Keys | more."}, []string{"keys old"}},
		{"vmapd.toml", []string{"[[listen]]", "[lookup]", `hold = "20s"`, `state_dir = "/var/lib/vmapd"`}, nil},
	}
	for _, tt := range tests {
		got := plain(t, pageOf(t, tt.page))
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing in\n%s", tt.page, want, got)
			}
		}
		for _, none := range tt.none {
			if strings.Contains(got, none) {
				t.Errorf("%s has %q", tt.page, none)
			}
		}
	}
}

// TestEverySetting: the page has each key of each section.
func TestEverySetting(t *testing.T) {
	text, n := pageOf(t, "vmapd.toml").Text, 0
	for line := range strings.Lines(daemon.Commented()) {
		key, _, ok := strings.Cut(line, " = ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if n++; !strings.Contains(text, bold(key)+" = ") {
			t.Errorf("%s is missing", key)
		}
	}
	if n < 40 {
		t.Errorf("the commented file has %d keys", n)
	}
}

func TestMarkdown(t *testing.T) {
	got := example().Markdown()
	for _, want := range []string{"## vmapd ask\n\n    vmapd ask KEY\n", "| `--limit int` | at most so many. Default: `7`. |", "### vmapd keys list", "\n    vmapd ask -x\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, none := range []string{"secret", "keys old", "####"} {
		if strings.Contains(got, none) {
			t.Errorf("%q is there", none)
		}
	}
}
