package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keybook"
)

func (a *app) dkimCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [DOMAIN...]",
		Short: "Look whether the keys are published",
		Long: "Asks all authoritative name servers for the record of each key, of all domains or of those named, and says what is wrong with it and what to do. " +
			"Exit status 1: a record is not as it should be; 75: the name servers could not say.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd.Context(), true, func(k *keys) error {
				rows, err := k.Rows(folded(args)...)
				if err != nil {
					return err
				}
				if err := k.dns(); err != nil {
					return err
				}
				return k.printChecks(k.CheckAll(cmd.Context(), rows))
			})
		},
	}
}

func (k *keys) printChecks(all []keybook.Checked) error {
	bad, unknown := 0, 0
	for _, c := range all {
		switch {
		case c.DNS == nil || !c.DNS.Works && c.DNS.Code != dnscheck.Temp:
			bad++
		case c.DNS.Code == dnscheck.Temp:
			unknown++
		}
	}
	if k.json {
		if err := k.printJSON(all); err != nil {
			return err
		}
	} else {
		for _, c := range all {
			k.printCheck(&c)
		}
	}
	switch {
	case bad > 0:
		return &exit{code: exitNo}
	case unknown > 0:
		return &exit{code: exitTryAgain}
	}
	return nil
}

func (k *keys) printCheck(c *keybook.Checked) {
	if c.DNS == nil {
		fmt.Fprintf(k.out, "%s: %s\n  %s\n", c.Name(), c.Problem, cmp.Or(c.Remedy, "see vmapd dkim list"))
		return
	}
	fmt.Fprintf(k.out, "%s: %s (%s): %s\n", c.Name(), c.DNS.Code, c.Stage, c.DNS.Detail)
	if c.DNS.Remedy != "" {
		fmt.Fprintf(k.out, "  %s\n", c.DNS.Remedy)
	}
}
