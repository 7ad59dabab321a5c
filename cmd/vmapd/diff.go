package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/mapdiff"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/db"
)

// diffFlags are those of diff.
type diffFlags struct {
	maps, kind string
	keys, logs []string
	every      int
	offline    bool
	strict     bool
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff --maps DIR",
		Short: "Compare your own sql-*.cf maps with vmapd, for every key that the database knows",
		Long: `Asks the SQL maps that Postfix uses now (sql-domains.cf, sql-aliases.cf and so on) and vmapd the same questions, and prints where Postfix would do
something else: the maps through postmap(1), with the steps that Postfix takes for SQL maps. Every domain, alias, mailbox and sender address of the
database is a key, with an extension, at domain aliases, below its domain, and somebody who is not there.

The running daemon is asked, or if there is none the database. Exit status 1: there are differences. Those that are meant to be - names that
the database has in mixed case, which a map that minds case never finds - count only with --strict.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.maps == "" {
				return &exit{exitUsage, errors.New("--maps DIR is missing: the folder with sql-domains.cf and the others, often /etc/postfix")}
			}
			return a.diff(cmd.Context(), &f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.maps, "maps", "", "`folder` of the maps")
	fl.StringVar(&f.kind, "type", "", "pgsql, mysql or sqlite: the type of maps that do not show it (default: that of the database)")
	fl.StringArrayVar(&f.keys, "keys", nil, "`file` of further keys, one a line; repeatable")
	fl.StringArrayVar(&f.logs, "mail-log", nil, "mail log `file` whose addresses are keys too; repeatable")
	fl.IntVar(&f.every, "every", 1, "for large databases: take one address in so many")
	fl.BoolVar(&f.offline, "offline", false, "read the database now instead of asking the daemon")
	fl.BoolVar(&f.strict, "strict", false, "let differences that are meant to be count too")
	return cmd
}

func (a *app) diff(ctx context.Context, f *diffFlags) error {
	c, d, err := a.configured(ctx, true)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if f.kind == "" {
		f.kind = mapdiff.Type(d)
	}
	own, err := mapdiff.Find(f.maps, f.kind)
	if err != nil {
		return &exit{exitUsage, err}
	}
	keys, err := diffKeys(ctx, d, f)
	if err != nil {
		return err
	}
	odd, err := mapdiff.OddNames(ctx, d)
	if err != nil {
		return &exit{exitTryAgain, err}
	}
	ask, closer, err := a.diffTables(ctx, c, f.offline)
	if err != nil {
		return err
	}
	defer closer()
	compare := mapdiff.Comparison{Maps: own, Ask: ask, Options: c.LookupOptions(), Odd: odd}
	if isTerminal(a.err) {
		compare.Progress = progress(a.err)
	}
	report, err := compare.Run(ctx, keys.ByTable())
	if err != nil {
		return &exit{exitTryAgain, err}
	}
	return a.printDiff(report, f.strict)
}

func diffKeys(ctx context.Context, d *db.DB, f *diffFlags) (*mapdiff.Keys, error) {
	keys := mapdiff.NewKeys()
	if err := keys.FromDatabase(ctx, d, f.every); err != nil {
		return nil, &exit{exitTryAgain, err}
	}
	for _, from := range []struct {
		files []string
		add   func(io.Reader) error
	}{{f.keys, keys.AddLines}, {f.logs, keys.AddLog}} {
		for _, name := range from.files {
			in, err := os.Open(name)
			if err != nil {
				return nil, &exit{exitUsage, err}
			}
			err = from.add(in)
			_ = in.Close()
			if err != nil {
				return nil, &exit{exitUsage, fmt.Errorf("%s: %w", name, err)}
			}
		}
	}
	return keys, nil
}

// diffTables asks the daemon, or a snapshot of the database.
func (a *app) diffTables(ctx context.Context, c *daemon.Config, offline bool) (mapdiff.Table, func(), error) {
	if !offline {
		ask, closer, err := a.tablesOnline(ctx, c)
		if err == nil {
			return ask, closer, nil
		}
		fmt.Fprintf(a.err, "vmapd: %v\nvmapd: comparing with what the database says now\n", err)
	}
	s, err := a.snapshot(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return snapshotTables(s, c), func() {}, nil
}

// tablesOnline connects to the daemon for each table once.
func (a *app) tablesOnline(ctx context.Context, c *daemon.Config) (mapdiff.Table, func(), error) {
	asks := map[string]asker{}
	var closers []func()
	connect := func(table string) (asker, error) {
		if ask := asks[table]; ask != nil {
			return ask, nil
		}
		ask, closer, err := a.online(ctx, c, table)
		if err == nil {
			asks[table], closers = ask, append(closers, closer)
		}
		return ask, err
	}
	if _, err := connect("aliases"); err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, table, key string) (string, bool, error) {
			ask, err := connect(table)
			if err != nil {
				return "", false, err
			}
			return ask(ctx, key)
		}, func() {
			for _, f := range closers {
				f()
			}
		}, nil
}

// printDiff prints the differences, and is the exit status.
func (a *app) printDiff(r *mapdiff.Report, strict bool) error {
	counted := len(r.Differences) - r.Intended
	if strict {
		counted = len(r.Differences)
	}
	var err error
	if a.json {
		err = a.printJSON(r)
	} else {
		a.tellDiff(r)
	}
	if err == nil && counted > 0 {
		err = &exit{code: exitNo}
	}
	return err
}

func (a *app) tellDiff(r *mapdiff.Report) {
	for _, d := range r.Differences {
		fmt.Fprintf(a.out, "%s\t%s\n\tmaps:  %s\n\tvmapd: %s\n", d.Table, d.Key, orNothing(d.Maps), orNothing(d.Vmapd))
		if d.Reason != "" {
			fmt.Fprintf(a.out, "\tmeant: %s\n", d.Reason)
		}
	}
	n := 0
	for _, table := range slices.Sorted(maps.Keys(r.Compared)) {
		n += r.Compared[table]
	}
	fmt.Fprintf(a.out, "%d answers of %d tables compared: %d differ", n, len(r.Compared), len(r.Differences)-r.Intended)
	if r.Intended > 0 {
		fmt.Fprintf(a.out, ", and %d as is meant", r.Intended)
	}
	fmt.Fprintln(a.out)
}

func orNothing(s string) string {
	if s == "" {
		return "(not found)"
	}
	return s
}
