package manage

import "github.com/vmapd/vmapd/store"

// PutAccount makes an account what in says, creating it if there is none of
// the name. What in does not say has its default, but for the password, the
// mailbox of who need not have one, and further addresses, which stay.
// Whoever puts the same twice changes nothing: a password that fits is not
// hashed again, and a random one is made for a new account only.
func (t *Tx) PutAccount(username string, in AccountInput) (a *Account, password string, created bool, err error) {
	name := store.Fold(username)
	if in.Username.Set && store.Fold(in.Username.Value) != name {
		return nil, "", false, invalid("username", "Must be the name under which the account is put.")
	}
	in.Username = Some(name)
	id, err := t.accountID(name)
	if err != nil {
		return nil, "", false, err
	}
	if id == 0 {
		a, password, err = t.CreateAccount(in)
		return a, password, err == nil, err
	}
	was, err := t.Account(id)
	if err != nil {
		return nil, "", false, err
	}
	if err := t.allowAccount(was); err != nil {
		return nil, "", false, err
	}
	if in.RandomPassword {
		in.RandomPassword, in.Password, in.hashed = false, Opt[string]{}, ""
	}
	if in.Password.Set {
		right, err := t.passwordIs(was, in.Password.Value)
		if err != nil {
			return nil, "", false, err
		}
		if right {
			in.Password, in.hashed = Opt[string]{}, ""
		}
	}
	t.putDefaults(was, &in)
	a, password, err = t.UpdateAccount(id, in)
	return a, password, false, err
}

// putDefaults sets what an input does not.
func (t *Tx) putDefaults(was *Account, in *AccountInput) {
	in.FirstName, in.LastName = Some(in.FirstName.Value), Some(in.LastName.Value)
	in.Phone, in.SecondaryEmail = Some(in.Phone.Value), Some(in.SecondaryEmail.Value)
	in.Active, in.Role, in.Language = Some(in.Active.Or(true)), Some(in.Role.Or(SimpleUsers)), Some(in.Language.Or("en"))
	in.Domains = Some(in.Domains.Value)
	if in.Role.Value == SuperAdmins {
		in.MasterUser = Some(in.MasterUser.Value)
	}
	if was.Mailbox == nil || in.Mailbox.Set && in.Mailbox.Value == nil && in.Role.Value != SimpleUsers || !in.Mailbox.Set && in.Role.Value != SimpleUsers {
		return
	}
	var m MailboxInput
	if in.Mailbox.Value != nil {
		m = *in.Mailbox.Value
	}
	m.UseDomainQuota = Some(m.UseDomainQuota.Or(!m.Quota.Set))
	m.MessageLimit, m.SendOnly = Some(m.MessageLimit.Value), Some(m.SendOnly.Value)
	in.Mailbox = Some(&m)
}
