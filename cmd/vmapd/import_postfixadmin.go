package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/postfixadmin"
)

func (a *app) importPostfixAdminCommand() *cobra.Command {
	var o postfixadmin.Options
	var from, passwordFile string
	cmd := &cobra.Command{
		Use:   "postfixadmin --from URL",
		Short: "Import a live PostfixAdmin database, in one transaction",
		Long: `Imports domains, domain aliases, mailboxes, aliases and administrators from a database of PostfixAdmin 2.3 or newer, which is only read:

  mysql://user@host/postfix      postgres://user@host/postfix      sqlite:/var/lib/postfixadmin/postfixadmin.db

All is read in one consistent view and written in one transaction. What exists is left alone and what is missing is added, so the command
can be run again. What is left out or not taken over as it was is a warning on standard error that names table and row; --dry-run shows
them, and every object that would be made. docs/import.md has the mapping.

Exit status 75: a database cannot be reached, or something else went wrong; nothing was imported.`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return &exit{exitUsage, errors.New("--from is missing: the URL of PostfixAdmin's database")}
			}
			if o.Scheme != "" && !password.Known(o.Scheme) {
				return &exit{exitUsage, fmt.Errorf("--passwords-scheme %q: want one of %s", o.Scheme, strings.Join(schemeNames(func(password.Scheme) bool { return true }), ", "))}
			}
			d, err := openFrom(cmd.Context(), from, passwordFile)
			if err != nil {
				return err
			}
			defer func() { _ = d.Close() }()
			return a.importPostfixAdmin(cmd.Context(), d, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "`URL` of PostfixAdmin's database")
	f.StringVar(&passwordFile, "from-password-file", "", "`file` with the password for it, which keeps it out of the process list")
	f.StringVar(&o.TablePrefix, "table-prefix", "", "what stands before the names of its tables (database_prefix)")
	f.StringVar(&o.Scheme, "passwords-scheme", "", "`scheme` of passwords that name none, such as CRYPT, PLAIN-MD5 or PLAIN (default: by their form)")
	f.BoolVar(&o.DryRun, "dry-run", false, "print what would change, and change nothing")
	return cmd
}

// openFrom opens a database to read from it.
func openFrom(ctx context.Context, url, passwordFile string) (*db.DB, error) {
	o := db.Options{ReadOnly: true, MustExist: true}
	if passwordFile != "" {
		text, err := os.ReadFile(passwordFile)
		if err != nil {
			return nil, &exit{exitUsage, err}
		}
		o.Password = strings.TrimRight(string(text), "\r\n")
	}
	d, err := db.Open(url, o)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	if err := d.Connect(ctx); err != nil {
		_ = d.Close()
		return nil, &exit{exitTryAgain, err}
	}
	return d, nil
}

func (a *app) importPostfixAdmin(ctx context.Context, from *db.DB, o postfixadmin.Options) error {
	c, to, err := a.configured(ctx, false)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	o.Parameters = c.Overrides()
	clear := ""
	if isTerminal(a.err) {
		o.Progress, clear = progress(a.err), "\r\x1b[K"
	}
	if !a.json {
		o.Warn = func(w postfixadmin.Warning) { fmt.Fprintf(a.err, "%swarning: %s\n", clear, w) }
		if o.DryRun {
			o.Change = func(c postfixadmin.Change) { printChange(a.out, c) }
		}
	}
	report, err := postfixadmin.Import(ctx, from, to, o)
	if err != nil {
		return &exit{exitTryAgain, fmt.Errorf("nothing was imported: %w", err)}
	}
	if !o.DryRun {
		a.tellDaemon(ctx, c)
	}
	if a.json {
		return a.printJSON(report)
	}
	a.printReport(report)
	return nil
}

func printChange(w io.Writer, c postfixadmin.Change) {
	fmt.Fprintf(w, "%s %s %s", c.Action, c.Kind, c.Name)
	if c.Detail != "" {
		fmt.Fprintf(w, " (%s)", c.Detail)
	}
	fmt.Fprintln(w)
}

// printReport sums up an import in a few lines.
func (a *app) printReport(r *postfixadmin.Report) {
	made := "made"
	if r.DryRun {
		made = "would make"
	}
	for _, part := range []struct {
		verb   string
		counts map[string]int
	}{{"read", r.Read}, {made, r.Created}, {"added to existing", r.Extended}, {"left as they are", r.Skipped}} {
		var list []string
		for _, kind := range slices.Sorted(maps.Keys(part.counts)) {
			if n := part.counts[kind]; n > 0 {
				list = append(list, fmt.Sprintf("%d %s", n, kind))
			}
		}
		switch {
		case len(list) > 0:
			fmt.Fprintf(a.out, "%s: %s\n", part.verb, strings.Join(list, ", "))
		case part.verb == made:
			fmt.Fprintf(a.out, "%s: nothing\n", made)
		}
	}
	fmt.Fprintf(a.out, "%d warning(s)\n", r.WarningsTotal)
}
