package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keybook"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

func (a *app) dkimCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "dkim", Short: "Keys that sign mail, and their records in DNS", Args: cobra.NoArgs,
		Long: "Shows, makes, checks and rotates DKIM keys. A domain's first key stands where Modoboa has it, in admin_domain; further ones stand in vmapd_dkim_key and go through " +
			"stages: new, published (DNS shows the record), active (signs), retiring (another one signs), gone (the record may be removed). docs/dkim.md explains it.",
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("dkim wants generate, list, dns, check, rotate, activate or import-opendkim")}
		},
	}
	cmd.AddCommand(a.dkimGenerateCommand(), a.dkimListCommand(), a.dkimDNSCommand(), a.dkimCheckCommand(), a.dkimRotateCommand(), a.dkimActivateCommand(), a.dkimImportCommand())
	return cmd
}

// keys is what the commands below dkim work with: the database as it is now.
type keys struct {
	*app
	*keybook.Book
	cfg *daemon.Config
	db  *db.DB
}

// withKeys runs f over the database as it is now; its errors exit with 1.
func (a *app) withKeys(ctx context.Context, readOnly bool, f func(k *keys) error) error {
	c, d, err := a.configured(ctx, readOnly)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	k := &keys{app: a, cfg: c, db: d, Book: &keybook.Book{Kept: c.KeyOptions().Kept}}
	k.Made = k.giveAway
	k.Keeper = &keyring.Keeper{
		Dir: c.DKIM.KeyDir, Recorder: modoboa.Keys{DB: d}, Times: c.KeyTimes(), Now: time.Now,
		Report: func(e keyring.Event) {
			fmt.Fprintf(a.err, "vmapd: %s, selector %s: %s\n", e.Domain, e.Selector, e.Text)
		},
	}
	if err := k.read(ctx); err != nil {
		return err
	}
	err = f(k)
	var e *exit
	if err != nil && !errors.As(err, &e) {
		return &exit{exitNo, err}
	}
	return err
}

// read reads the database, again after a change.
func (k *keys) read(ctx context.Context) error {
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: k.db}).Load(ctx, b); err != nil {
		return &exit{exitTryAgain, err}
	}
	k.Served = b.Build(time.Now())
	return nil
}

// dns makes ready to ask DNS.
func (k *keys) dns() error {
	client, err := resolve.New(resolve.Options{Servers: k.cfg.DKIM.Resolvers})
	if err != nil {
		return &exit{exitUsage, err}
	}
	c := dnscheck.New(client)
	k.Check, k.Keeper.Published = c.Everywhere, daemon.Published(c)
	return nil
}

// tell makes a running daemon look at once at what was changed.
func (k *keys) tell(ctx context.Context) {
	if _, err := k.control(k.cfg).Reload(ctx); err != nil && !errors.Is(err, daemon.ErrNotRunning) {
		fmt.Fprintf(k.err, "vmapd: done, but the running daemon does not serve it yet: %v\n", err)
	}
}

// giveAway gives a key that root made to who runs vmapd: the owner of the state
// folder.
func (k *keys) giveAway(path string) {
	if os.Geteuid() != 0 {
		return
	}
	if err := sameOwner(path, k.cfg.StateDir); err != nil {
		fmt.Fprintf(k.err, "vmapd: warning: %s belongs to root: %v: give it to the user that runs vmapd\n", path, err)
	}
}
