package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/doveconf"
)

func (a *app) doveconfCommand() *cobra.Command {
	var o doveconf.Options
	var dir string
	cmd := &cobra.Command{
		Use:   "doveconf --version 2.3|2.4",
		Short: "Print a dovecot.conf for this configuration",
		Long: "Prints a complete configuration that makes Dovecot ask vmapd: logins, users, quota, last logins, LMTP and the quota policy for Postfix. " +
			"With --auth dict (2.3 alone) Dovecot checks the passwords, with --auth server vmapd does. Each file is headed by \"# file: NAME\"; " +
			"with --output the files are written to a folder, whose dovecot.conf names the others there.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			if dir != "" {
				if o.Dir, err = filepath.Abs(dir); err != nil {
					return err
				}
			}
			if o.Queue == "" {
				o.Queue = queueDirectory()
			}
			files, err := doveconf.Render(c, o)
			if err != nil {
				return &exit{exitUsage, err}
			}
			return a.doveconfFiles(files, dir)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Version, "version", "", "version of Dovecot, 2.3 or 2.4")
	f.StringVar(&o.Auth, "auth", "", "who checks passwords: `dict` (Dovecot) or server (vmapd) (default dict for 2.3, server for 2.4)")
	f.StringVar(&dir, "output", "", "write the files to this `folder`")
	f.StringSliceVar(&o.Protocols, "protocols", nil, "what Dovecot serves: imap, pop3, lmtp, sieve, submission (default all but submission)")
	f.StringVar(&o.Queue, "queue-directory", "", "Postfix's queue_directory (default: what postconf says, or /var/spool/postfix)")
	_ = cmd.MarkFlagRequired("version")
	return cmd
}

// doveconfFiles prints the files, or writes them to a folder.
func (a *app) doveconfFiles(files []doveconf.File, dir string) error {
	for i, f := range files {
		if dir == "" {
			if i > 0 {
				fmt.Fprintln(a.out)
			}
			fmt.Fprintf(a.out, "# file: %s\n%s", f.Name, f.Text)
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o644); err != nil {
			return fmt.Errorf("write Dovecot's configuration: %w: make the folder first, and give --output one that you may write to", err)
		}
	}
	return nil
}
