package manage

import (
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// place says where a recipient is.
type place int

const (
	elsewhere place = iota // in no domain of ours, in an alias domain, or behind a relay
	here                   // a mailbox or an alias
	lostHere               // in a domain of ours, but nothing there
)

// locals is what the database has of the recipients of an alias.
type locals struct {
	domains   map[string]localDomain
	ours      map[string]bool // names of domains and domain aliases
	mailboxes map[string]int64
	aliases   map[string]int64
}

type localDomain struct {
	id    int64
	relay bool
}

// find says what a recipient is: the mailbox, else the alias of the whole
// address, else of the address without its extension. In domains of ours it is
// folded.
func (l *locals) find(t *Tx, address string) (recipient, place) {
	domain := domainOf(address)
	d, ok := l.domains[domain]
	if !ok {
		return recipient{address: address}, elsewhere
	}
	r := recipient{address: store.Fold(address)}
	for at, ok := r.address, true; ok; at, ok = t.withoutExtension(at) {
		if r.mailbox = l.mailboxes[at]; r.mailbox != 0 {
			return r, here
		}
		if r.target = l.aliases[at]; r.target != 0 {
			return r, here
		}
	}
	if d.relay {
		return recipient{address: r.address}, elsewhere
	}
	return r, lostHere
}

// local reads what recipients of an alias may be, in a few queries however many
// they are. The alias itself, whose id is own, is none.
func (t *Tx) local(addresses []string, own int64) (*locals, error) {
	l := newLocals()
	names := map[string]bool{}
	for _, s := range addresses {
		names[domainOf(s)] = true
	}
	if err := t.localDomains(l, slices.Sorted(maps.Keys(names))); err != nil {
		return nil, err
	}
	byDomain := map[string][]string{} // folded addresses that may be something here
	for _, s := range addresses {
		domain := domainOf(s)
		if _, ok := l.domains[domain]; !ok {
			continue
		}
		for at, ok := store.Fold(s), true; ok; at, ok = t.withoutExtension(at) {
			byDomain[domain] = append(byDomain[domain], at)
		}
	}
	for _, domain := range slices.Sorted(maps.Keys(byDomain)) {
		if err := t.localAliases(l, byDomain[domain]); err != nil {
			return nil, err
		}
		if err := t.localMailboxes(l, domain, byDomain[domain]); err != nil {
			return nil, err
		}
	}
	maps.DeleteFunc(l.aliases, func(_ string, id int64) bool { return id == own })
	return l, nil
}

// localDomains reads which names are domains or domain aliases. Modoboa before
// 1.10.7 stored them as they were typed.
func (t *Tx) localDomains(l *locals, names []string) error {
	for _, column := range []string{"name", "lower(name)"} {
		names = slices.DeleteFunc(names, func(s string) bool { return l.ours[s] })
		err := inParts(names, func(marks string, args []any) error {
			err := t.each("SELECT id, name, type FROM admin_domain WHERE "+column+" IN ("+marks+")", args, func(r *sql.Rows) error {
				var d localDomain
				var name, kind string
				err := r.Scan(&d.id, &name, &kind)
				d.relay = kind == "relaydomain"
				l.domains[store.Fold(name)], l.ours[store.Fold(name)] = d, true
				return err
			})
			if err != nil {
				return err
			}
			return t.each("SELECT name FROM admin_domainalias WHERE "+column+" IN ("+marks+")", args, func(r *sql.Rows) error {
				var name string
				err := r.Scan(&name)
				l.ours[store.Fold(name)] = true
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// newLocals is what nothing was read into yet.
func newLocals() *locals {
	return &locals{domains: map[string]localDomain{}, ours: map[string]bool{}, mailboxes: map[string]int64{}, aliases: map[string]int64{}}
}

func (t *Tx) localAliases(l *locals, addresses []string) error {
	return inParts(addresses, func(marks string, args []any) error {
		return t.each("SELECT id, address FROM admin_alias WHERE "+t.named("address")+" IN ("+marks+") AND internal = ?", append(args, false), func(r *sql.Rows) error {
			var id int64
			var address string
			err := r.Scan(&id, &address)
			l.aliases[store.Fold(address)] = id
			return err
		})
	})
}

// localMailboxes reads the mailboxes of a domain that addresses name. What is
// then left may be spelled with capitals, as Modoboa before 1.10.7 stored it.
func (t *Tx) localMailboxes(l *locals, domain string, addresses []string) error {
	known := func(s string) bool { return l.mailboxes[s] != 0 || l.aliases[s] != 0 }
	for _, column := range []string{"address", "lower(address)"} {
		var locals []string
		for _, s := range addresses {
			if column == "address" || !known(s) && !known(t.bare(s)) {
				locals = append(locals, strings.TrimSuffix(s, "@"+domain))
			}
		}
		err := inParts(locals, func(marks string, args []any) error {
			return t.each("SELECT id, address FROM admin_mailbox WHERE "+column+" IN ("+marks+") AND domain_id = ?",
				append(args, l.domains[domain].id), func(r *sql.Rows) error {
					var id int64
					var local string
					err := r.Scan(&id, &local)
					l.mailboxes[store.Fold(local)+"@"+domain] = id
					return err
				})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
