package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keybook"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
)

func (a *app) dkimGenerateCommand() *cobra.Command {
	var selector, algorithm string
	var bits int
	cmd := &cobra.Command{
		Use:   "generate DOMAIN",
		Short: "Make a key, and print the record to publish",
		Long: "Makes a key for a domain or domain alias. The first one of a domain, if it is an RSA key, is recorded in admin_domain as Modoboa would do it, signing is switched on for the domain, " +
			"and the key signs at once. Any other key is recorded in the table vmapd_dkim_key, which is made if need be, and signs when its record has been seen in DNS " +
			"(or by \"vmapd dkim activate\"). An Ed25519 key signs beside the RSA key, for the few who verify it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			alg, err := dkim.ParseAlgorithm(algorithm)
			if err != nil {
				return &exit{exitUsage, fmt.Errorf("--algorithm: %w", err)}
			}
			if alg == dkim.Ed25519SHA256 && bits != 0 {
				return &exit{exitUsage, fmt.Errorf("--bits is for RSA keys: Ed25519 has one size")}
			}
			return a.withKeys(cmd.Context(), false, func(k *keys) error {
				name := store.Fold(args[0])
				used, err := k.Generate(cmd.Context(), name, selector, alg, bits)
				if err != nil {
					return err
				}
				if err := k.read(cmd.Context()); err != nil {
					return err
				}
				k.tell(cmd.Context())
				return k.printMade(name, used)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&selector, "selector", "", "selector of the key (default: that of the domain's row, or one made of the date)")
	f.StringVar(&algorithm, "algorithm", "rsa", "rsa or ed25519")
	f.IntVar(&bits, "bits", 0, "length of an RSA key, 2048 to 4096 (default: that of the domain's row, or 2048)")
	return cmd
}

// printMade prints a key that was made and what is to be done with it.
func (k *keys) printMade(name, selector string) error {
	rows, err := k.Rows(name)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Selector != selector {
			continue
		}
		record := r.Record()
		if k.json {
			return k.printJSON(struct {
				keybook.Row
				Record dnscheck.Publication `json:"record"`
			}{r, record})
		}
		fmt.Fprintf(k.out, "Made %s. Publish this record:\n\n%s\n\n", r.File, record.Zone)
		if r.Stage == string(keyring.Active) {
			fmt.Fprintln(k.out, "The key signs from now on.")
		} else {
			fmt.Fprintf(k.out, "The key signs when the record has been seen on all name servers for %s.\n", k.cfg.DKIM.Settle)
		}
	}
	return nil
}

// sameOwner gives a file that root made to the owner of a folder, and so the
// file's own folder if it is below that one.
func sameOwner(path, folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		below := p == path || strings.HasPrefix(p, folder+string(filepath.Separator))
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == 0 && below {
			if err := os.Chown(p, int(owner.Uid), int(owner.Gid)); err != nil {
				return err
			}
		}
	}
	return nil
}
