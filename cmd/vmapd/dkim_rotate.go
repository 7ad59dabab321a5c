package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/dkim/keybook"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
)

func (a *app) dkimRotateCommand() *cobra.Command {
	var everything bool
	cmd := &cobra.Command{
		Use:   "rotate DOMAIN | --all",
		Short: "Let another RSA key take the place of the one that signs",
		Long: "The first time a key is made and its record printed, to be published. Run again, it looks whether all authoritative name servers show the record, and takes the key on: " +
			"published when it is first seen, active when it has been seen long enough (dkim.settle). Then the old key retires; its record must stay for dkim.retire. " +
			"A running daemon does all but the first by itself. --all is for every domain that has a key.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if everything == (len(args) == 1) {
				return &exit{exitUsage, errors.New("rotate wants one domain, or --all")}
			}
			return a.withKeys(cmd.Context(), false, func(k *keys) error {
				if err := k.dns(); err != nil {
					return err
				}
				names := folded(args)
				if everything {
					names = k.Rotatable()
				}
				defer k.tell(cmd.Context())
				var all []keybook.Rotated
				for _, name := range names {
					r, err := k.Rotate(cmd.Context(), name)
					if err != nil {
						return errors.Join(k.printRotated(all), fmt.Errorf("%s: %w", name, err))
					}
					all = append(all, *r)
				}
				return k.printRotated(all)
			})
		},
	}
	cmd.Flags().BoolVar(&everything, "all", false, "rotate the keys of all domains")
	return cmd
}

func (k *keys) printRotated(all []keybook.Rotated) error {
	if k.json {
		return k.printJSON(append([]keybook.Rotated{}, all...))
	}
	for _, r := range all {
		switch {
		case r.Made:
			fmt.Fprintf(k.out, "%s: made the key %s; publish this record:\n%s\n", r.Domain, r.Selector, r.Record.Zone)
		case r.Stage == string(keyring.Active):
			fmt.Fprintf(k.out, "%s: the key %s signs now; the record of the old one must stay for %s\n", r.Domain, r.Selector, k.cfg.DKIM.Retire)
		case r.Stage == string(keyring.Published):
			fmt.Fprintf(k.out, "%s: the record of %s is published; the key signs when it has been seen for %s\n", r.Domain, r.Selector, k.cfg.DKIM.Settle)
		default:
			fmt.Fprintf(k.out, "%s: the record of %s is not published: %s\n%s\n", r.Domain, r.Selector, r.DNS.Detail, r.Record.Zone)
		}
	}
	return nil
}

func (a *app) dkimActivateCommand() *cobra.Command {
	var selector string
	cmd := &cobra.Command{
		Use:   "activate DOMAIN",
		Short: "Let a new key sign now, whatever DNS shows",
		Long: "Lets a key that is new or published sign at once, and retires the one that it replaces. If somebody replaced the file of the domain's own key, and the old key still signs " +
			"because DNS does not show the new one, the new one signs from now on. Mail that is signed with a key whose record is not in DNS fails verification.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd.Context(), false, func(k *keys) error {
				return k.activate(cmd.Context(), store.Fold(args[0]), selector)
			})
		},
	}
	cmd.Flags().StringVar(&selector, "selector", "", "selector of the key, if several could be meant")
	return cmd
}

func (k *keys) activate(ctx context.Context, name, selector string) error {
	rows, err := k.Rows(name)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r keybook.Row) bool {
		waits := r.Stage == string(keyring.New) || r.Stage == string(keyring.Published) || r.Old != ""
		return !waits || selector != "" && r.Selector != selector
	})
	if len(rows) == 0 {
		return fmt.Errorf("%s: no key is waiting to sign, see \"vmapd dkim list\"", name)
	}
	if len(rows) > 1 {
		return fmt.Errorf("%s: several keys are waiting: name one of them with --selector", name)
	}
	r := rows[0]
	switch {
	case r.Old != "":
		err = os.Remove(keyring.KeptFile(k.cfg.KeyOptions().Kept, r.Domain, r.Selector))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	case r.Problem != "":
		err = errors.New(r.Problem)
	default:
		err = k.Keeper.Apply(ctx, keyring.Activate(slices.Collect(k.Served.SigningKeys(name)), r.Row, "by order"))
	}
	if err != nil {
		return err
	}
	k.tell(ctx)
	r.Stage, r.Old = string(keyring.Active), ""
	if k.json {
		return k.printJSON(r)
	}
	fmt.Fprintf(k.out, "%s: the key %s signs now\n", r.Domain, r.Selector)
	return nil
}
