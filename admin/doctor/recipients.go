package doctor

import (
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

func checkDangling() Check {
	return Check{
		Name: "alias-dangling", Group: "aliases",
		Text: "Live aliases with a recipient in a domain of this host where nobody takes the mail: no mailbox and no alias of that name, a mailbox for sending only, a domain that is disabled. " +
			"The mail is accepted, and comes back to its sender.",
		Do:   "Take the recipient out, or make a mailbox or an alias of that name.",
		look: look{alias: (*run).lookDangling},
	}
}

func (r *run) lookDangling(a *store.Alias, to store.RecipientRows) {
	if !a.Live(r.now) || r.s.At(a.Address).OnlyItself() || !r.served(a.Address) {
		return
	}
	for to.Next() {
		address := to.Address()
		if why := r.refusal(address, 0); why != "" {
			r.say(Error, a.Address+" -> "+address, removeRecipient(a, address), "mail to the alias comes back: %s", why)
		}
	}
}

func removeRecipient(a *store.Alias, address string) string {
	return fmt.Sprintf("take the recipient %s out of %s, %s, or make a mailbox or an alias of that name", address, row("admin_alias", a.ID), a.Address)
}

// served reports whether mail for an address comes in at all: nobody asks for
// the aliases of a domain that is disabled.
func (r *run) served(address string) bool {
	name := address[strings.LastIndexByte(address, '@')+1:]
	if d, ok := r.s.Domain(name); ok && d.Enabled {
		return true
	}
	a, ok := r.s.DomainAlias(name)
	return ok && a.Enabled
}

// maxHops is how many domain aliases lead on to each other before it is a loop.
const maxHops = 5

// refusal says why nobody takes mail for an address, in one clause; "" if
// somebody does, or nobody here can know.
func (r *run) refusal(address string, hops int) string {
	address = store.Fold(address)
	at := strings.LastIndexByte(address, '@')
	if at <= 0 {
		return "" // Postfix appends its own domain, or puts the local part before it
	}
	name := address[at+1:]
	d, isDomain := r.s.Domain(name)
	alias, isAlias := r.s.DomainAlias(name)
	target, _ := r.s.DomainByID(alias.TargetID)
	switch {
	case isAlias && alias.Enabled && target.Enabled && hops < maxHops:
		to := r.expander.Expand(address)
		if to == nil {
			return "the domain alias " + name + " has no alias @" + name
		}
		if len(to) == 1 && strings.HasPrefix(to[0], address[:at+1]) {
			return r.refusal(to[0], hops+1)
		}
		return ""
	case isDomain && !d.Enabled:
		return "the domain " + name + " is disabled"
	case isDomain && d.Type == store.LocalDomain:
		return r.noBox(address)
	case isAlias && !isDomain && !alias.Enabled:
		return "the domain alias " + name + " is disabled"
	case isAlias && !isDomain && !target.Enabled:
		return "the domain " + target.Name + " is disabled"
	}
	return ""
}

// noBox says why no mailbox and no alias takes mail for an address in a local
// domain.
func (r *run) noBox(address string) string {
	self := false
	to := r.expander.Expand(address)
	for _, t := range to {
		self = self || store.Fold(t) == address
	}
	if to != nil && !self {
		return ""
	}
	m, ok := r.boxAt(address)
	switch {
	case !ok:
		return "there is no mailbox " + address + ", and no alias"
	case !m.Receives():
		return "the mailbox " + m.Address + " is for sending only"
	}
	return ""
}

// boxAt finds the mailbox of an address, with or without its extension.
func (r *run) boxAt(address string) (store.Mailbox, bool) {
	m, ok := r.s.Mailbox(address)
	if !ok {
		base, _ := lookup.SplitExtension(address, r.Lookup.RecipientDelimiter)
		m, ok = r.s.Mailbox(base)
	}
	return m, ok
}

func checkStale() Check {
	return Check{
		Name: "alias-old-recipient", Group: "aliases",
		Text: "Recipients that refer to a mailbox or an alias but spell another address, as they do after Modoboa renamed a domain or an account. " +
			"Mail goes to what is spelled: the old address.",
		Do:   "Change the recipient to the new address.",
		look: look{alias: (*run).lookStale},
	}
}

func (r *run) lookStale(a *store.Alias, to store.RecipientRows) {
	if !a.Live(r.now) {
		return
	}
	for to.Next() {
		rc := to.Recipient()
		address, means := rc.Address, ""
		if m, ok := to.Mailbox(); ok {
			means = m.Address
		} else if t, ok := r.s.AliasByID(rc.TargetID); ok {
			means = t.Address
		}
		if means == "" || r.sameAddress(store.Fold(address), means) {
			continue
		}
		remedy := fmt.Sprintf("change the recipient to %s (%s)", means, sql("UPDATE modoboa_admin_aliasrecipient SET address = %s WHERE id = %d", quote(means), rc.ID))
		r.say(Error, a.Address+" -> "+address, remedy, "the recipient refers to %s, which was renamed or moved: mail still goes to %s", means, address)
	}
}

// sameAddress reports whether an address leads to another one by its spelling:
// the extension, and the name of a domain alias, do not matter.
func (r *run) sameAddress(address, means string) bool {
	base, _ := lookup.SplitExtension(address, r.Lookup.RecipientDelimiter)
	if address == means || base == means {
		return true
	}
	at, other := strings.LastIndexByte(base, '@'), strings.LastIndexByte(means, '@')
	if at < 0 || other < 0 || base[:at] != means[:other] {
		return false
	}
	alias, ok := r.s.DomainAlias(base[at+1:])
	d, _ := r.s.Domain(means[other+1:])
	return ok && alias.TargetID == d.ID
}
