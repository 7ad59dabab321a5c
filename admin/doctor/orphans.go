package doctor

import (
	"strings"

	"github.com/vmapd/vmapd/store"
)

func checkOrphanAlias() Check {
	return Check{
		Name: "orphan-alias", Group: "orphans",
		Text: "Aliases whose domain is neither a domain nor a domain alias here, and the aliases @name that deleted or renamed domain aliases leave behind. If the name becomes a domain again, they take its mail.",
		Do:   "Delete the alias with its recipients.",
		look: look{alias: func(r *run, a *store.Alias, _ store.RecipientRows) {
			at := strings.LastIndexByte(a.Address, '@')
			name := a.Address[at+1:]
			_, isAlias := r.s.DomainAlias(name)
			if at < 0 || isAlias {
				return
			}
			_, isDomain := r.s.Domain(name)
			remedy := "delete " + row("admin_alias", a.ID) + " with its recipients"
			switch {
			case !isDomain:
				r.say(Warning, a.Address, remedy, "the alias is in %s, which is neither a domain nor a domain alias", name)
			case at == 0 && a.Internal && a.Live(r.now):
				r.say(Error, a.Address, remedy, "the alias was that of a domain alias, but %s is a domain now: it catches all mail for unknown addresses there", name)
			}
		}},
	}
}

func checkOrphanAccess() Check {
	return Check{
		Name: "orphan-access", Group: "orphans",
		Text: "Rows of relaydomains_recipientaccess whose pattern is no relay domain, as renaming one leaves behind.",
		Do:   "Delete the row.",
		look: look{access: func(r *run, a *store.RecipientAccess) {
			if d, ok := r.s.Domain(a.Pattern); !ok || d.Type != store.RelayDomain {
				r.say(Warning, a.Pattern, "delete "+row("relaydomains_recipientaccess", a.ID), "recipients in %s are to be verified (%s), but it is no relay domain", a.Pattern, a.Action)
			}
		}},
	}
}

func checkOrphanTransport() Check {
	return Check{
		Name: "orphan-transport", Group: "orphans",
		Text: "Transports whose pattern is in no domain of this host. A route that somebody made for somebody else's domain is one of them: then it is as it should be.",
		Do:   "Delete the row, unless the route is wanted.",
		look: look{transport: func(r *run, t *store.Transport) {
			name := strings.TrimPrefix(t.Pattern[strings.LastIndexByte(t.Pattern, '@')+1:], ".")
			if t.Pattern == "*" || r.ours(name) || t.Service == "autoreply" && r.ours(strings.TrimPrefix(name, "autoreply.")) {
				return
			}
			r.say(Info, t.Pattern, "delete "+row("transport_transport", t.ID)+", unless the route is wanted", "%s is no domain of this host, but mail for it goes by %s:%s", name, t.Service, t.NextHop)
		}},
	}
}

// ours reports whether a name is a domain or domain alias here, or below a relay
// domain.
func (r *run) ours(name string) bool {
	if _, ok := r.s.Domain(name); ok {
		return true
	}
	if _, ok := r.s.DomainAlias(name); ok {
		return true
	}
	for _, parent, ok := strings.Cut(name, "."); ok; _, parent, ok = strings.Cut(parent, ".") {
		if d, found := r.s.Domain(parent); found && d.Type == store.RelayDomain {
			return true
		}
	}
	return false
}

func checkOrphanUsage() Check {
	return Check{
		Name: "orphan-quota", Group: "orphans",
		Text: "Rows of admin_quota without a mailbox, as deleted and renamed domains leave behind. They count into the usage of a domain of that name.",
		Do:   "Delete the row.",
		look: look{usage: func(r *run, q *store.QuotaUsage) {
			if _, ok := r.s.Mailbox(store.Fold(q.Username)); !ok {
				r.say(Info, q.Username, sql("DELETE FROM admin_quota WHERE username = %s", quote(q.Username)), "the row says what is in a mailbox that does not exist")
			}
		}},
	}
}

func checkNegativeUsage() Check {
	return Check{
		Name: "quota-negative", Group: "orphans",
		Text: "Mailboxes whose counted bytes or messages are negative, as the trigger merge_quota makes them. Dovecot counts again.",
		Do:   "Have Dovecot count again: doveadm quota recalc.",
		look: look{usage: func(r *run, q *store.QuotaUsage) {
			if _, ok := r.s.Mailbox(store.Fold(q.Username)); ok && (q.Bytes < 0 || q.Messages < 0) {
				r.say(Info, q.Username, "doveadm quota recalc -u "+q.Username, "the mailbox is counted to hold %d bytes in %d messages", q.Bytes, q.Messages)
			}
		}},
	}
}
