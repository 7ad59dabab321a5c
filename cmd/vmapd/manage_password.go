package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// passwordFlags say where a password comes from. It is never an argument:
// those are for all users of a machine to see.
type passwordFlags struct {
	ask, random, hash bool
}

func (p *passwordFlags) add(cmd *cobra.Command, change bool) {
	f := cmd.Flags()
	if change {
		f.BoolVar(&p.ask, "password", false, "ask for another password, or read it as the first line of standard input")
	}
	f.BoolVar(&p.random, "random", false, "make a password, and print it once")
	f.BoolVar(&p.hash, "hash", false, "what is asked for or read is a stored hash, {SCHEME}...")
	cmd.MarkFlagsMutuallyExclusive("random", "hash")
}

// newAccount completes what a new account is made of.
func (a *app) newAccount(body map[string]any, p *passwordFlags) error {
	if body["role"] == nil {
		body["role"] = "SimpleUsers"
	}
	if body["mailbox"] == nil && body["role"] == "SimpleUsers" {
		setPath(body, "mailbox.use_domain_quota", true)
	}
	p.ask = true
	return a.setPassword(body, p)
}

// setPassword adds a password to what an account is made of.
func (a *app) setPassword(body map[string]any, p *passwordFlags) error {
	switch {
	case p.random:
		body["random_password"] = true
		return nil
	case !p.ask && !p.hash:
		return nil
	}
	password, err := a.askPassword()
	if err != nil {
		return &exit{exitUsage, err}
	}
	name := "password"
	if p.hash {
		name = "password_hash"
	}
	body[name] = password
	return nil
}

// askPassword asks a person twice, and reads one line from anybody else.
func (a *app) askPassword() (string, error) {
	f, ok := a.in.(*os.File)
	if !ok || !isTerminal(f) {
		password, err := a.readPassword()
		if err == nil && password == "" {
			err = errors.New("the password on standard input is empty")
		}
		return password, err
	}
	first, err := a.prompt(f, "Password: ")
	if err != nil {
		return "", err
	}
	again, err := a.prompt(f, "Once more: ")
	switch {
	case err != nil:
		return "", err
	case first != again:
		return "", errors.New("the two passwords differ: nothing was changed")
	case first == "":
		return "", errors.New("the password is empty: nothing was changed")
	}
	return first, nil
}

// prompt reads a line from a terminal that does not show it.
func (a *app) prompt(f *os.File, text string) (string, error) {
	restore, err := hideInput(f)
	if err != nil {
		return "", fmt.Errorf("the terminal cannot hide what is typed: %w: give the password on standard input", err)
	}
	defer restore()
	fmt.Fprint(a.err, text)
	line, err := readLine(f)
	fmt.Fprintln(a.err)
	return line, err
}

// readLine reads a line byte by byte, so that nothing of the next is lost.
func readLine(f *os.File) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < 1<<12; {
		if _, err := f.Read(one); err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		if one[0] == '\n' {
			return string(line), nil
		}
		line = append(line, one[0])
	}
	return "", errors.New("the password is too long")
}
