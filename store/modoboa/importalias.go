package modoboa

import (
	"errors"
	"fmt"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
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
	_, name, err := rows.SplitAddress(address)
	if err != nil {
		return fmt.Errorf("address %q %w", rows.Shown(address), err)
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
	a, became := p.world.ordinary[address], aliasFound
	switch {
	case a != nil && !p.o.ContinueIfExists:
		return p.exists(l, address, "alias")
	case a != nil:
		p.remember(Change{Line: l.number, Action: "skip", Kind: l.field(0), Name: address, Detail: "alias exists"})
	default:
		a, became = &rows.Alias{Address: address, Domain: d, Enabled: p.yes(l, 2)}, aliasMade
		p.world.ordinary[address] = a
		if !p.depends {
			p.set.Aliases = append(p.set.Aliases, a)
		}
		p.created(l, address, "")
	}
	p.setFate(l.number, became)
	p.pending = append(p.pending, pendingRecipients{l.number, l.field(0), became, a, addresses})
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
		local, name, err := rows.SplitAddress(s)
		if err == nil && local == "" {
			err = errors.New("has nothing before the \"@\"")
		}
		if err != nil {
			return nil, fmt.Errorf("recipient %q %w", rows.Shown(s), err)
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
	added := 0
	for _, plain := range []bool{true, false} {
		for _, s := range r.addresses {
			if _, extended := rows.WithoutExtension(s); extended == plain {
				continue
			}
			rcpt, err := p.recipient(r.alias, s)
			if err != nil {
				p.errs.add(r.line, "%s: %v", r.kind, err)
			} else if rcpt != nil && !p.assumed[r.alias.Address] {
				added++
				p.set.Recipients = append(p.set.Recipients, rcpt)
			}
		}
	}
	c := p.change(r.line)
	switch {
	case r.fate == aliasMade:
		c.Detail = fmt.Sprintf("%d recipients", added)
	case added > 0:
		c.Action, c.Detail = "extend", fmt.Sprintf("%d recipients added", added)
	default:
		p.report.Skipped++
	}
}

// recipient makes one recipient of an alias, nil if the alias has it.
func (p *plan) recipient(a *rows.Alias, address string) (*rows.Recipient, error) {
	local, name, _ := rows.SplitAddress(address)
	r := &rows.Recipient{Alias: a, Address: address}
	if d := p.world.domains[name]; d != nil {
		r.Address = store.Fold(local) + "@" + name
		r.Mailbox, r.Target = p.find(r.Address)
		switch {
		case r.Target != nil && r.Target.Address == a.Address:
			return nil, fmt.Errorf("recipient %q is the alias itself", rows.Shown(address))
		case r.Mailbox == nil && r.Target == nil && !d.Relay:
			return nil, fmt.Errorf("recipient %q is neither a mailbox nor an alias of domain %q: add it to the file or remove it here", rows.Shown(address), d.Name)
		}
	}
	if !p.world.knownOf(a).Take(r) {
		return nil, nil
	}
	return r, nil
}

// find looks for a mailbox, then for an alias.
func (p *plan) find(address string) (*rows.Mailbox, *rows.Alias) {
	return rows.Leads(address, func(address string) (*rows.Mailbox, *rows.Alias) {
		if m := p.world.mailboxes[address]; m != nil {
			return m, nil
		}
		return nil, p.world.ordinary[address]
	})
}
