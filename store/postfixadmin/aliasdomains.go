package postfixadmin

import (
	"errors"
	"fmt"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

func (g *ground) makeAliasDomains() error {
	names := map[string]bool{}
	targets := map[string]string{}
	for _, a := range g.aliases {
		names["@"+a.name] = true
		targets[a.name] = a.target
	}
	f, err := g.index.find(names)
	if err != nil {
		return err
	}
	for _, a := range g.aliases {
		if err := g.addAliasDomain(a, targets, f); err != nil {
			g.lost[a.name] = err.Error()
			g.warn("alias_domain", a.row["alias_domain"], "left out: %v", err)
		}
	}
	g.step(int64(len(g.aliases)))
	return nil
}

func (g *ground) addAliasDomain(a aliasDomain, targets map[string]string, f *found) error {
	if _, ok := g.domains.Aliases[a.name]; ok {
		g.report.Skipped["domainalias"]++
		return nil
	}
	target, err := g.target(a, targets)
	if err != nil {
		return err
	}
	if d := g.domains.ByName[a.name]; d != nil {
		return g.addCatchAll(a, d, target, f)
	}
	if err := rows.CheckDomain(a.name); err != nil {
		return fmt.Errorf("%q %w", rows.Shown(a.name), err)
	}
	if err := g.base.Tables["admin_domainalias"].Fits("admin_domainalias", "name", a.name); err != nil {
		return err
	}
	alias := &rows.DomainAlias{Name: a.name, Target: target, Enabled: yes(a.row["active"])}
	g.set.AddDomainAlias(alias, f.internal["@"+a.name])
	g.domains.Aliases[a.name] = target.Name
	g.created("domainalias", a.name, "another name of "+target.Name)
	return nil
}

// target follows the names of names, which Modoboa does not have.
func (g *ground) target(a aliasDomain, targets map[string]string) (*rows.Domain, error) {
	name := a.target
	for range len(targets) + 1 {
		if d := g.domains.ByName[name]; d != nil && name != a.name {
			if name != a.target {
				g.warn("alias_domain", a.row["alias_domain"], "its target %q is another name of %q, which becomes its target", a.target, name)
			}
			return d, nil
		}
		next, ok := targets[name]
		if !ok {
			if next, ok = g.domains.Aliases[name]; !ok {
				return nil, fmt.Errorf("its target %q is no domain that is there", rows.Shown(name))
			}
		}
		name = next
	}
	return nil, fmt.Errorf("its target %q leads back to itself", rows.Shown(a.target))
}

// addCatchAll is for an alias domain that has addresses of its own: as a
// domain with a catch-all "@name" to "@target" it leads to the same mailboxes.
func (g *ground) addCatchAll(a aliasDomain, d *rows.Domain, target *rows.Domain, f *found) error {
	address := "@" + a.name
	switch {
	case !g.own[a.name]:
		return errors.New("it is a domain in the target: delete one of the two")
	case !yes(a.row["active"]):
		return errors.New("it is not active, and has mailboxes or aliases of its own: it is a domain now")
	case f.ordinary[address] != nil:
		g.report.Skipped["domainalias"]++
		return nil
	}
	own, err := g.src.folded(g.ctx, "alias", map[string]bool{address: true, "*" + address: true})
	if err != nil {
		return err
	}
	if len(own) > 0 {
		return fmt.Errorf("it has the catch-all %q, which goes first: it is a domain now", address)
	}
	c := &rows.Alias{Address: address, Domain: d, Enabled: true, Rest: g.dates(a.row)}
	g.set.Aliases = append(g.set.Aliases, c)
	g.set.Recipients = append(g.set.Recipients, &rows.Recipient{Alias: c, Address: "@" + target.Name})
	g.created("alias", address, "1 recipients")
	g.report.Created["recipient"]++
	g.warn("alias_domain", a.row["alias_domain"], "it has mailboxes or aliases of its own: it becomes a domain whose catch-all leads to @%s, not a domain alias", target.Name)
	return nil
}
