package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/daemon"
)

// postfixHost asks postconf(1) how Postfix is wired; dir is the folder of
// main.cf, "" is Postfix's own.
func postfixHost(ctx context.Context, c *daemon.Config, dir string) *doctor.Postfix {
	p := &doctor.Postfix{}
	for _, part := range []struct {
		to   *map[string]string
		args []string
	}{
		{&p.Set, []string{"-n"}},
		{&p.Values, append([]string{"-x"}, doctor.PostfixParameters()...)},
		{&p.Overrides, []string{"-P"}},
		{&p.Services, []string{"-F"}},
	} {
		if dir != "" {
			part.args = append([]string{"-c", dir}, part.args...)
		}
		out, err := output(ctx, "postconf", part.args...)
		if err != nil {
			p.Missing = err.Error()
			return p
		}
		*part.to = doctor.ParsePostconf(out)
	}
	queue := p.Values["queue_directory"]
	if name := mapNames(c, queue, false); name != nil {
		p.Maps, p.Access = postfixMaps(name), accessMaps(name)
	}
	if p.Policies = policyNames(c, queue); p.Policies != nil {
		p.PolicyEntry = policyEntry(c, p.Policies[0])
	}
	p.CountsAtEnd, p.Limits = c.Policy.Count == "message", len(c.Policy.AccountLimits)+len(c.Policy.DomainLimits) > 0
	p.Milters, p.Delimiter, p.Transport = milterNames(c, queue), c.Lookup.RecipientDelimiter, c.Lookup.LocalTransport
	p.SASL = saslSocket(c, queue)
	return p
}

// output runs a program for what it prints. Its warnings are its own affair.
func output(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).Output()
	var failed *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%s is not installed", program)
	case errors.As(err, &failed):
		lines := strings.Split(strings.TrimSpace(string(failed.Stderr)), "\n")
		return "", fmt.Errorf("%s failed: %s", program, lines[len(lines)-1])
	}
	return string(out), err
}
