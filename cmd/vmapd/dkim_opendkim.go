package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/dkim/opendkim"
)

// dkimImportCommand is a command below "vmapd dkim".
func (a *app) dkimImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import-opendkim FILE",
		Short: "Say what becomes of an OpenDKIM's configuration",
		Long: "Reads an opendkim.conf with its SigningTable, KeyTable and lists of hosts, and says who was signed with what, which option is which setting of vmapd, " +
			"what falls away and why, and what is left to do by hand. The output is a piece of vmapd.toml: all but the settings is comments. Nothing is changed, " +
			"databases are not asked, and private keys are not read. Exit status 1: something in the files is wrong or could not be read; the rest is told all the same.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			plan, err := opendkim.Read(args[0], opendkim.Options{})
			if err != nil {
				return &exit{exitUsage, err}
			}
			if a.json {
				err = a.printJSON(plan)
			} else {
				for _, p := range plan.Problems {
					fmt.Fprintln(a.err, p)
				}
				_, err = plan.WriteTo(a.out)
			}
			if err == nil && len(plan.Problems) > 0 {
				return &exit{exitNo, fmt.Errorf("%s: %d problem(s)", args[0], len(plan.Problems))}
			}
			return err
		},
	}
}
