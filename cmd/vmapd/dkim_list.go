package main

import (
	"cmp"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keybook"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
)

// folded are names as the database is asked for them.
func folded(names []string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = store.Fold(n)
	}
	return all
}

func (a *app) dkimListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [DOMAIN...]",
		Short: "List the keys with their stages and files",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd.Context(), true, func(k *keys) error {
				rows, err := k.Rows(folded(args)...)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(append([]keybook.Row{}, rows...))
				}
				t := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
				fmt.Fprintln(t, "DOMAIN\tSELECTOR\tKEY\tSTAGE\tSINCE\tFINGERPRINT\tFILE")
				for _, r := range rows {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Domain, r.Selector, kind(&r), r.Stage, cmp.Or(r.Since, "-"), cmp.Or(r.Fingerprint, "-"), cmp.Or(r.Problem, r.File))
				}
				if err := t.Flush(); err != nil {
					return err
				}
				for _, r := range rows {
					if r.Old != "" {
						fmt.Fprintf(a.out, "%s: the key with fingerprint %s signs until DNS shows the one in the file, %s\n", r.Name(), r.Old, r.Fingerprint)
					}
				}
				return nil
			})
		},
	}
}

// kind is the algorithm of a key, with its length.
func kind(r *keybook.Row) string {
	if r.Bits == 0 || r.Algorithm != dkim.RSASHA256.Tag() {
		return r.Algorithm
	}
	return fmt.Sprintf("%s-%d", r.Algorithm, r.Bits)
}

func (a *app) dkimDNSCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "dns DOMAIN",
		Short: "Print the records to publish",
		Long: "Prints the record of each key of a domain whose record must be in DNS: as lines of a zone file, in one line each for the form of a web page, or as JSON for programs. " +
			"Those of keys that are gone may be removed, and are not printed.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.json {
				format = "json"
			}
			if !slices.Contains([]string{"zone", "line", "json"}, format) {
				return &exit{exitUsage, fmt.Errorf("--format %q: want zone, line or json", format)}
			}
			return a.withKeys(cmd.Context(), true, func(k *keys) error {
				rows, err := k.Rows(store.Fold(args[0]))
				if err != nil {
					return err
				}
				return a.printRecords(rows, format)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "zone", "zone, line or json")
	return cmd
}

// printRecords prints what is to be in DNS. A key of which nothing is known
// makes the exit status 1.
func (a *app) printRecords(rows []keybook.Row, format string) error {
	records := []dnscheck.Publication{}
	var bad error
	for _, r := range rows {
		switch {
		case r.Stage == string(keyring.Gone):
		case r.Public == nil:
			bad = &exit{exitNo, fmt.Errorf("%s: %s", r.Name(), r.Problem)}
		default:
			records = append(records, r.Record())
		}
	}
	if format == "json" {
		if err := a.printJSON(records); err != nil {
			return err
		}
		return bad
	}
	for _, p := range records {
		text := p.Zone
		if format == "line" {
			text = p.Line
		}
		fmt.Fprintln(a.out, text)
	}
	return bad
}
