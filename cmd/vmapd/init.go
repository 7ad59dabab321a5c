package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/modoboa"
)

func (a *app) initCommand() *cobra.Command {
	var admin string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the tables in an empty database, with a super administrator",
		Long: "Makes Modoboa's tables in an empty database, the roles, and a super administrator, whose random password and API token are printed once. " +
			"A database that has tables already is refused and left as it is.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(c.StateDir, 0o750); err != nil {
				return &exit{exitUsage, fmt.Errorf("state_dir: %w: make the folder, or choose another with state_dir", err)}
			}
			d, err := a.open(cmd.Context(), c, false)
			if err != nil {
				return err
			}
			defer func() { _ = d.Close() }() // a second time, unless it fails
			who, err := modoboa.Init(cmd.Context(), d, modoboa.InitOptions{Admin: admin})
			if err != nil {
				return &exit{exitNo, err}
			}
			if who.Capture != nil {
				fmt.Fprintf(a.err, "vmapd: warning: %v\nvmapd: remedy: %s\n", who.Capture, who.Capture.Remedy())
			}
			_ = d.Close()
			a.giveDatabase(c)
			if a.json {
				return a.printJSON(map[string]string{"database": d.Name, "user": who.User, "password": who.Password, "token": who.Token})
			}
			fmt.Fprintf(a.out, "Made the tables in %s.\nSuper administrator %s\n  password   %s\n  API token  %s\nThey are shown only now: keep them.\n",
				d.Name, who.User, who.Password, who.Token)
			return nil
		},
	}
	cmd.Flags().StringVar(&admin, "admin", "admin", "login of the super administrator")
	return cmd
}

// giveDatabase gives an embedded database that root made to who runs vmapd: the
// owner of the state folder. The files beside it follow by SQLite itself.
func (a *app) giveDatabase(c *daemon.Config) {
	path, embedded := strings.CutPrefix(c.Database.URL, "sqlite:")
	if !embedded || os.Geteuid() != 0 {
		return
	}
	if err := sameOwner(path, c.StateDir); err != nil {
		fmt.Fprintf(a.err, "vmapd: warning: %s belongs to root: %v: give it to the user that runs vmapd\n", path, err)
	}
}
