package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(map[string]string{"version": daemon.Version(), "go": runtime.Version()})
			}
			fmt.Fprintf(a.out, "vmapd %s (%s, %s/%s)\n", daemon.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
