package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Make the running daemon read the database again, and wait for it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			r, err := a.control(c).Reload(cmd.Context())
			if err != nil {
				return &exit{exitTryAgain, err}
			}
			if a.json {
				return a.printJSON(r)
			}
			fmt.Fprintf(a.out, "read the database in %s, generation %d\n", seconds(r.Took), r.Generation)
			return nil
		},
	}
}
