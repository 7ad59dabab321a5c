package main

import (
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/daemon"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon in the foreground",
		Long: "Runs the daemon in the foreground. SIGHUP reads the configuration and the database again, SIGTERM answers what was asked and ends, " +
			"SIGUSR2 lets a new process take over without a refused connection. " +
			"A database that is down does not keep it from starting: requests are held, then answered \"try again\", until the database is back.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			log := daemon.NewLogger(c.Log, a.err)
			defer log.Sync() //nolint:errcheck // standard error may not be a file that can be synced
			defer log.Redirect()()
			for _, w := range c.Warnings {
				log.Warn("configuration", zap.String("warning", w))
			}
			d, err := daemon.New(c, a.file, a.overrides, log)
			if err != nil {
				return &exit{exitUsage, err}
			}
			daemon.KeepSignals()
			if err := d.Run(cmd.Context()); err != nil {
				return &exit{exitUsage, err}
			}
			return nil
		},
	}
}
