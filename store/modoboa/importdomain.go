package modoboa

import (
	"fmt"
	"strconv"

	"github.com/vmapd/vmapd/store"
)

// newDomainName reads the name of a domain, relay domain or domain alias.
func (p *plan) newDomainName(l *csvLine) (string, error) {
	name := store.Fold(l.field(1))
	if err := checkDomain(name); err != nil {
		return "", fmt.Errorf("%q %w", shown(name), err)
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
	d := &domain{name: name, quota: quota, mailboxQuota: each, enabled: p.yes(l, 4)}
	p.domains, p.world.domains[name] = append(p.domains, d), d
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
	a := &domainAlias{name: name, target: target, enabled: p.yes(l, 3)}
	p.domainAliases, p.world.domainAliases[name] = append(p.domainAliases, a), target.name
	row := p.internalAlias("@" + name)
	row.enabled = true
	p.recipients = append(p.recipients, &recipient{alias: row, address: "@" + target.name})
	p.created(l, name, "another name of "+target.name)
	return nil
}

// internalAlias returns a new internal alias, or one that is there without the
// mailbox or domain alias it was made for: Modoboa leaves it behind when a
// domain alias is renamed. That one loses its recipients.
func (p *plan) internalAlias(address string) *alias {
	a := p.world.internal[address]
	if a == nil {
		a = &alias{address: address, internal: true}
		p.aliases, p.world.internal[address] = append(p.aliases, a), a
	} else {
		p.repointed = append(p.repointed, a)
	}
	return a
}

// findDomain returns a domain that exists or stands above.
func (p *plan) findDomain(name string) (*domain, error) {
	if d := p.world.domains[name]; d != nil {
		return d, nil
	}
	if target, ok := p.world.domainAliases[name]; ok {
		return nil, fmt.Errorf("%q is a domain alias: name its domain, %q", name, target)
	}
	return nil, fmt.Errorf("domain %q does not exist: add a \"domain\" line before it", shown(name))
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
	t := &transport{pattern: name, host: store.Fold(l.field(2)), verify: p.yes(l, 6)}
	if err := checkHost(t.host); err != nil {
		return fmt.Errorf("host %q: %w", shown(t.host), err)
	}
	port, err := strconv.ParseUint(l.field(3), 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", shown(l.field(3)))
	}
	t.port = int(port)
	if n := len(t.nextHop()); n > 100 {
		return fmt.Errorf("host %q is too long: %s can have 100 characters", t.host, "[host]:port")
	}
	d := &domain{name: name, relay: true, enabled: p.yes(l, 5), transport: t}
	p.domains, p.world.domains[name], p.world.transports[name] = append(p.domains, d), d, name
	switch {
	case t.verify && !p.world.access[name]:
		p.access = append(p.access, name)
	case !t.verify && p.world.access[name]:
		p.noAccess = append(p.noAccess, name)
	}
	p.created(l, name, "relayed to "+t.nextHop())
	return nil
}

// nextHop is what Postfix gets: the brackets say "no MX lookup".
func (t *transport) nextHop() string { return fmt.Sprintf("[%s]:%d", t.host, t.port) }
