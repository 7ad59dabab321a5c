package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/manual"
	"github.com/vmapd/vmapd/daemon"
)

func (a *app) manualCommand() *cobra.Command {
	var dir string
	var markdown bool
	cmd := &cobra.Command{
		Use:   "manual --output FOLDER",
		Short: "Write the manual pages",
		Long: "Writes the manual pages of the program to man5 and man8 below a folder, such as /usr/local/share/man: vmapd(8), one page for each command, and vmapd.toml(5). " +
			"If SOURCE_DATE_EPOCH is set, that is their date.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := manual.Manual{Root: cmd.Root(), Version: daemon.Version(), Date: sourceDate()}
			if markdown {
				fmt.Fprint(a.out, m.Markdown())
				return nil
			}
			m.Settings = settingsOfInstallation()
			if dir == "" {
				return &exit{exitUsage, fmt.Errorf("manual: name a folder with --output")}
			}
			return writePages(m.Pages(), dir)
		},
	}
	cmd.Flags().StringVar(&dir, "output", "", "write the pages below this `folder`")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print the commands as Markdown instead (docs/commands.md)")
	return cmd
}

// sourceDate is the date of the sources, where a build says it.
func sourceDate() string {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly)
}

// settingsOfInstallation shows the folders of an installation, not of this
// shell.
func settingsOfInstallation() []daemon.Setting {
	_ = os.Unsetenv("STATE_DIRECTORY")
	_ = os.Unsetenv("RUNTIME_DIRECTORY")
	return daemon.Settings()
}

func writePages(pages []manual.Page, dir string) error {
	for _, p := range pages {
		folder := filepath.Join(dir, "man"+strconv.Itoa(p.Section))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("write the manual: %w: give --output a folder that you may write to", err)
		}
		file := filepath.Join(folder, p.Name+"."+strconv.Itoa(p.Section))
		if err := os.WriteFile(file, []byte(p.Text), 0o644); err != nil {
			return fmt.Errorf("write the manual: %w: give --output a folder that you may write to", err)
		}
	}
	return nil
}
