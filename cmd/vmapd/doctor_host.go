package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/daemon"
)

// hostOptions say where the host's own configuration is, if it is not where
// Postfix and Dovecot look for it.
type hostOptions struct {
	postfix string // folder of main.cf
	dovecot string // dovecot.conf
	away    error  // why the database could not be read
}

func (h *hostOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&h.postfix, "postfix-config", "", "`folder` with Postfix's main.cf (default: Postfix's own)")
	f.StringVar(&h.dovecot, "dovecot-config", "", "Dovecot's configuration `file` (default: Dovecot's own)")
}

// host gathers what the selected checks of the host look at.
func (a *app) host(ctx context.Context, c *daemon.Config, checks []doctor.Check, h hostOptions) *doctor.Host {
	return nil
}
