package manage

import (
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// CreateSenderAddress lets a mailbox send as a further address, or with
// "@domain" as all addresses of a domain. The address may be any, but
// administrators who are not super have to have access to the domain if it is
// one of ours or another name of one: else they could send as others do.
//
// Errors: Invalid for the address, for a mailbox that is not there or that the
// caller has no access to, and if the mailbox has the address already (field
// non_field_errors).
func (t *Tx) CreateSenderAddress(in SenderAddressInput) (*SenderAddress, error) {
	if err := t.allow(SenderAddressObject); err != nil {
		return nil, err
	}
	s, err := t.checkSender(in, &SenderAddress{})
	if err != nil {
		return nil, err
	}
	if _, err := t.exec("INSERT INTO admin_senderaddress (address, mailbox_id) VALUES (?, ?)", s.Address, s.MailboxID); err != nil {
		return nil, err
	}
	id, err := t.count("SELECT id FROM admin_senderaddress WHERE address = ? AND mailbox_id = ?", s.Address, s.MailboxID)
	if err != nil {
		return nil, err
	}
	made, err := t.SenderAddress(id)
	if err != nil {
		return nil, err
	}
	return made, t.log("Sender address %s of %s added", made.Address, made.MailboxName)
}

// UpdateSenderAddress changes an extra sender address; what in does not set
// stays. What results is checked as if it were new.
func (t *Tx) UpdateSenderAddress(id int64, in SenderAddressInput) (*SenderAddress, error) {
	old, err := t.SenderAddress(id)
	if err == nil {
		err = t.allow(SenderAddressObject)
	}
	if err != nil {
		return nil, err
	}
	s, err := t.checkSender(in, old)
	if err != nil {
		return nil, err
	}
	if err := t.update("admin_senderaddress", id, rows.Columns{"address": s.Address, "mailbox_id": s.MailboxID}); err != nil {
		return nil, err
	}
	made, err := t.SenderAddress(id)
	if err != nil {
		return nil, err
	}
	return made, t.log("Sender address %s of %s modified", made.Address, made.MailboxName)
}

// checkSender returns what an input makes of a sender address, which has no id
// if it is new.
func (t *Tx) checkSender(in SenderAddressInput, old *SenderAddress) (*SenderAddress, error) {
	f := fields{}
	s := *old
	if err := t.senderAddress(f, in, &s); err != nil {
		return nil, err
	}
	if err := t.senderMailbox(f, in, &s); err != nil {
		return nil, err
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	there, err := t.find("SELECT 1 FROM admin_senderaddress WHERE address = ? AND mailbox_id = ? AND id <> ?", []any{s.Address, s.MailboxID, s.ID}, new(int))
	if err == nil && there {
		err = invalid("non_field_errors", "The fields address, mailbox must make a unique set.")
	}
	return &s, err
}

func (t *Tx) senderAddress(f fields, in SenderAddressInput, s *SenderAddress) error {
	switch {
	case in.Address.Set:
		s.Address = foldAddress(in.Address.Value)
	case s.ID == 0:
		f.add("address", "This field is required.")
		return nil
	}
	if s.Address == "" {
		f.add("address", "This field may not be blank.")
		return nil
	}
	_, domain, ok := mailAddress(s.Address)
	if !ok {
		f.add("address", "Enter a valid email address.")
		return nil
	}
	if err := t.tables["admin_senderaddress"].Fits("admin_senderaddress", "address", s.Address); err != nil {
		f.add("address", "%v.", err)
		return nil
	}
	ok, err := t.maySendAs(domain)
	if !ok && err == nil {
		f.add("address", "You don't have access to this domain.")
	}
	return err
}

// maySendAs reports whether the caller may give away addresses of a domain.
func (t *Tx) maySendAs(domain string) (bool, error) {
	if t.caller.Super() {
		return true, nil
	}
	ids, err := t.ids(`SELECT id FROM admin_domain WHERE lower(name) = ? UNION SELECT target_id FROM admin_domainalias WHERE lower(name) = ?`, domain, domain)
	for _, id := range ids {
		if ok, err := t.sees(DomainObject, id); err != nil || !ok {
			return false, err
		}
	}
	return true, err
}

// senderMailbox finds the mailbox by its id or address. One that the caller
// has no access to is not told from one that is not there.
func (t *Tx) senderMailbox(f fields, in SenderAddressInput, s *SenderAddress) error {
	switch {
	case in.Mailbox.Set:
		s.MailboxID = in.Mailbox.Value
	case in.MailboxName.Set:
		id, err := t.mailboxID(in.MailboxName.Value)
		if err != nil {
			return err
		}
		s.MailboxID = id
	case s.ID == 0:
		f.add("mailbox", "This field is required.")
		return nil
	}
	there, err := t.find("SELECT 1 FROM admin_mailbox WHERE id = ?", []any{s.MailboxID}, new(int))
	if err == nil && there {
		there, err = t.sees(MailboxObject, s.MailboxID)
	}
	switch {
	case err != nil:
		return err
	case there:
	case !t.caller.Super():
		f.add("mailbox", "You don't have access to this mailbox.")
	case in.MailboxName.Set && !in.Mailbox.Set:
		f.add("mailbox", "There is no mailbox %s.", rows.Shown(in.MailboxName.Value))
	default:
		f.add("mailbox", "Invalid pk \"%d\" - object does not exist.", s.MailboxID)
	}
	return nil
}

// mailboxID returns the id of the mailbox with an address, 0 if there is none.
func (t *Tx) mailboxID(address string) (int64, error) {
	local, domain, ok := mailAddress(foldAddress(address))
	if !ok {
		return 0, nil
	}
	var id int64
	var stored string
	found, err := t.find("SELECT m.id, m.address FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE m.address = ? AND d.name = ?",
		[]any{local, domain}, &id, &stored)
	if !found || store.Fold(stored) != local { // MySQL finds "ann" for "änn"
		return 0, err
	}
	return id, nil
}
