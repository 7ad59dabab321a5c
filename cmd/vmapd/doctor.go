package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/keyring"
)

func (a *app) doctorCommand() *cobra.Command {
	var only []string
	var h hostOptions
	cmd := &cobra.Command{
		Use:   "doctor [--only GROUP-OR-CHECK]",
		Short: "Find problems in data, keys, sockets, permissions, main.cf and dovecot.conf, each with a remedy",
		Long: "Looks at the data, read from the database now or, if that is away, at what the daemon has kept on disk; at the files of DKIM keys; at sockets and permissions; at the running daemon; " +
			"and at how Postfix and Dovecot of this host are wired. It changes nothing. Run it as root: others may not see all there is to see.\n\n" +
			"Exit status 0: nothing but things to know; 1: an error or a warning was found; 75: it cannot say, the database is away and nothing is stored.\n\nGroups: " + strings.Join(doctor.Groups(), ", "),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			checks, err := doctor.Select(only...)
			if err != nil {
				return &exit{exitUsage, err}
			}
			list, err := a.diagnose(cmd.Context(), c, checks, only, h)
			var cannot *exit
			if err != nil && (!errors.As(err, &cannot) || cannot.code != exitTryAgain) {
				return err
			}
			return a.printFindings(list, err)
		},
	}
	cmd.Flags().StringSliceVar(&only, "only", nil, "run these `groups or checks` alone")
	h.flags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("only", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names := doctor.Groups()
		for _, c := range doctor.Checks() {
			names = append(names, c.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// diagnose gathers what the checks look at, and runs them. If the data cannot be
// had the others run all the same: the error exits with 75 then.
func (a *app) diagnose(ctx context.Context, c *daemon.Config, checks []doctor.Check, only []string, h hostOptions) ([]doctor.Finding, error) {
	in := doctor.Input{Only: only, Lookup: c.LookupOptions(), DefaultScheme: c.Dovecot.DefaultScheme, WeakSchemes: c.Dovecot.WeakSchemes, Rehash: c.Dovecot.Rehash != "", OutsideAll: len(c.Outside.Backends) > 0}
	in.ReadKey = func(domain, selector, path string) (*dkim.Key, error) {
		return keyring.ReadKey(c.DKIM.KeyDir, domain, selector, path)
	}
	cannot := a.readData(ctx, c, checks, &in, &h)
	var e *exit
	if errors.As(cannot, &e) && e.code != exitTryAgain {
		return nil, cannot
	}
	in.Host = a.host(ctx, c, checks, h)
	list, err := doctor.Run(ctx, in)
	if err != nil {
		return nil, &exit{exitTryAgain, err}
	}
	return list, cannot
}

// readData reads the database if a selected check uses it. The error is nil if
// none looks at nothing else.
func (a *app) readData(ctx context.Context, c *daemon.Config, checks []doctor.Check, in *doctor.Input, h *hostOptions) error {
	uses, needs := false, false
	for _, check := range checks {
		uses, needs = uses || check.UsesData(), needs || check.Data()
	}
	if !uses {
		return nil
	}
	k, err := known(ctx, c)
	in.Snapshot, h.away = k.snap, k.away
	if err != nil {
		h.away = err
	}
	if !needs {
		return nil
	}
	return err
}

// printFindings ends with the exit status that they mean. cannot says why the
// data could not be looked at, nil if it was.
func (a *app) printFindings(list []doctor.Finding, cannot error) error {
	var err error
	if a.json {
		err = a.printJSON(append([]doctor.Finding{}, list...))
	} else {
		err = writeFindings(a.out, list, cannot == nil)
	}
	switch {
	case err != nil:
		return err
	case cannot != nil:
		return cannot
	case !doctor.Healthy(list):
		return &exit{code: exitNo}
	}
	return nil
}

func writeFindings(w io.Writer, list []doctor.Finding, whole bool) error {
	n := map[doctor.Level]int{}
	for _, f := range list {
		n[f.Level] += f.Count
		if _, err := fmt.Fprintf(w, "%-7s  %s: %s\n         %s\n         remedy: %s\n", strings.ToUpper(string(f.Level)), f.Check, f.Subject, f.Problem, f.Remedy); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "nothing is wrong")
		return err
	}
	_, err := fmt.Fprintf(w, "%s, %s, %s to know\n", counted(n[doctor.Error], "error"), counted(n[doctor.Warning], "warning"), counted(n[doctor.Info], "thing"))
	return err
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
