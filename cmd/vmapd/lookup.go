package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/mapdiff"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/lookup/socketmap"
	"github.com/vmapd/vmapd/lookup/tcptable"
	"github.com/vmapd/vmapd/store"
)

// asker asks one table for a key: over a socket, or a snapshot in this process.
type asker func(ctx context.Context, key string) (value string, found bool, err error)

// answer is a line of lookup's output.
type answer struct {
	Key   string `json:"key"`
	Found bool   `json:"found"`
	Value string `json:"value,omitempty"`
	Error string `json:"error,omitempty"` // cannot say
}

func (a *app) lookupCommand() *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use:   "lookup TABLE KEY...",
		Short: "Ask the running daemon over its socket, as Postfix does",
		Long: "Asks the running daemon over its socket, as Postfix does, and prints KEY<TAB>VALUE for each key that is found; a single \"-\" reads keys from " +
			"standard input, one a line. Exit status 1: some key is not found; 75: the daemon cannot say, or does not answer.\n\nTables: " + tableNames(),
		Args: cobra.MinimumNArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return strings.Split(tableNames(), ", "), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := lookup.FindTable(args[0]); !ok {
				return &exit{exitUsage, fmt.Errorf("no table %q: the tables are %s", args[0], tableNames())}
			}
			c, err := a.load()
			if err != nil {
				return err
			}
			connect := a.online
			if offline {
				connect = a.offline
			}
			ask, closer, err := connect(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			defer closer()
			return a.ask(cmd.Context(), ask, args[0], args[1:])
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "read the database now, or what the daemon has kept on disk, instead of asking the daemon")
	return cmd
}

func tableNames() string {
	var names []string
	for _, t := range lookup.Tables() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// ask puts every key to the table and prints the answers as they come.
func (a *app) ask(ctx context.Context, ask asker, table string, keys []string) (err error) {
	out := bufio.NewWriter(a.out)
	defer func() {
		if failed := out.Flush(); err == nil {
			err = failed
		}
	}()
	code := 0
	var list []answer
	one := func(key string) {
		r := answer{Key: key}
		var err error
		r.Value, r.Found, err = ask(ctx, key)
		switch {
		case err != nil:
			r.Error, code = err.Error(), exitTryAgain
			fmt.Fprintf(a.err, "vmapd: %s: %v\n", key, err)
		case r.Found && !a.json:
			fmt.Fprintf(out, "%s\t%s\n", key, r.Value)
		case !r.Found:
			code = max(code, exitNo)
			if !a.json && isTerminal(a.err) {
				fmt.Fprintf(a.err, "vmapd: %s: not found in %s\n", key, table)
			}
		}
		if a.json {
			list = append(list, r)
		}
	}
	if len(keys) == 1 && keys[0] == "-" {
		in := bufio.NewScanner(a.in)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			one(in.Text())
		}
		if err := in.Err(); err != nil {
			return &exit{exitUsage, fmt.Errorf("standard input: %w", err)}
		}
	} else {
		for _, k := range keys {
			one(k)
		}
	}
	if a.json {
		if err := a.printJSON(list); err != nil {
			return err
		}
	}
	if code != 0 {
		return &exit{code: code}
	}
	return nil
}

// online connects to the first socket of the daemon that serves the table.
func (a *app) online(ctx context.Context, c *daemon.Config, table string) (asker, func(), error) {
	var failed error
	t, _ := lookup.FindTable(table)
	for _, l := range c.Listen {
		serves := l.Protocol == "socketmap"
		if l.Protocol == "tcp_table" {
			served, ok := lookup.FindTable(l.Table)
			serves = ok && served.Name == t.Name
		}
		if !serves {
			continue
		}
		nc, err := dial(ctx, l.Address)
		if err != nil {
			failed = err
			continue
		}
		closer := func() { nc.Close() }
		if l.Protocol == "tcp_table" {
			return tcptable.NewClient(nc).Lookup, closer, nil
		}
		client := socketmap.NewClient(nc)
		return func(ctx context.Context, key string) (string, bool, error) { return client.Lookup(ctx, table, key) }, closer, nil
	}
	if failed == nil {
		return nil, nil, &exit{exitUsage, errors.New("the configuration has no socketmap listener that this command can reach: add one, or use --offline")}
	}
	return nil, nil, &exit{exitTryAgain, fmt.Errorf("%w: start the daemon (vmapd serve), or use --offline", failed)}
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	e, err := daemon.ParseEndpoint(address)
	if err != nil {
		return nil, err
	}
	network, addr, err := e.Network()
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	nc, err := d.DialContext(ctx, network, addr)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such socket", address)
	}
	return nc, err
}

// offline asks a snapshot in this process.
func (a *app) offline(ctx context.Context, c *daemon.Config, table string) (asker, func(), error) {
	s, err := a.snapshot(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	ask := snapshotTables(s, c)
	return func(ctx context.Context, key string) (string, bool, error) { return ask(ctx, table, key) }, func() {}, nil
}

// snapshotTables asks the tables of a snapshot.
func snapshotTables(s *store.Store, c *daemon.Config) mapdiff.Table {
	r := lookup.NewResolver(s, c.LookupOptions())
	return func(ctx context.Context, table, key string) (string, bool, error) {
		v, found, err := r.Lookup(ctx, nil, []byte(table), []byte(key))
		return string(v), found, err
	}
}
