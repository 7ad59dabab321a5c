package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/modoboa"
)

func (a *app) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import", Short: "Import accounts", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("import wants csv or postfixadmin")}
		},
	}
	cmd.AddCommand(a.importCSVCommand(), a.importPostfixAdminCommand())
	return cmd
}

func (a *app) importCSVCommand() *cobra.Command {
	var o modoboa.ImportOptions
	var separator string
	cmd := &cobra.Command{
		Use:   "csv FILE",
		Short: "Import Modoboa's CSV lines, in one transaction",
		Long: `Imports Modoboa's CSV lines ("-": standard input) with the rows that Modoboa makes beside them, in one transaction: a line that is wrong is reported
with its number, and then nothing is written.

  domain;NAME;QUOTA;DEFAULT MAILBOX QUOTA;ENABLED                      quotas in MB, 0 = none
  domainalias;NAME;TARGET;ENABLED
  relaydomain;NAME;HOST;PORT;SERVICE;ENABLED;VERIFY RECIPIENTS
  account;LOGIN;PASSWORD;FIRST NAME;LAST NAME;ENABLED;ROLE;ADDRESS;QUOTA[;DOMAIN...]
  alias;ADDRESS;ENABLED;RECIPIENT...                                   forward and dlist are the same

Exit status 1: the file was refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, n := utf8.DecodeRuneInString(separator)
			if n != len(separator) || n == 0 {
				return &exit{exitUsage, fmt.Errorf("--separator %q: want one character", separator)}
			}
			o.Separator = r
			return a.importCSV(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.DryRun, "dry-run", false, "print what would change, and change nothing")
	f.BoolVar(&o.ContinueIfExists, "continue-if-exists", false, "skip what exists already; add recipients to aliases that exist")
	f.BoolVar(&o.CryptPasswords, "crypt-passwords", false, "the passwords are in clear: hash them (SHA512-CRYPT)")
	f.StringVar(&separator, "separator", ";", "character between fields")
	return cmd
}

func (a *app) importCSV(ctx context.Context, file string, o modoboa.ImportOptions) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	in := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return &exit{exitUsage, err}
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	d, err := a.open(ctx, c, false)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if isTerminal(a.err) {
		o.Progress = progress(a.err)
	}
	o.CountOnly, o.Parameters = !o.DryRun && !a.json, c.Overrides()
	report, err := modoboa.ImportCSV(ctx, d, in, o)
	var bad *modoboa.ImportError
	if errors.As(err, &bad) {
		for _, l := range bad.Lines {
			fmt.Fprintf(a.err, "%s:%d: %s\n", file, l.Line, l.Text)
		}
		return &exit{exitNo, fmt.Errorf("%s: %d line(s) are wrong: nothing was imported", file, bad.Total)}
	}
	if err != nil {
		return &exit{exitTryAgain, fmt.Errorf("%s: nothing was imported: %w", file, err)}
	}
	if !o.DryRun {
		a.tellDaemon(ctx, c)
	}
	return a.printImport(file, report)
}

func (a *app) printImport(file string, r *modoboa.ImportReport) error {
	if a.json {
		return a.printJSON(r)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(a.err, "%s:%d: warning: %s\n", file, w.Line, w.Text)
	}
	verb := "made"
	if r.DryRun {
		verb = "would make"
		for _, c := range r.Changes {
			fmt.Fprintf(a.out, "line %d: %s %s %s", c.Line, c.Action, c.Kind, c.Name)
			if c.Detail != "" {
				fmt.Fprintf(a.out, " (%s)", c.Detail)
			}
			fmt.Fprintln(a.out)
		}
	}
	fmt.Fprintf(a.out, "%d line(s): %s", r.Lines, verb)
	sep := ""
	for _, kind := range slices.Sorted(maps.Keys(r.Created)) {
		if n := r.Created[kind]; n > 0 {
			fmt.Fprintf(a.out, "%s %d %s", sep, n, kind)
			sep = ","
		}
	}
	if sep == "" {
		fmt.Fprint(a.out, " nothing")
	}
	if r.Skipped > 0 {
		fmt.Fprintf(a.out, "; skipped %d that exist", r.Skipped)
	}
	fmt.Fprintln(a.out)
	return nil
}

// tellDaemon makes a running daemon serve what was imported at once.
func (a *app) tellDaemon(ctx context.Context, c *daemon.Config) {
	_, err := a.control(c).Reload(ctx)
	if err != nil && !errors.Is(err, daemon.ErrNotRunning) {
		fmt.Fprintf(a.err, "vmapd: imported, but the running daemon does not serve it yet: %v\n", err)
	}
}

// progress draws one line that is written over again.
func progress(w io.Writer) func(done, total int64) {
	last := int64(-1)
	return func(done, total int64) {
		if total == 0 {
			return
		}
		percent := done * 100 / total
		if percent == last && done != total {
			return
		}
		last = percent
		fmt.Fprintf(w, "\r%3d %% of %d steps", percent, total)
		if done == total {
			fmt.Fprint(w, "\r\x1b[K")
		}
	}
}
