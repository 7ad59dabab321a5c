package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// explainDKIM says which keys sign mail from an address. The key files are read
// now, with the rights of whoever asks.
func (a *app) explainDKIM(ctx context.Context, address string) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	s, err := a.snapshot(ctx, c)
	if err != nil {
		return err
	}
	o := c.KeyOptions()
	o.LookOnly = true
	ring := keyring.NewRing(o)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); ring.Run(ctx) }()
	defer func() { cancel(); <-done }()
	return a.printExplanation(explainSigning(ctx, ring, &o, s.Current(), address))
}

func explainSigning(ctx context.Context, ring *keyring.Ring, o *keyring.Options, s *store.Snapshot, address string) *lookup.Explanation {
	x := &lookup.Explanation{Subject: address}
	step := func(depth int, table string, row uint32, format string, args ...any) {
		x.Steps = append(x.Steps, lookup.Step{Depth: depth, Text: fmt.Sprintf(format, args...), Table: table, Row: row})
	}
	domain, err := dkim.FoldDomain(address[strings.LastIndexByte(address, '@')+1:])
	if err != nil {
		x.Outcome = "not signed: " + err.Error()
		return x
	}
	step(0, "", 0, "the author's domain is %s; whose mail is signed at all is decided by login, dkim.networks and dkim.daemon_names", domain)
	findings, why := ring.Explain(ctx, s, domain)
	if len(findings) > 0 && findings[0].Domain != store.Fold(domain) {
		step(0, "", 0, "keys are those of %s", findings[0].Domain)
	}
	var signs []string
	for _, f := range findings {
		step(1, f.Table, f.Row, "%s._domainkey.%s, %s, %s: %s", f.Selector, f.Domain, f.Algorithm, f.Stage, f.Text)
		if f.Key != nil {
			step(2, "", 0, "d=%s s=%s a=%s, %d bits, fingerprint %s, file %s", f.Key.Domain, f.Key.Selector, f.Key.Algorithm, f.Key.Bits, dkim.Fingerprint(f.Key.Public()), f.Path)
			signs = append(signs, f.Key.Selector+" ("+f.Key.Algorithm.String()+")")
		}
	}
	if x.OK = len(signs) > 0; x.OK {
		x.Outcome = "signed with " + strings.Join(signs, " and ")
	} else {
		x.Outcome = fmt.Sprintf("not signed: %s (%s)", unsigned[why], why)
	}
	return x
}

// unsigned says to people what a reason means.
var unsigned = map[keyring.Reason]string{
	keyring.NoKey:      "the domain is not here, or has no key",
	keyring.Disabled:   "signing is switched off for the domain",
	keyring.Unmade:     "the domain asks for a key, and none has been made yet",
	keyring.Loading:    "the key was not read in time",
	keyring.Missing:    "the key file does not exist",
	keyring.Unreadable: "the key file cannot be used",
}
