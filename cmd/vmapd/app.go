package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/db"
)

// Exit codes.
const (
	exitNo       = 1
	exitUsage    = 2
	exitTryAgain = 75
)

// app is one run of the program: where it reads and writes, and the flags that
// every command has.
type app struct {
	in       io.Reader
	out, err io.Writer

	file      string
	overrides []string
	json      bool
}

// exit is an error with an exit code. One without a message was reported
// already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// run runs a command line and returns the exit code.
func (a *app) run(args []string) int {
	root := a.command()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	cmd, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	code := exitUsage // what cobra itself refuses
	var e *exit
	if errors.As(err, &e) {
		code = e.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(a.err, "vmapd: %s\n", text)
	}
	if e == nil && cmd.HasParent() {
		fmt.Fprintf(a.err, "vmapd: usage: %s\n", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	}
	var r interface{ Remedy() string }
	if errors.As(err, &r) && r.Remedy() != "" {
		fmt.Fprintf(a.err, "vmapd: remedy: %s\n", r.Remedy())
	}
	return code
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "vmapd",
		Short:         "Answers Postfix's lookups for a Modoboa-shaped database from memory",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.file, "config", "c", "", "configuration file (default "+daemon.DefaultConfigFile+")")
	f.StringArrayVarP(&a.overrides, "option", "o", nil, "`section.key=value` overrides the file; repeatable")
	f.BoolVar(&a.json, "json", false, "print data as JSON")
	root.AddCommand(
		a.serveCommand(), a.initCommand(), a.lookupCommand(), a.explainCommand(), a.statusCommand(), a.reloadCommand(), a.forgiveCommand(), a.configCommand(),
		a.postconfCommand(), a.doveconfCommand(), a.setupCommand(), a.passwdFileCommand(), a.importCommand(), a.exportCommand(), a.dbCommand(), a.versionCommand(), a.passwordCommand(), a.dkimCommand(), a.dnsCommand(),
		a.tokenCommand(), a.limitsCommand(), a.limitCommand(), a.logCommand(), a.alarmCommand(), a.doctorCommand(), a.diffCommand(), a.mailboxOperationsCommand(), a.jobCommand(), a.manualCommand(),
	)
	root.AddCommand(a.resourceCommands()...)
	return root
}

// load reads the configuration that the flags name.
func (a *app) load() (*daemon.Config, error) {
	c, err := daemon.Load(a.file, a.overrides)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return c, nil
}

// open opens the configured database and makes sure that it answers.
func (a *app) open(ctx context.Context, c *daemon.Config, readOnly bool) (*db.DB, error) {
	d, err := db.Open(c.Database.URL, db.Options{Password: c.Password(), ReadOnly: readOnly})
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	if err := d.Connect(ctx); err != nil {
		_ = d.Close()
		return nil, &exit{exitTryAgain, err}
	}
	return d, nil
}

// configured loads the configuration and opens the database that it names,
// which the caller closes.
func (a *app) configured(ctx context.Context, readOnly bool) (*daemon.Config, *db.DB, error) {
	c, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	d, err := a.open(ctx, c, readOnly)
	if err != nil {
		return nil, nil, err
	}
	return c, d, nil
}

func (a *app) control(c *daemon.Config) daemon.Control {
	return daemon.Control{Path: daemon.ControlPath(c.StateDir)}
}

// printJSON writes v for machines.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// isTerminal reports whether a person watches w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nobody, err := os.Stat(os.DevNull) // a device too
	return err != nil || !os.SameFile(st, nobody)
}
