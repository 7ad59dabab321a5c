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

func (t *Tx) Aliases(q Query) (Page[Alias], error)                { return Page[Alias]{}, errPending }
func (t *Tx) Alias(id int64) (*Alias, error)                      { return nil, errPending }
func (t *Tx) AliasByAddress(address string) (*Alias, error)       { return nil, errPending }
func (t *Tx) CreateAlias(in AliasInput) (*Alias, error)           { return nil, errPending }
func (t *Tx) UpdateAlias(id int64, in AliasInput) (*Alias, error) { return nil, errPending }
func (t *Tx) PutAlias(address string, in AliasInput) (a *Alias, created bool, err error) {
	return nil, false, errPending
}
func (t *Tx) DeleteAlias(id int64) error { return errPending }

// Forward is where an account's mail goes. Everyone may ask for and set his own.
func (t *Tx) Forward(account int64) (*Forward, error)   { return nil, errPending }
func (t *Tx) SetForward(account int64, f Forward) error { return errPending }

// --- sender addresses

func (t *Tx) SenderAddresses(q Query) (Page[SenderAddress], error) {
	return Page[SenderAddress]{}, errPending
}
func (t *Tx) SenderAddress(id int64) (*SenderAddress, error) { return nil, errPending }
func (t *Tx) CreateSenderAddress(in SenderAddressInput) (*SenderAddress, error) {
	return nil, errPending
}
func (t *Tx) UpdateSenderAddress(id int64, in SenderAddressInput) (*SenderAddress, error) {
	return nil, errPending
}
func (t *Tx) DeleteSenderAddress(id int64) error { return errPending }
