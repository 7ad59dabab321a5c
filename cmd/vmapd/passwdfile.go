package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (a *app) passwdFileCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "passwd-file [--output FILE]",
		Short: "Write Dovecot's passwd-file, from which it can go on without vmapd",
		Long: "Writes all users, with hashes and quotas, as a passwd-file for Dovecot. The database is read, or, if it is away, what the daemon has kept on disk. " +
			"The file is replaced as a whole; Dovecot notices by itself. With dovecot.passwd_file in the configuration the daemon does the same after each change.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			if output == "" {
				output = c.Dovecot.PasswdFile
			}
			if output == "" {
				return &exit{exitUsage, fmt.Errorf("no file: give --output, or set dovecot.passwd_file")}
			}
			if output, err = filepath.Abs(output); err != nil {
				return err
			}
			s, err := a.snapshot(cmd.Context(), c)
			if err != nil {
				return err
			}
			r, err := c.WritePasswdFile(output, s.Current())
			if err != nil {
				return &exit{exitTryAgain, err}
			}
			if a.json {
				return a.printJSON(r)
			}
			for _, address := range r.Left {
				fmt.Fprintf(a.err, "vmapd: left out %s: a passwd-file cannot hold its address or folder\n", address)
			}
			_, err = fmt.Fprintf(a.out, "%d users in %s\n", r.Users, r.Path)
			return err
		},
	}
	cmd.Flags().StringVar(&output, "output", "", "file to write; dovecot.passwd_file if not given")
	return cmd
}
