package manage

import "errors"

// The actions below are being made; each moves into the file of its object.

var errPending = errors.New("not made yet")

// --- domains (domains.go, domainwrite.go ...)

func (t *Tx) Domains(q Query) (Page[Domain], error)                  { return Page[Domain]{}, errPending }
func (t *Tx) Domain(id int64) (*Domain, error)                       { return nil, errPending }
func (t *Tx) DomainByName(name string) (*Domain, error)              { return nil, errPending }
func (t *Tx) CreateDomain(in DomainInput) (*Domain, error)           { return nil, errPending }
func (t *Tx) UpdateDomain(id int64, in DomainInput) (*Domain, error) { return nil, errPending }

// PutDomain makes a domain what in says, creating it if there is none of the name.
func (t *Tx) PutDomain(name string, in DomainInput) (d *Domain, created bool, err error) {
	return nil, false, errPending
}

// DeleteDomain deletes a domain with all that is in it. keepFiles leaves the mail where it is.
func (t *Tx) DeleteDomain(id int64, keepFiles bool) error { return errPending }

// DomainAdmins lists the accounts that administrate a domain without being super administrators.
func (t *Tx) DomainAdmins(id int64) ([]Account, error)            { return nil, errPending }
func (t *Tx) AddDomainAdmin(domain, account int64) error          { return errPending }
func (t *Tx) RemoveDomainAdmin(domain, account int64) error       { return errPending }
func (t *Tx) DomainLimits(id int64) ([]Limit, error)              { return nil, errPending }
func (t *Tx) SetDomainLimits(id int64, to map[string]int64) error { return errPending }

// --- relay domains: domains of type relaydomain, by the same rules, with a transport

func (t *Tx) RelayDomains(q Query) (Page[Domain], error)                  { return Page[Domain]{}, errPending }
func (t *Tx) RelayDomain(id int64) (*Domain, error)                       { return nil, errPending }
func (t *Tx) CreateRelayDomain(in DomainInput) (*Domain, error)           { return nil, errPending }
func (t *Tx) UpdateRelayDomain(id int64, in DomainInput) (*Domain, error) { return nil, errPending }
func (t *Tx) PutRelayDomain(name string, in DomainInput) (d *Domain, created bool, err error) {
	return nil, false, errPending
}
func (t *Tx) DeleteRelayDomain(id int64, keepFiles bool) error { return errPending }

// --- domain aliases

func (t *Tx) DomainAliases(q Query) (Page[DomainAlias], error) {
	return Page[DomainAlias]{}, errPending
}
func (t *Tx) DomainAlias(id int64) (*DomainAlias, error)                  { return nil, errPending }
func (t *Tx) CreateDomainAlias(in DomainAliasInput) (*DomainAlias, error) { return nil, errPending }
func (t *Tx) UpdateDomainAlias(id int64, in DomainAliasInput) (*DomainAlias, error) {
	return nil, errPending
}
func (t *Tx) PutDomainAlias(name string, in DomainAliasInput) (a *DomainAlias, created bool, err error) {
	return nil, false, errPending
}
func (t *Tx) DeleteDomainAlias(id int64) error { return errPending }

// --- aliases

// --- sender addresses
