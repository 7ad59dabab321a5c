package doctor

import (
	"slices"

	"github.com/vmapd/vmapd/store"
)

func checkSelfAlias() Check {
	return Check{
		Name: "self-alias", Group: "aliases",
		Text: "Mailboxes of active accounts without a live alias from the address to itself, as Modoboa leaves them when an account is disabled and enabled again. " +
			"Mail arrives, until there is a catch-all in the domain: then it takes everything.",
		Do:   "Enable the alias from the address to itself, or have Modoboa make it (modo repair).",
		look: look{mailbox: (*run).lookSelfAlias},
	}
}

// lookSelfAlias leaves alone who forwards his mail without keeping a copy: his
// self-alias is disabled on purpose.
func (r *run) lookSelfAlias(m *store.Mailbox) {
	at := r.s.At(m.Address)
	if at.OnlyItself() || m.DomainID == 0 || !r.alive(m) || r.liveAlias(at) || r.swallowed(m) != nil {
		return
	}
	what := "there is no alias from the address to itself"
	if a, ok := selfAlias(at); ok && !a.Enabled {
		what = "the alias from the address to itself, " + row("admin_alias", a.ID) + ", is disabled"
	}
	if d, ok := r.s.DomainByID(m.DomainID); ok && d.Enabled {
		r.say(Warning, m.Address, r.selfAliasRemedy(m), "%s: a catch-all would take all mail of this mailbox", what)
	}
}

// selfAlias finds Modoboa's own alias of a mailbox.
func selfAlias(at store.Address) (store.Alias, bool) {
	for a := range at.Aliases().All() {
		if a.Internal {
			return a, true
		}
	}
	return store.Alias{}, false
}

func (r *run) selfAliasRemedy(m *store.Mailbox) string {
	a, ok := selfAlias(r.s.At(m.Address))
	switch {
	case !ok:
		return "have Modoboa make it (modo repair), or save the account once more"
	case !a.Enabled:
		return "enable it (" + sql("UPDATE admin_alias SET enabled = true WHERE id = %d", a.ID) + ")"
	}
	return "give " + row("admin_alias", a.ID) + " the mailbox as its recipient, and no past expire_at"
}

func checkClosed() Check {
	return Check{
		Name: "disabled-account", Group: "aliases",
		Text: "Disabled accounts whose alias from the address to itself is enabled, as Modoboa 1.x and its job for inactive accounts leave it: mail comes in that nobody reads.",
		Do:   "Enable the account, delete it with its mailbox, or have the policy service refuse its mail (policy.disabled_accounts).",
		look: look{mailbox: func(r *run, m *store.Mailbox) {
			acc, ok := r.s.AccountByID(m.AccountID)
			d, _ := r.s.DomainByID(m.DomainID)
			if !ok || acc.Active || !m.Receives() || !d.Enabled || d.Type != store.LocalDomain { // a relay domain's has no mail then
				return
			}
			at := r.s.At(m.Address)
			if !at.OnlyItself() && !slices.Contains(r.expander.Expand(m.Address), m.Address) {
				return
			}
			remedy := "enable the account, delete it with its mailbox, or set policy.disabled_accounts = true, which refuses its mail"
			if a, ok := selfAlias(at); ok {
				remedy += "; to have a catch-all take the mail, disable the alias, as Modoboa 2 does (" + sql("UPDATE admin_alias SET enabled = false WHERE id = %d", a.ID) + ")"
			}
			r.say(Warning, m.Address, remedy, "the account %s is disabled, but its mailbox still takes mail, which nobody can read", acc.Username)
		}},
	}
}
