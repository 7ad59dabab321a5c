package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
)

func (a *app) forgiveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "forgive ACCOUNT|ADDRESS|NETWORK",
		Short: "Let an account or a network log in again that was refused for wrong passwords",
		Long: "Makes the running daemon, and those that share its counts, forget the wrong passwords for an account (an e-mail address, from wherever), " +
			"or from an IP address or network (192.0.2.7, 2001:db8::/48; also of the networks around it). \"vmapd status\" shows the worst. " +
			"Exit status 1: there was nothing to forgive.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			r, err := forgive(cmd.Context(), a.control(c), args[0])
			if err != nil {
				return err
			}
			switch {
			case a.json:
				err = a.printJSON(r)
			case r.Forgiven == 0:
				fmt.Fprintf(a.out, "%s%s: nothing was counted here\n", r.Account, r.Network)
			case r.Network != "":
				fmt.Fprintf(a.out, "%s: forgiven, %d networks in all\n", r.Network, r.Forgiven)
			default:
				fmt.Fprintf(a.out, "%s: forgiven\n", r.Account)
			}
			if err == nil && r.Forgiven == 0 {
				return &exit{code: exitNo}
			}
			return err
		},
	}
}

// forgive finds out what a name is the name of.
func forgive(ctx context.Context, c daemon.Control, name string) (r *daemon.ForgiveResult, err error) {
	var network netip.Prefix
	if addr, bad := netip.ParseAddr(name); bad == nil {
		network = netip.PrefixFrom(addr.Unmap().WithZone(""), addr.Unmap().BitLen())
	} else if network, bad = netip.ParsePrefix(name); bad != nil && !strings.Contains(name, "@") {
		return nil, &exit{exitUsage, fmt.Errorf("%q is neither an account's e-mail address nor an IP address or network", name)}
	}
	if network.IsValid() {
		r, err = c.ForgiveNetwork(ctx, network)
	} else {
		r, err = c.Forgive(ctx, name)
	}
	if err != nil {
		return nil, &exit{exitTryAgain, err}
	}
	return r, nil
}
