package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/setup"
	"github.com/vmapd/vmapd/daemon"
)

func (a *app) setupCommand() *cobra.Command {
	var certificate, key string
	var run bool
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make this machine a mail host: vmapd, Postfix and Dovecot wired together",
		Long: "Prints a shell script that makes a fresh Debian machine a mail host: it makes the owner of mail, gives vmapd its sockets, sets what main.cf, master.cf and Dovecot's configuration need, " +
			"and starts all three. With --run it is run at once, which takes root. It keeps a copy of each file that it changes, FILE.before-vmapd, and may be run again. " +
			"A machine whose main.cf says already who gets which mail is left alone: docs/migration.md shows the way from there.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (certificate == "") != (key == "") {
				return &exit{exitUsage, errors.New("a certificate and its key go together: give both --tls-certificate and --tls-key")}
			}
			script, err := a.setupScript(cmd.Context(), certificate, key)
			if err != nil {
				return err
			}
			if !run {
				fmt.Fprint(a.out, script)
				return nil
			}
			return a.runScript(cmd.Context(), script)
		},
	}
	cmd.Flags().BoolVar(&run, "run", false, "run the script instead of printing it")
	cmd.Flags().StringVar(&certificate, "tls-certificate", "", "PEM `file` with the certificate chain for Postfix and Dovecot (default: what main.cf names)")
	cmd.Flags().StringVar(&key, "tls-key", "", "PEM `file` with its key")
	return cmd
}

// setupScript looks at the machine, and writes what makes it a mail host.
func (a *app) setupScript(ctx context.Context, certificate, key string) (string, error) {
	if len(a.overrides) > 0 {
		return "", &exit{exitUsage, errors.New("setup is for what the configuration file says: write it there, in place of -o")}
	}
	c, err := a.load()
	if err != nil {
		return "", err
	}
	h := &setup.Host{File: c.Path, Certificate: certificate, Key: key, UID: c.Dovecot.UID, GID: c.Dovecot.GID, Home: setup.Root(c.Dovecot.Home)}
	if h.File == "" {
		h.File = daemon.DefaultConfigFile
	}
	if h.Owner, err = mailOwner(c.Dovecot.UID); err != nil {
		return "", &exit{exitUsage, err}
	}
	main, queue, err := postfixHere(ctx)
	if err != nil {
		return "", &exit{exitUsage, err}
	}
	if h.Dovecot, err = dovecotHere(ctx); err != nil {
		return "", &exit{exitUsage, err}
	}
	if err := chooseListeners(c, h, queue); err != nil {
		return "", &exit{exitUsage, err}
	}
	h.Main, h.Access, h.Units = setupMain(c, queue), setupAccess(c, queue), setup.Units(c.Listen)
	if found := setup.Conflicts(main, h.Main); len(found) > 0 {
		return "", &exit{exitNo, fmt.Errorf("main.cf decides already who gets which mail, and nothing was changed: docs/migration.md shows the way from there; it has\n  %s", strings.Join(found, "\n  "))}
	}
	return setup.Script(h)
}

// runScript runs a shell script, and says what it says.
func (a *app) runScript(ctx context.Context, script string) error {
	if os.Geteuid() != 0 {
		return &exit{exitUsage, errors.New("setup --run changes the machine: run it as root")}
	}
	cmd := exec.CommandContext(ctx, "sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), a.out, a.err
	if err := cmd.Run(); err != nil {
		return &exit{exitNo, fmt.Errorf("a command of the script failed (%w): the lines above say which; mend it and run vmapd setup --run again", err)}
	}
	return nil
}

// mailOwner is the name of the user with that number, or of the one to be made.
func mailOwner(uid int) (string, error) {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username, nil
	}
	const name = "vmail"
	if u, err := user.Lookup(name); err == nil {
		return "", fmt.Errorf("the user %s has the number %s, and not %d as dovecot.uid says: set uid and gid in section [dovecot] to those of the owner of mail", name, u.Uid, uid)
	}
	return name, nil
}

// chooseListeners has the configuration replaced if it is that of the package,
// and takes it as it is if somebody has given it listeners for Postfix.
func chooseListeners(c *daemon.Config, h *setup.Host, queue string) error {
	if setup.Reachable(c.Listen, queue) {
		return nil
	}
	text := setup.Config(h.Dovecot.Auth, h.Owner)
	if was, err := os.ReadFile(h.File); err == nil && string(was) != daemon.Commented() {
		return fmt.Errorf("%s was changed, and setup does not overwrite it; but Postfix does not reach its listeners: put these in their place\n\n%s", h.File, text)
	}
	h.Config, c.Listen = text, setup.Listen(h.Dovecot.Auth, h.Owner)
	return nil
}

// postfixHere asks what main.cf sets, and where the queue is.
func postfixHere(ctx context.Context) (main map[string]string, queue string, err error) {
	out, err := output(ctx, "postconf", "-n")
	if err != nil {
		return nil, "", fmt.Errorf("look at Postfix: %w: apt install postfix", err)
	}
	return doctor.ParsePostconf(out), queueDirectory(), nil
}
