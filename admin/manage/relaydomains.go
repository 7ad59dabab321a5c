package manage

// RelayDomains lists relay domains, as [Tx.Domains] does.
func (t *Tx) RelayDomains(q Query) (Page[Domain], error) {
	q.Type = relayDomain
	return t.Domains(q)
}

// RelayDomain returns a relay domain; a domain of another type is none.
func (t *Tx) RelayDomain(id int64) (*Domain, error) {
	d, err := t.oneDomain("d.id = ? AND d.type = ?", id, relayDomain)
	if e, ok := asError(err); ok && e.Kind == NotFound {
		err = notFound("There is no such relay domain.")
	}
	return d, err
}

// CreateRelayDomain makes a relay domain; it must be given a transport.
func (t *Tx) CreateRelayDomain(in DomainInput) (*Domain, error) {
	in.Type = Some(in.Type.Or(relayDomain))
	return t.CreateDomain(in)
}

// UpdateRelayDomain changes a relay domain, as [Tx.UpdateDomain] does.
func (t *Tx) UpdateRelayDomain(id int64, in DomainInput) (*Domain, error) {
	if _, err := t.RelayDomain(id); err != nil {
		return nil, err
	}
	return t.UpdateDomain(id, in)
}

// PutRelayDomain is [Tx.PutDomain] for what is a relay domain unless in says
// otherwise.
func (t *Tx) PutRelayDomain(name string, in DomainInput) (d *Domain, created bool, err error) {
	return t.putDomain(name, relayDomain, in)
}

// DeleteRelayDomain deletes a relay domain, as [Tx.DeleteDomain] does: with the
// mailboxes in it, which a relay domain may have.
func (t *Tx) DeleteRelayDomain(id int64, keepFiles bool) error {
	if _, err := t.RelayDomain(id); err != nil {
		return err
	}
	return t.DeleteDomain(id, keepFiles)
}
