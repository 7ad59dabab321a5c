package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const markdownIntro = "# Commands\n\nMade from the code by `make generate`. The manual pages, such as vmapd-serve(8), say the same.\n\n" +
	"| exit status | |\n|---|---|\n"

// Markdown gives all commands as one document.
func (m Manual) Markdown() string {
	var b strings.Builder
	b.WriteString(markdownIntro)
	for _, s := range exitStatuses {
		fmt.Fprintf(&b, "| %s | %s |\n", s.tag, s.text)
	}
	b.WriteString("\nAll commands have these options:\n\n")
	writeFlags(&b, flags(m.Root.PersistentFlags()))
	for _, c := range commands(m.Root) {
		for _, sub := range withCommands(c) {
			writeCommand(&b, c, sub)
		}
	}
	return b.String()
}

func writeCommand(b *strings.Builder, top, c *cobra.Command) {
	if c == top {
		fmt.Fprintf(b, "\n## %s\n", c.CommandPath())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(b, "\n%s\n", markdownText(description(c)))
		return
	}
	if c != top {
		fmt.Fprintf(b, "\n### %s\n", c.CommandPath())
	}
	fmt.Fprintf(b, "\n    %s\n\n%s\n", usage(c), markdownText(description(c)))
	if own := flags(c.LocalNonPersistentFlags()); len(own) > 0 {
		b.WriteString("\n")
		writeFlags(b, own)
	}
}

func writeFlags(b *strings.Builder, list []flag) {
	b.WriteString("| option | |\n|---|---|\n")
	for _, f := range list {
		text := sentence(f.text)
		if f.byItself != "" {
			text += " Default: `" + f.byItself + "`."
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(strings.TrimSpace(f.names+" "+f.value), "|", `\|`), strings.ReplaceAll(markdownText(text), "|", `\|`))
	}
}

// markdownText keeps angle brackets, and sets lines that begin with white space
// apart.
func markdownText(text string) string {
	var b strings.Builder
	shown := false
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		asIs := strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "  ")
		if asIs {
			if !shown && b.Len() > 0 && !strings.HasSuffix(b.String(), "\n\n") {
				b.WriteString("\n")
			}
			line = "    " + strings.TrimSpace(line)
		} else {
			if shown && line != "" {
				b.WriteString("\n")
			}
			line = strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(strings.TrimLeft(line, "# "))
		}
		shown = asIs
		b.WriteString(line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
