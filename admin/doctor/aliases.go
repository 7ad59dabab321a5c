package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
)

func checkEmpty() Check {
	return Check{
		Name: "alias-empty", Group: "aliases",
		Text: "Enabled aliases without any recipient. They answer nothing: mail is refused, or goes to a catch-all.",
		Do:   "Give the alias a recipient, or delete it.",
		look: look{alias: func(r *run, a *store.Alias, to store.RecipientRows) {
			if !a.Live(r.now) || to.Next() {
				return
			}
			r.say(Warning, a.Address, "give "+row("admin_alias", a.ID)+" a recipient, or delete it", "the alias has no recipients: it answers nothing")
		}},
	}
}

func checkExpired() Check {
	return Check{
		Name: "alias-expired", Group: "aliases",
		Text: "Aliases that are enabled but have expired. They answer nothing, though a list of enabled aliases shows them.",
		Do:   "Delete the alias, or give it a later date.",
		look: look{alias: func(r *run, a *store.Alias, _ store.RecipientRows) {
			if a.Enabled && !a.Live(r.now) {
				r.say(Info, a.Address, "delete "+row("admin_alias", a.ID)+", or give it a later expire_at", "the alias is enabled, but expired on %s", date(a.ExpireAt))
			}
		}},
	}
}

// maxExpansion is Postfix's default virtual_alias_expansion_limit.
const maxExpansion = 1000

func checkLarge() Check {
	return Check{
		Name: "alias-large", Group: "aliases",
		Text: "Aliases that expand to more than 1000 addresses, those of aliases among them counted too. Postfix refuses to expand them (virtual_alias_expansion_limit): mail for them waits and comes back.",
		Do:   "Use a mailing list, or raise virtual_alias_expansion_limit in main.cf.",
		look: look{alias: (*run).lookLarge},
	}
}

// lookLarge counts only where there is more than one recipient: the others are
// no larger than the alias that they lead to.
func (r *run) lookLarge(a *store.Alias, to store.RecipientRows) {
	if !a.Live(r.now) || !to.Next() || !to.Next() || strings.HasPrefix(a.Address, "@") {
		return
	}
	if n := r.expansion(a.Address); n > maxExpansion {
		r.say(Error, a.Address, "use a mailing list, or set virtual_alias_expansion_limit in main.cf to more than what the alias expands to",
			"the alias (%s) expands to more than %d addresses: Postfix does not accept mail for it", row("admin_alias", a.ID), maxExpansion)
	}
}

// expansion counts the addresses that an address expands to, up to a little more
// than maxExpansion. Each counts as often as it comes up, as in Postfix; loops
// are not followed.
func (r *run) expansion(address string) int {
	n := 0
	seen := map[string]bool{}
	for todo := []string{address}; len(todo) > 0 && n <= maxExpansion; {
		from := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if r.ends(from) || seen[from] {
			n++
			continue
		}
		seen[from] = true
		to := r.expander.Expand(from)
		if to == nil {
			n++
		}
		for _, t := range to {
			if t = store.Fold(t); t == from || len(to) > maxExpansion {
				n++
			} else {
				todo = append(todo, t)
			}
		}
	}
	return n
}

func checkSwallowed() Check {
	return Check{
		Name: "catchall-swallows", Group: "aliases",
		Text: "Mailboxes of active accounts whose mail a catch-all takes: there is no live alias from the address to itself, which Modoboa makes for every mailbox, so @domain answers.",
		Do:   "Enable the alias from the address to itself, or have Modoboa make it (modo repair).",
		look: look{mailbox: func(r *run, m *store.Mailbox) {
			if to := r.swallowed(m); to != nil && r.alive(m) {
				r.say(Error, m.Address, r.selfAliasRemedy(m), "a catch-all takes the mail of the mailbox: it goes to %s", strings.Join(to[:min(len(to), 5)], ", "))
			}
		}},
	}
}

// swallowed returns where a catch-all sends the mail of a mailbox, nil if none
// takes it.
func (r *run) swallowed(m *store.Mailbox) []string {
	at := r.s.At(m.Address)
	domain := strings.LastIndexByte(m.Address, '@')
	if at.OnlyItself() || !hasAlias(r.s.At(m.Address[domain:])) || r.liveAlias(at) || !r.served(m.Address) {
		return nil
	}
	to := r.expander.Expand(m.Address)
	if slices.ContainsFunc(to, func(t string) bool { return store.Fold(t) == m.Address }) {
		return nil
	}
	return to
}

// liveAlias reports whether an address has an alias that answers.
func (r *run) liveAlias(at store.Address) bool {
	for rows := at.Aliases(); rows.Next(); {
		if to := rows.Recipients(); rows.Alias.Live(r.now) && to.Next() {
			return true
		}
	}
	return false
}

// alive reports whether somebody uses a mailbox.
func (r *run) alive(m *store.Mailbox) bool {
	a, ok := r.s.AccountByID(m.AccountID)
	return m.Receives() && (!ok || a.Active)
}

func checkShadowed() Check {
	return Check{
		Name: "catchall-shadowed", Group: "aliases",
		Text: "Catch-alls that catch nothing or not alone: the domain is disabled, or is a domain alias, whose own @ row answers besides.",
		Do:   "Delete the catch-all, or enable the domain.",
		look: look{alias: func(r *run, a *store.Alias, _ store.RecipientRows) {
			name, ok := strings.CutPrefix(a.Address, "@")
			if !ok || a.Internal || !a.Live(r.now) {
				return
			}
			d, isDomain := r.s.Domain(name)
			_, isAlias := r.s.DomainAlias(name)
			remedy := fmt.Sprintf("delete the catch-all, %s", row("admin_alias", a.ID))
			switch {
			case isAlias:
				r.say(Warning, a.Address, remedy+", or the domain alias "+name, "%s is a domain alias: its own alias answers too, and mail goes to both, or nowhere", name)
			case isDomain && !d.Enabled:
				r.say(Warning, a.Address, remedy+", or enable the domain "+name, "the domain %s is disabled: no mail comes to its catch-all", name)
			}
		}},
	}
}
