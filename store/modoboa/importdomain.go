package modoboa

import (
	"fmt"
	"strconv"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// newDomainName reads the name of a domain, relay domain or domain alias.
func (p *plan) newDomainName(l *csvLine) (string, error) {
	name := store.Fold(l.field(1))
	if err := rows.CheckDomain(name); err != nil {
		return "", fmt.Errorf("%q %w", rows.Shown(name), err)
	}
	table := "admin_domain"
	if l.field(0) == "domainalias" {
		table = "admin_domainalias"
	}
	return name, p.fits(table, "name", name)
}

func (p *plan) addDomain(l *csvLine) error {
	if len(l.fields) < 5 {
		return tooFew(l, 5, "domain;name;quota;default mailbox quota;enabled")
	}
	name, err := p.newDomainName(l)
	if err != nil {
		return err
	}
	if p.world.domains[name] != nil {
		return p.exists(l, name, "domain")
	}
	if target, ok := p.world.domainAliases[name]; ok {
		return fmt.Errorf("%q is a domain alias of %q: remove one of the two", name, target)
	}
	quota, err := megabytes(l.field(2), "quota")
	if err != nil {
		return err
	}
	each, err := megabytes(l.field(3), "default mailbox quota")
	if err != nil {
		return err
	}
	if quota != 0 && each > quota {
		return fmt.Errorf("the default mailbox quota of %q, %d MB, is more than the domain has, %d MB", name, each, quota)
	}
	d := &rows.Domain{Name: name, Quota: quota, MailboxQuota: each, Enabled: p.yes(l, 4)}
	p.set.Domains, p.world.domains[name] = append(p.set.Domains, d), d
	p.created(l, name, "")
	return nil
}

func tooFew(l *csvLine, least int, shape string) error {
	return fmt.Errorf("has %d fields, %d are needed: %s", len(l.fields), least, shape)
}

func (p *plan) addDomainAlias(l *csvLine) error {
	if len(l.fields) < 4 {
		return tooFew(l, 4, "domainalias;name;target;enabled")
	}
	name, err := p.newDomainName(l)
	if err != nil {
		return err
	}
	if _, ok := p.world.domainAliases[name]; ok {
		return p.exists(l, name, "domain alias")
	}
	if p.world.domains[name] != nil {
		return fmt.Errorf("%q is a domain: remove one of the two", name)
	}
	target, err := p.findDomain(store.Fold(l.field(2)))
	if err != nil {
		return err
	}
	a := &rows.DomainAlias{Name: name, Target: target, Enabled: p.yes(l, 3)}
	p.world.domainAliases[name] = target.Name
	if !p.depends {
		p.world.internal["@"+name] = p.set.AddDomainAlias(a, p.world.internal["@"+name])
	}
	p.created(l, name, "another name of "+target.Name)
	return nil
}

// findDomain returns a domain that exists or stands above.
func (p *plan) findDomain(name string) (*rows.Domain, error) {
	if d := p.world.domains[name]; d != nil {
		p.depends = p.depends || p.assumed[name]
		return d, nil
	}
	if target, ok := p.world.domainAliases[name]; ok {
		return nil, fmt.Errorf("%q is a domain alias: name its domain, %q", name, target)
	}
	return nil, fmt.Errorf("domain %q does not exist: add a \"domain\" line before it", rows.Shown(name))
}

func (p *plan) addRelayDomain(l *csvLine) error {
	if len(l.fields) != 7 {
		return fmt.Errorf("has %d fields, it must have 7: relaydomain;name;host;port;service;enabled;verify recipients", len(l.fields))
	}
	name, err := p.newDomainName(l)
	if err != nil {
		return err
	}
	if p.world.domains[name] != nil {
		return p.exists(l, name, "domain")
	}
	if target, ok := p.world.domainAliases[name]; ok {
		return fmt.Errorf("%q is a domain alias of %q: remove one of the two", name, target)
	}
	if p.world.transports[name] != "" {
		return fmt.Errorf("there is a transport for %q already: delete it first (table transport_transport)", name)
	}
	t := &rows.Transport{Pattern: name, Host: store.Fold(l.field(2)), Verify: p.yes(l, 6)}
	if err := rows.CheckHost(t.Host); err != nil {
		return fmt.Errorf("host %q: %w", rows.Shown(t.Host), err)
	}
	port, err := strconv.ParseUint(l.field(3), 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", rows.Shown(l.field(3)))
	}
	t.Port = int(port)
	if n := len(t.NextHop()); n > 100 {
		return fmt.Errorf("host %q is too long: %s can have 100 characters", t.Host, "[host]:port")
	}
	d := &rows.Domain{Name: name, Relay: true, Enabled: p.yes(l, 5), Transport: t}
	p.world.domains[name], p.world.transports[name] = d, name
	p.set.AddRelayDomain(d, p.world.access[name])
	p.created(l, name, "relayed to "+t.NextHop())
	return nil
}
