package manage

import (
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// OutsideInput is somebody whose password is kept elsewhere, and was right
// there.
type OutsideInput struct {
	Username            string
	FirstName, LastName string
	Admin               bool // he is to be a DomainAdmin, else a SimpleUser
	Local               bool // core_user.is_local
}

// CreateOutside makes an account with no password here, unless there is one of
// the name, as Modoboa does when somebody logs in for the first time
// (modoboa/admin/handlers.py, account_auto_created). Where its parameter
// auto_create_domain_and_mailbox is on he gets a mailbox that follows the quota of
// its domain, and the domain is made, but not if the name is a domain alias.
// Limits of a domain hold. It is for super administrators.
func (t *Tx) CreateOutside(in OutsideInput) (a *Account, created bool, err error) {
	if !t.caller.Super() {
		return nil, false, denied("You do not have permission to perform this action.")
	}
	name := store.Fold(strings.TrimSpace(in.Username))
	if id, err := t.accountID(name); id != 0 || err != nil {
		if err == nil {
			a, err = t.account(id)
		}
		return a, false, err
	}
	account := AccountInput{Username: Some(name), Role: Some(SimpleUsers), outside: &in}
	if in.Admin {
		account.Role = Some(DomainAdmins)
	}
	for column, s := range map[string]struct {
		to    *Opt[string]
		value string
	}{"first_name": {&account.FirstName, in.FirstName}, "last_name": {&account.LastName, in.LastName}} {
		if t.tables["core_user"].Fits("core_user", column, s.value) == nil { // a name too long is not worth a login
			*s.to = Some(s.value)
		}
	}
	box, err := t.outsideBox(name)
	if err != nil {
		return nil, false, err
	}
	if box {
		account.Mailbox = Some(&MailboxInput{Address: Some(name), UseDomainQuota: Some(true)})
	} else {
		account.noBox = true
	}
	a, _, err = t.CreateAccount(account)
	return a, err == nil, err
}

// outsideBox reports whether somebody who comes from elsewhere is to have a
// mailbox, and makes its domain if there is none.
func (t *Tx) outsideBox(name string) (bool, error) {
	p, err := t.Parameters()
	if err != nil || !p.Flag(parameters.AutoCreate) || !isAddress(name) {
		return false, err
	}
	_, domain, err := rows.SplitAddress(name)
	if err != nil {
		return false, err
	}
	if id, err := t.domainID(domain); id != 0 || err != nil {
		return id != 0, err
	}
	if id, err := t.domainAliasID(domain); id != 0 || err != nil {
		return false, err
	}
	_, err = t.CreateDomain(DomainInput{Name: Some(domain)})
	return err == nil, err
}
