package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/store/modoboa"
)

func (a *app) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Export accounts", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("export wants csv")}
		},
	}
	cmd.AddCommand(a.exportCSVCommand())
	return cmd
}

func (a *app) exportCSVCommand() *cobra.Command {
	var o modoboa.ExportOptions
	var separator, output string
	cmd := &cobra.Command{
		Use:   "csv",
		Short: "Export Modoboa's CSV lines",
		Long: `Writes the lines that import csv reads - domains, relay domains, domain aliases, accounts with their password hashes, aliases and forwards -,
sorted, from one consistent state of the database. Cells that a spreadsheet would run as a formula begin with a single quote, which
import csv takes away. A file gets mode 0600 and is there whole or not at all.

Exit status 1: a domain does not exist.`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, n := utf8.DecodeRuneInString(separator)
			if n != len(separator) || n == 0 {
				return &exit{exitUsage, fmt.Errorf("--separator %q: want one character", separator)}
			}
			o.Separator = r
			return a.exportCSV(cmd.Context(), output, o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.Domains, "domain", nil, "export this `domain` alone, with its mailboxes, aliases and administrators; repeatable")
	f.StringVar(&output, "output", "-", "`file` to write, with mode 0600; -: standard output")
	f.BoolVar(&o.NoPasswords, "no-passwords", false, "leave the password column empty")
	f.StringVar(&separator, "separator", ";", "character between fields")
	return cmd
}

func (a *app) exportCSV(ctx context.Context, output string, o modoboa.ExportOptions) error {
	_, d, err := a.configured(ctx, true)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	o.Warn = func(text string) { fmt.Fprintf(a.err, "warning: %s\n", text) }
	var report *modoboa.ExportReport
	write := func(w io.Writer) error {
		report, err = modoboa.ExportCSV(ctx, d, w, o)
		return err
	}
	if output == "-" {
		err = buffered(a.out, write)
	} else {
		err = wholeFile(output, write)
	}
	switch {
	case errors.Is(err, modoboa.ErrNoDomain):
		return &exit{exitNo, err}
	case err != nil:
		return &exit{exitTryAgain, err}
	case output == "-":
		return nil
	case a.json:
		return a.printJSON(report)
	}
	a.printExport(output, report)
	return nil
}

func (a *app) printExport(output string, r *modoboa.ExportReport) {
	list := []string{"nothing"}
	if len(r.Lines) > 0 {
		list = list[:0]
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Lines)) {
		list = append(list, fmt.Sprintf("%d %s", r.Lines[kind], kind))
	}
	fmt.Fprintf(a.out, "%s: %s; %d warning(s)\n", output, strings.Join(list, ", "), r.Warnings)
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// wholeFile writes a file that others see whole or not at all, and that only
// its owner can read.
func wholeFile(path string, write func(io.Writer) error) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file: name a file, or write to standard output", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after the rename it is not there
	if err := errors.Join(buffered(f, write), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
