package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/lookup/password"
)

func (a *app) passwordCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "password", Short: "Make or verify a password hash in Dovecot's notation", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("password wants hash or verify")}
		},
	}
	cmd.AddCommand(a.passwordHashCommand(), a.passwordVerifyCommand())
	return cmd
}

func (a *app) passwordHashCommand() *cobra.Command {
	var scheme string
	var p password.Params
	cmd := &cobra.Command{
		Use:   "hash",
		Short: "Print a hash of the password on standard input",
		Long: "Prints a hash, {SCHEME}..., of the password that is the first line of standard input.\n\nSchemes: " +
			strings.Join(schemeNames(func(s password.Scheme) bool { return s.Makes }), ", "),
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if err := password.CheckParams(scheme, p); err != nil {
				return &exit{exitUsage, err}
			}
			pw, err := a.readPassword()
			if err == nil && pw == "" {
				err = errors.New("the password on standard input is empty")
			}
			if err != nil {
				return &exit{exitUsage, err}
			}
			hash, err := password.New(scheme, "", pw, p)
			if err != nil {
				return &exit{exitUsage, err}
			}
			if a.json {
				return a.printJSON(map[string]string{"scheme": strings.ToUpper(scheme), "hash": hash})
			}
			_, err = fmt.Fprintln(a.out, hash)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&scheme, "scheme", "SHA512-CRYPT", "the scheme of the hash")
	f.IntVar(&p.Rounds, "rounds", 0, "rounds; of BLF-CRYPT a power of two, of ARGON2ID passes (default as Modoboa's)")
	f.IntVar(&p.Memory, "memory", 0, "`KiB` that ARGON2ID fills (default 65536)")
	f.IntVar(&p.Parallelism, "parallelism", 0, "lanes of ARGON2ID (default 4)")
	_ = cmd.RegisterFlagCompletionFunc("scheme", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return schemeNames(func(s password.Scheme) bool { return s.Makes }), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func (a *app) passwordVerifyCommand() *cobra.Command {
	var login, scheme string
	cmd := &cobra.Command{
		Use:   "verify HASH",
		Short: "Verify the password on standard input against a hash",
		Long: "Verifies the password that is the first line of standard input against a stored hash, {SCHEME}... Exit status 1: it is wrong; " +
			"2: the hash cannot be verified.\n\nSchemes: " + strings.Join(schemeNames(func(password.Scheme) bool { return true }), ", "),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := password.Parse(args[0], scheme)
			if err != nil {
				return &exit{exitUsage, err}
			}
			pw, err := a.readPassword()
			if err != nil {
				return &exit{exitUsage, err}
			}
			right, err := h.Verify(login, pw)
			if err != nil {
				return &exit{exitUsage, err}
			}
			if a.json {
				if err := a.printJSON(map[string]any{"scheme": h.Scheme(), "weak": h.Weak(), "right": right}); err != nil {
					return err
				}
			}
			if !right {
				return &exit{code: exitNo}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&login, "login", "", "the `name` that logs in, which DIGEST-MD5 needs")
	cmd.Flags().StringVar(&scheme, "default-scheme", "CRYPT", "the scheme of a hash that names none")
	return cmd
}

func schemeNames(wanted func(password.Scheme) bool) (names []string) {
	for _, s := range password.Schemes() {
		if wanted(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// readPassword reads one line, which may end without a line break.
func (a *app) readPassword() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(a.in, 1<<16)).ReadString('\n')
	switch {
	case errors.Is(err, io.EOF) && line == "":
		return "", errors.New("no password on standard input: give it there, as one line")
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("standard input: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}
