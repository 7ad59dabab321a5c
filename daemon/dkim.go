package daemon

import (
	"context"
	"crypto"
	"path/filepath"

	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keybook"
	"github.com/vmapd/vmapd/dkim/keyring"
)

// KeyOptions gives the section [dkim] as package keyring wants it.
func (c *Config) KeyOptions() keyring.Options {
	return keyring.Options{
		Dir: c.DKIM.KeyDir, Kept: filepath.Join(c.StateDir, "dkim-kept"), Keep: c.DKIM.ReplacedKeep.D(),
		Parents: c.DKIM.Subdomains == "parent", AliasTarget: c.DKIM.AliasKeys == "target",
	}
}

// KeyTimes gives how long keys stay at their stages.
func (c *Config) KeyTimes() keyring.Times {
	return keyring.Times{Settle: c.DKIM.Settle.D(), Retire: c.DKIM.Retire.D()}
}

// Published gives a check of DNS as package keyring wants it: a key is there
// when all authoritative servers show it.
func Published(c *dnscheck.Checker) keyring.Showing {
	return func(ctx context.Context, domain, selector string, key crypto.PublicKey) keyring.Answer {
		return keybook.AnswerOf(c.Everywhere(ctx, domain, selector, key))
	}
}
