package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store"
)

func (a *app) dnsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "dns", Short: "What DNS says of domains", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return &exit{exitUsage, errors.New("dns wants check")} },
	}
	cmd.AddCommand(a.dnsCheckCommand())
	return cmd
}

func (a *app) dnsCheckCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "check DOMAIN...",
		Short: "Check what DNS says of domains, and say what to do",
		Long: "Checks MX, block lists, SPF, DKIM, DMARC, autoconfig and autodiscover, MTA-STS and TLS-RPT of domains, which need not be in the database, or of all that are to be checked (--all). " +
			"What is found is printed and not kept: \"vmapd job run dns-checks\" keeps it. Exit status 1: something is wrong; 75: DNS could not say everything.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return &exit{exitUsage, errors.New("dns check wants domains, or --all")}
			}
			return a.checkDNS(cmd.Context(), folded(args))
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "check all domains that are enabled and have their DNS checks on")
	return cmd
}

// checkDNS checks domains, all if none is named.
func (a *app) checkDNS(ctx context.Context, names []string) error {
	cfg, d, err := a.configured(ctx, true)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	site, err := cfg.OpenDNS(ctx, d)
	if err != nil {
		return &exit{exitTryAgain, err}
	}
	subjects, err := a.dnsSubjects(ctx, site, names)
	if err != nil {
		return &exit{exitTryAgain, err}
	}
	var reports []*dnschecks.Report
	for _, s := range subjects {
		r := site.Checker.Check(ctx, s.Domain, site.Settings, true)
		reports = append(reports, r)
		if !a.json {
			a.printDNS(r)
		}
	}
	if a.json {
		if err := a.printJSON(reports); err != nil {
			return err
		}
	}
	return dnsExit(reports)
}

// dnsSubjects finds domains in the database; what is not there is checked
// without the keys that would sign.
func (a *app) dnsSubjects(ctx context.Context, site *daemon.DNSSite, names []string) ([]dnschecks.Subject, error) {
	if len(names) == 0 {
		return site.Results.Subjects(ctx)
	}
	var all []dnschecks.Subject
	for _, name := range names {
		s, err := site.Results.Subject(ctx, store.Fold(name))
		if err != nil {
			return nil, err
		}
		if s == nil {
			fmt.Fprintf(a.err, "vmapd: %s is not in the database: it is checked nevertheless, without DKIM\n", name)
			s = &dnschecks.Subject{Domain: dnschecks.Domain{Name: name}}
		}
		all = append(all, *s)
	}
	return all, nil
}

// printDNS prints a report for people.
func (a *app) printDNS(r *dnschecks.Report) {
	fmt.Fprintf(a.out, "%s: %s\n", r.Domain, r.State)
	if r.Skipped != "" {
		fmt.Fprintf(a.out, "  not checked: %s\n", r.Skipped)
	}
	for i := range r.Results {
		res := &r.Results[i]
		if !res.Made() {
			continue
		}
		fmt.Fprintf(a.out, "  %-12s %-8s %s\n", res.Kind, res.State, strings.ReplaceAll(res.Value, "\n", "\n"+strings.Repeat(" ", 24)))
		for _, f := range res.Findings {
			fmt.Fprintf(a.out, "    %s: %s\n", f.State, f.Text)
			if f.Remedy != "" {
				fmt.Fprintf(a.out, "      remedy: %s\n", f.Remedy)
			}
		}
		if res.Record != nil {
			fmt.Fprintf(a.out, "      record: %s\n", strings.ReplaceAll(res.Record.Zone, "\n", "\n              "))
		}
	}
}

func dnsExit(reports []*dnschecks.Report) error {
	unknown := false
	for _, r := range reports {
		switch r.State {
		case dnschecks.Critical:
			return &exit{code: exitNo}
		case dnschecks.Unknown:
			unknown = true
		}
	}
	if unknown {
		return &exit{code: exitTryAgain}
	}
	return nil
}
