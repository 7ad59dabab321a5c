package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/store"
)

// Exemptions say for whom a rule does not hold. The zero value is nobody.
type Exemptions struct {
	accounts, domains, contexts map[string]struct{}
	networks                    []netip.Prefix
}

// contextPrefix begins the name of a policy_context.
const contextPrefix = "context:"

// ParseExemptions reads a list of accounts (user@example.com), domains
// (example.com), networks or addresses of clients (10.0.0.0/8), and policy
// contexts (context:webmail, for policy_context=webmail in main.cf). The error
// says which entry makes no sense.
func ParseExemptions(list []string) (Exemptions, error) {
	var e Exemptions
	for i, text := range list {
		if err := e.add(text); err != nil {
			return Exemptions{}, &EntryError{i, err}
		}
	}
	return e, nil
}

// EntryError says which entry of a list is wrong.
type EntryError struct {
	Index int
	Err   error
}

// Error returns what is wrong.
func (e *EntryError) Error() string { return e.Err.Error() }

// Unwrap returns it.
func (e *EntryError) Unwrap() error { return e.Err }

func (e *Exemptions) add(text string) error {
	if p, ok := parseNetwork(text); ok {
		e.networks = append(e.networks, p)
		return nil
	}
	into, name := &e.domains, store.Fold(text)
	if context, ok := strings.CutPrefix(text, contextPrefix); ok {
		into, name = &e.contexts, context
	} else if strings.IndexByte(text, '@') > 0 {
		into = &e.accounts
	}
	if name == "" || strings.ContainsAny(name, " \t/") || name[0] == '@' {
		return fmt.Errorf("%q is neither an account (user@example.com), a domain, a network (10.0.0.0/8) nor context:NAME", text)
	}
	if *into == nil {
		*into = map[string]struct{}{}
	}
	(*into)[name] = struct{}{}
	return nil
}

func parseNetwork(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}

// match reports whether a question about an account, folded, of a domain is
// exempt.
func (e *Exemptions) match(r *policy.Request, account, domain string) bool {
	if _, ok := e.accounts[account]; ok {
		return true
	}
	if _, ok := e.domains[domain]; ok {
		return true
	}
	if len(e.contexts) > 0 {
		if _, ok := e.contexts[string(r.PolicyContext)]; ok {
			return true
		}
	}
	if len(e.networks) == 0 {
		return false
	}
	client := r.ClientAddress()
	for _, p := range e.networks {
		if p.Contains(client) {
			return true
		}
	}
	return false
}
