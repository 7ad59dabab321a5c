package doctor

import (
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/store"
)

func checkDomainIsAlias() Check {
	return Check{
		Name: "domain-is-alias", Group: "domains",
		Text: "Names that are both a domain and a domain alias. Postfix warns about each mail, and takes them for an alias: the mailboxes of the domain get nothing.",
		Do:   "Delete or rename one of the two.",
		look: look{domainAlias: func(r *run, a *store.DomainAlias) {
			if d, ok := r.bothNames(a); ok {
				r.say(Error, a.Name, fmt.Sprintf("delete or rename one of the two, %s or %s", row("admin_domainalias", a.ID), row("admin_domain", d.ID)),
					"the name is a domain and a domain alias: Postfix warns, and expands it as an alias")
			}
		}},
	}
}

// bothNames finds the domain that has the name of a domain alias, if both are
// in use.
func (r *run) bothNames(a *store.DomainAlias) (store.Domain, bool) {
	d, ok := r.s.Domain(a.Name)
	return d, ok && d.Enabled && a.Enabled
}

func checkDomainAliasTarget() Check {
	return Check{
		Name: "domainalias-target", Group: "domains",
		Text: "Enabled domain aliases of a domain that is disabled or does not exist: mail for them is refused.",
		Do:   "Enable the domain, or disable the alias.",
		look: look{domainAlias: func(r *run, a *store.DomainAlias) {
			d, ok := r.s.DomainByID(a.TargetID)
			switch {
			case !a.Enabled || ok && d.Enabled:
			case ok:
				r.say(Warning, a.Name, fmt.Sprintf("enable the domain %s, or disable the alias (%s)", d.Name, sql("UPDATE admin_domainalias SET enabled = false WHERE id = %d", a.ID)),
					"the domain that it is an alias of, %s, is disabled: mail for it is refused", d.Name)
			default:
				r.say(Warning, a.Name, "delete "+row("admin_domainalias", a.ID)+", or give it a domain that exists", "the domain that it is an alias of, %d, does not exist: mail for it is refused", a.TargetID)
			}
		}},
	}
}

func checkDomainAliasRow() Check {
	return Check{
		Name: "domainalias-row", Group: "domains",
		Text: "Enabled domain aliases whose alias @name is missing, disabled, or leads to another domain: Modoboa makes it once and does not change it when the domain alias is renamed or gets another target. Mail is refused, or goes to the old domain.",
		Do:   "Correct the row, or delete the domain alias and create it again.",
		look: look{domainAlias: (*run).lookDomainAliasRow},
	}
}

func (r *run) lookDomainAliasRow(a *store.DomainAlias) {
	target, ok := r.s.DomainByID(a.TargetID)
	if !ok || !a.Enabled || !target.Enabled {
		return
	}
	want, at := "@"+target.Name, r.s.At("@"+a.Name)
	var old []string
	for rows := at.Aliases(); rows.Next(); {
		for to := rows.Recipients(); rows.Alias.Live(r.now) && to.Next(); {
			switch address := store.Fold(to.Address()); {
			case address == want:
				return
			case rows.Alias.Internal:
				old = append(old, address)
			}
		}
	}
	internal, made := selfAlias(at)
	switch {
	case len(old) > 0:
		remedy := sql("UPDATE modoboa_admin_aliasrecipient SET address = %s WHERE alias_id = %d", quote(want), internal.ID)
		r.say(Error, a.Name, remedy, "it is an alias of %s, but its row %s leads to %s: mail goes there", target.Name, "@"+a.Name, strings.Join(old, ", "))
	case made && !internal.Enabled:
		r.say(Error, a.Name, sql("UPDATE admin_alias SET enabled = true WHERE id = %d", internal.ID), "its alias @%s is disabled: mail for it is refused", a.Name)
	default:
		r.say(Error, a.Name, "delete the domain alias "+a.Name+" and create it again", "there is no alias @%s that leads to %s: mail for it is refused", a.Name, want)
	}
}

func checkDomainType() Check {
	return Check{
		Name: "domain-type", Group: "domains",
		Text: "Domains whose type is neither domain nor relaydomain, as Modoboa's API lets in: no map answers for them, mail is refused.",
		Do:   "Set the type to domain or relaydomain.",
		look: look{domain: func(r *run, d *store.Domain) {
			if d.Type == store.OtherDomain {
				r.say(Warning, d.Name, fmt.Sprintf("set it to domain or relaydomain (%s)", sql("UPDATE admin_domain SET type = 'domain' WHERE id = %d", d.ID)), "the type of the domain is neither domain nor relaydomain: no map knows it")
			}
		}},
	}
}

func checkRelayRoute() Check {
	return Check{
		Name: "relay-transport", Group: "domains",
		Text: "Enabled relay domains without a transport, their own or a parent's: mail goes where the MX of the domain points, perhaps to this very host.",
		Do:   "Give the relay domain a target host.",
		look: look{domain: func(r *run, d *store.Domain) {
			if d.Type != store.RelayDomain || !d.Enabled || r.routed(d.Name) {
				return
			}
			r.say(Warning, d.Name, "give the relay domain a target host, by saving it once more, or a row of transport_transport with the pattern "+d.Name, "no transport has the relay domain as its pattern: mail goes to its MX")
		}},
	}
}

// routed reports whether a transport is found for a domain.
func (r *run) routed(name string) bool {
	_, ok := r.s.Transport(name)
	for dot := strings.IndexByte(name, '.'); !ok && dot >= 0; dot = strings.IndexByte(name, '.') {
		_, ok = r.s.Transport(name[dot:])
		name = name[dot+1:]
	}
	return ok
}
