package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

func (a *app) dbCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "db", Short: "Capture changes in a database that Modoboa owns", Args: cobra.NoArgs,
		Long: "Triggers that log which rows change let the daemon serve a change within a second without reading everything again. " +
			"They are installed only by install-triggers, and remove-triggers leaves the database as it was.",
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("db wants status, install-triggers or remove-triggers")}
		},
	}
	cmd.AddCommand(a.dbStatusCommand(), a.dbInstallCommand(), a.dbRemoveCommand())
	return cmd
}

// withDatabase runs f on the configured database; its errors exit with 1.
func (a *app) withDatabase(ctx context.Context, readOnly bool, f func(*db.DB) error) error {
	_, d, err := a.configured(ctx, readOnly)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	var e *exit
	if err := f(d); err != nil && !errors.As(err, &e) {
		return &exit{exitNo, err}
	} else if err != nil {
		return err
	}
	return nil
}

func (a *app) dbInstallCommand() *cobra.Command {
	var o modoboa.CaptureOptions
	cmd := &cobra.Command{
		Use:   "install-triggers",
		Short: "Add the log of changes and the triggers that write it",
		Long: "Adds the tables vmapd_change and vmapd_capture, vmapd_dkim_key for DKIM keys, vmapd_job for when jobs ran, and triggers on the tables that vmapd reads. What is there already stays; what is incomplete is made anew. " +
			"It must run as the owner of Modoboa's tables; if the daemon runs as another user, name that one with --grant.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDatabase(cmd.Context(), false, func(d *db.DB) error {
				if err := modoboa.InstallCapture(cmd.Context(), d, o); err != nil {
					return err
				}
				return a.printCapture(cmd.Context(), d)
			})
		},
	}
	cmd.Flags().StringVar(&o.Grant, "grant", "", "`ROLE` (MySQL: USER@HOST) that shall read and prune the log")
	return cmd
}

func (a *app) dbRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove-triggers",
		Short: "Remove all that install-triggers added",
		Long:  "Removes triggers, functions and tables of install-triggers; the database is then as it was. The table of DKIM keys stays if it has rows. A running daemon goes on and reads everything again at its interval.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDatabase(cmd.Context(), false, func(d *db.DB) error {
				kept, err := modoboa.RemoveCapture(cmd.Context(), d)
				if err != nil {
					return err
				}
				if kept > 0 {
					fmt.Fprintf(a.err, "vmapd: the table vmapd_dkim_key was left, since it names %d key(s) (vmapd dkim list): drop it by hand when none of them is needed\n", kept)
				}
				return a.printCapture(cmd.Context(), d)
			})
		},
	}
}

func (a *app) dbStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show whether changes are captured",
		Long:  "Shows whether the triggers are installed, what is missing, and how long the log is. Exit status 1: changes are not captured, or the log cannot be used.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDatabase(cmd.Context(), true, func(d *db.DB) error {
				c, err := modoboa.InspectCapture(cmd.Context(), d)
				if err != nil {
					return err
				}
				if err := a.showCapture(d, c); err != nil {
					return err
				}
				if c.State != "installed" || c.Unusable != "" {
					return &exit{code: exitNo}
				}
				return nil
			})
		},
	}
}

func (a *app) printCapture(ctx context.Context, d *db.DB) error {
	c, err := modoboa.InspectCapture(ctx, d)
	if err != nil {
		return err
	}
	return a.showCapture(d, c)
}

func (a *app) showCapture(d *db.DB, c *modoboa.Capture) error {
	if a.json {
		return a.printJSON(struct {
			Database string `json:"database"`
			*modoboa.Capture
		}{d.Name, c})
	}
	return printCapture(a.out, d.Name, c)
}

func printCapture(w io.Writer, name string, c *modoboa.Capture) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("database", "%s", name)
	row("triggers", "%s", c.State)
	if len(c.Missing) > 0 {
		row("missing", "%s (run \"vmapd db install-triggers\")", strings.Join(c.Missing, ", "))
	}
	if c.Epoch != "" {
		row("epoch", "%s", c.Epoch)
		row("log", "%d entries", c.Entries)
	}
	if c.Oldest != "" {
		row("oldest", "%s", c.Oldest)
	}
	if c.Unusable != "" {
		row("not used", "%s: everything is read again at the interval", c.Unusable)
	}
	return t.Flush()
}
