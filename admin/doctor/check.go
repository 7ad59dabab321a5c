package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// Check looks for one kind of problem.
type Check struct {
	Name  string // as in "vmapd doctor --only NAME"
	Group string
	Text  string // what it finds, and what that means: one or two sentences
	Do    string // what to do; findings say it more exactly
	look  look
}

// look is what a check looks at: rows of some kinds, each as it comes by on the
// one walk over its kind, or everything at once. finish comes when all walks are
// over.
type look struct {
	domain      func(*run, *store.Domain)
	domainAlias func(*run, *store.DomainAlias)
	account     func(*run, *store.Account)
	mailbox     func(*run, *store.Mailbox)
	alias       func(*run, *store.Alias, store.RecipientRows)
	transport   func(*run, *store.Transport)
	access      func(*run, *store.RecipientAccess)
	usage       func(*run, *store.QuotaUsage)
	operation   func(*run, *store.MailboxOperation)
	finish      func(*run)
	host        func(*run, *Host)
	both        bool // host looks at the data besides, if it is there
}

// Data reports whether the check looks at the data, not at the host.
func (c *Check) Data() bool { return c.look.host == nil }

// UsesData reports whether it looks at the data, be it beside the host.
func (c *Check) UsesData() bool { return c.look.host == nil || c.look.both }

// Groups lists the names of the groups, in the order of Checks.
func Groups() []string {
	var names []string
	for _, c := range Checks() {
		if !slices.Contains(names, c.Group) {
			names = append(names, c.Group)
		}
	}
	return names
}

// Select returns the checks whose name or group is among only; all if there are
// none. A name that is neither is an error.
func Select(only ...string) ([]Check, error) {
	all := Checks()
	if len(only) == 0 {
		return all, nil
	}
	for _, name := range only {
		if !slices.ContainsFunc(all, func(c Check) bool { return c.Name == name || c.Group == name }) {
			return nil, fmt.Errorf("no check and no group is called %q: the groups are %s", name, strings.Join(Groups(), ", "))
		}
	}
	return slices.DeleteFunc(all, func(c Check) bool { return !slices.Contains(only, c.Name) && !slices.Contains(only, c.Group) }), nil
}
