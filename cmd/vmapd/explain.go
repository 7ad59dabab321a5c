package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/lookup"
)

func (a *app) explainCommand() *cobra.Command {
	var login, signs, offline bool
	var service string
	cmd := &cobra.Command{
		Use:   "explain ADDRESS | --login NAME [--service imap] | --dkim ADDRESS",
		Short: "Show every step that decides where mail goes, whether a login works, or which key signs",
		Long: "Shows every step that decides where mail for an address goes, or with --login whether a login works, each with the row of the database that decided. " +
			"The running daemon is asked, since that is what Postfix gets; without one the database is read. With --dkim it shows which keys sign mail from an address, as the database and the key files are now. " +
			"Exit status 1: the mail is not delivered, the login is refused, or no key signs.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			if signs {
				return a.explainDKIM(cmd.Context(), args[0])
			}
			x, err := a.explain(cmd.Context(), c, args[0], service, login, offline)
			if err != nil {
				return err
			}
			return a.printExplanation(x)
		},
	}
	cmd.Flags().BoolVar(&login, "login", false, "explain a login instead of an address")
	cmd.Flags().BoolVar(&signs, "dkim", false, "explain which key signs mail from an address")
	cmd.MarkFlagsMutuallyExclusive("login", "dkim")
	cmd.Flags().StringVar(&service, "service", "", "with --login: to which service (imap, pop3, smtp, sieve, lmtp ...)")
	cmd.Flags().BoolVar(&offline, "offline", false, "read the database now, instead of asking the daemon")
	return cmd
}

// printExplanation exits with 1 if the answer is no.
func (a *app) printExplanation(x *lookup.Explanation) (err error) {
	if a.json {
		err = a.printJSON(x)
	} else {
		_, err = fmt.Fprint(a.out, x)
	}
	if err == nil && !x.OK {
		return &exit{code: exitNo}
	}
	return err
}

func (a *app) explain(ctx context.Context, c *daemon.Config, subject, service string, login, offline bool) (*lookup.Explanation, error) {
	if !offline {
		ask := a.control(c).Explain
		if login {
			ask = func(ctx context.Context, name string) (*lookup.Explanation, error) {
				return a.control(c).ExplainLogin(ctx, name, service)
			}
		}
		x, err := ask(ctx, subject)
		if err == nil {
			return x, nil
		}
		if !errors.Is(err, daemon.ErrNotRunning) {
			return nil, &exit{exitTryAgain, err}
		}
		fmt.Fprintln(a.err, "vmapd: no daemon answers: explained from the database as it is now, or from what the daemon has kept on disk")
	}
	s, err := a.snapshot(ctx, c)
	if err != nil {
		return nil, err
	}
	if login {
		l := lookup.Login{Name: subject, Service: service, Separator: c.Dovecot.MasterSeparator}
		if set, _ := currentParameters(ctx, c); set != nil {
			l.Elsewhere = c.Elsewhere(set)
		}
		return lookup.ExplainLogin(s.Current(), c.LookupOptions(), l, time.Now()), nil
	}
	return lookup.Explain(s.Current(), c.LookupOptions(), subject, time.Now()), nil
}
