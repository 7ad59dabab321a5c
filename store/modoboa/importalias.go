package modoboa

import (
	"errors"
	"fmt"

	"github.com/vmapd/vmapd/store"
)

func (p *plan) addAlias(l *csvLine) error {
	least := 4
	if l.field(0) == "dlist" {
		least = 5
	}
	if len(l.fields) < least {
		return tooFew(l, least, l.field(0)+";address;enabled;recipient;...")
	}
	address := store.Fold(l.field(1))
	_, name, err := splitAddress(address)
	if err != nil {
		return fmt.Errorf("address %q %w", shown(address), err)
	}
	d, err := p.findDomain(name)
	if err != nil {
		return err
	}
	if err := p.fits("admin_alias", "address", address); err != nil {
		return err
	}
	addresses, err := p.recipientList(l.fields[3:])
	if err != nil {
		return err
	}
	a := p.world.ordinary[address]
	switch {
	case a != nil && !p.o.ContinueIfExists:
		return p.exists(l, address, "alias")
	case a != nil:
		p.report.Changes = append(p.report.Changes, Change{Line: l.number, Action: "skip", Kind: l.field(0), Name: address, Detail: "alias exists"})
	default:
		a = &alias{address: address, domain: d, enabled: p.yes(l, 2), known: newKnown()}
		p.aliases, p.world.ordinary[address] = append(p.aliases, a), a
		p.created(l, address, "")
	}
	p.pending = append(p.pending, pendingRecipients{l.number, len(p.report.Changes) - 1, a, addresses})
	return nil
}

// recipientList folds the domains of recipients; what is before the "@" may be
// case-sensitive elsewhere and keeps its spelling.
func (p *plan) recipientList(fields []string) ([]string, error) {
	var out []string
	for _, s := range fields {
		if s == "" {
			continue
		}
		local, name, err := splitAddress(s)
		if err == nil && local == "" {
			err = errors.New("has nothing before the \"@\"")
		}
		if err != nil {
			return nil, fmt.Errorf("recipient %q %w", shown(s), err)
		}
		if err := p.fits("modoboa_admin_aliasrecipient", "address", s); err != nil {
			return nil, err
		}
		out = append(out, local+"@"+name)
	}
	if len(out) == 0 {
		return nil, errors.New("has no recipient")
	}
	return out, nil
}

// resolve finds out what the recipients of an alias are, once all lines are
// read. Plain addresses come before those with an extension, so that they get
// the reference to the mailbox that both want.
func (p *plan) resolve(r *pendingRecipients) {
	c := &p.report.Changes[r.change]
	added := 0
	for _, plain := range []bool{true, false} {
		for _, s := range r.addresses {
			if _, extended := withoutExtension(s); extended == plain {
				continue
			}
			rcpt, err := p.recipient(r.alias, s)
			if err != nil {
				p.errs.add(r.line, "%s: %v", c.Kind, err)
			} else if rcpt != nil {
				added++
				p.recipients = append(p.recipients, rcpt)
			}
		}
	}
	switch {
	case c.Action == "create":
		c.Detail = fmt.Sprintf("%d recipients", added)
	case added > 0:
		c.Action, c.Detail = "extend", fmt.Sprintf("%d recipients added", added)
	default:
		p.report.Skipped++
	}
}

// recipient makes one recipient of an alias, nil if the alias has it.
func (p *plan) recipient(a *alias, address string) (*recipient, error) {
	local, name, _ := splitAddress(address)
	r := &recipient{alias: a, address: address}
	if d := p.world.domains[name]; d != nil {
		r.address = store.Fold(local) + "@" + name
		r.mailbox, r.target = p.find(r.address)
		switch {
		case r.target != nil && r.target.address == a.address:
			return nil, fmt.Errorf("recipient %q is the alias itself", shown(address))
		case r.mailbox == nil && r.target == nil && !d.relay:
			return nil, fmt.Errorf("recipient %q is neither a mailbox nor an alias of domain %q: add it to the file or remove it here", shown(address), d.name)
		}
	}
	if a.known.addresses[r.address] {
		return nil, nil
	}
	a.known.addresses[r.address] = true
	// The unique pairs allow each mailbox and alias once; see ImportCSV.
	if a.known.mailboxes[r.mailbox] {
		r.mailbox = nil
	}
	if a.known.aliases[r.target] {
		r.target = nil
	}
	if r.mailbox != nil {
		a.known.mailboxes[r.mailbox] = true
	}
	if r.target != nil {
		a.known.aliases[r.target] = true
	}
	return r, nil
}

// find looks for a mailbox, then for an alias, by the whole address and then
// without its extension, in Postfix's order.
func (p *plan) find(address string) (*mailbox, *alias) {
	for {
		if m := p.world.mailboxes[address]; m != nil {
			return m, nil
		}
		if a := p.world.ordinary[address]; a != nil {
			return nil, a
		}
		base, ok := withoutExtension(address)
		if !ok {
			return nil, nil
		}
		address = base
	}
}
