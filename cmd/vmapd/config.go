package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check or show the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &exit{exitUsage, fmt.Errorf("config wants check, show or default")}
		},
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Check strictly; errors name file, line and column", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				c, err := a.load()
				if err != nil {
					return err
				}
				for _, w := range c.Warnings {
					fmt.Fprintf(a.err, "vmapd: warning: %s\n", w)
				}
				name := c.Path
				if name == "" {
					name = "built-in defaults (there is no " + daemon.DefaultConfigFile + ")"
				}
				fmt.Fprintf(a.out, "%s: ok\n", name)
				return nil
			},
		},
		a.configShowCommand(),
		&cobra.Command{
			Use: "default", Short: "Print a configuration file with every setting, its default and its meaning", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				fmt.Fprint(a.out, daemon.Commented())
				return nil
			},
		},
	)
	return cmd
}
