// Command gendocs writes the documentation that is made from the code: the
// commented configuration file, the list of lookup tables, and the files that
// "vmapd doveconf" prints for the default configuration. "make generate" runs
// it, and a test compares.
//
//	gendocs DOCS DOVECOT
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/doveconf"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/lookup"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gendocs DOCS DOVECOT")
		os.Exit(2)
	}
	// The file shows the folders of an installation, not of this shell.
	os.Unsetenv("STATE_DIRECTORY")
	os.Unsetenv("RUNTIME_DIRECTORY")
	for name, text := range map[string]string{"vmapd.toml": daemon.Commented(), "tables.md": tables()} {
		write(filepath.Join(os.Args[1], name), text)
	}
	for _, o := range []doveconf.Options{{Version: "2.3", Auth: doveconf.Dict}, {Version: "2.3", Auth: doveconf.Server}, {Version: "2.4", Auth: doveconf.Server}} {
		files, err := doveconf.Render(daemon.Default(), o)
		fail(err)
		for _, f := range files {
			write(filepath.Join(os.Args[2], o.Version+"-"+o.Auth, f.Name), f.Text)
		}
	}
}

func write(file, text string) {
	fail(os.MkdirAll(filepath.Dir(file), 0o755))
	fail(os.WriteFile(file, []byte(text), 0o644))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func tables() string {
	var b strings.Builder
	b.WriteString("# Lookup tables\n\nMade from the code by `make generate`. Every table is asked for the full key as the client spelled it and takes the steps to the address\n" +
		"without extension, the `@domain`, the domain and its parents by itself. Several values are joined with `,`. `vmapd postconf` prints the lines for main.cf.\n")
	for _, t := range lookup.Tables() {
		fmt.Fprintf(&b, "\n## `%s`\n\nFor `%s`. %s\n", t.Name, t.Param, t.Doc)
		names := append([]string{t.Name}, t.Synonyms...)
		for i, n := range names {
			names[i] = "`sql-" + n + "`"
		}
		if len(t.Synonyms) > 0 {
			names = append(names, "`"+strings.Join(t.Synonyms, "`, `")+"`")
		}
		fmt.Fprintf(&b, "\nAlso known as %s.\n", strings.Join(names, ", "))
	}
	return b.String()
}
