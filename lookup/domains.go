package lookup

import (
	"strings"

	"github.com/vmapd/vmapd/store"
)

var domains = Table{
	Name:  "domains",
	Param: "virtual_mailbox_domains",
	Doc:   "The domains whose mailboxes are here. Answers an enabled domain with its own name.",
	find: func(q *query) {
		if d, ok := q.Domain(q.key.full); ok && d.Type == store.LocalDomain && d.Enabled {
			q.add(d.Name)
		}
	},
}

var domainAliases = Table{
	Name:  "domain-aliases",
	Param: "virtual_alias_domains",
	Doc:   "The other names of domains. Answers an enabled domain alias of an enabled domain with that domain's name.",
	find: func(q *query) {
		alias, ok := q.DomainAlias(q.key.full)
		if !ok || !alias.Enabled {
			return
		}
		if target, ok := q.DomainByID(alias.TargetID); ok && target.Enabled {
			q.add(target.Name)
		}
	},
}

var relayDomains = Table{
	Name:     "relay-domains",
	Synonyms: []string{"relaydomains"},
	Param:    "relay_domains",
	Doc: "The domains for which mail is relayed. Answers an enabled relay domain, or the nearest enabled parent domain that is one, with its name; " +
		"parents count as long as lookup.parent_domains is true, as they do for SQL maps by Postfix's parent_domain_matches_subdomains.",
	find: findRelayDomain,
}

func findRelayDomain(q *query) {
	if q.key.address {
		return
	}
	for name := q.key.full; name != ""; _, name, _ = strings.Cut(name, ".") {
		if d, ok := q.Domain(name); ok && d.Type == store.RelayDomain && d.Enabled {
			q.add(d.Name)
			return
		}
		if !q.opt.ParentDomains {
			return
		}
	}
}
