package manage

import (
	"database/sql"
	"math"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// boxDraft is a mailbox as an input wants it, checked but not written.
type boxDraft struct {
	was     *Mailbox // nil: it is new
	local   string
	address string // local@domain
	domain  *rows.Domain
	quota   int64
	useRule bool         // use_domain_quota
	columns rows.Columns // message_limit and is_send_only, if given
}

// moved reports whether the mailbox gets another address.
func (b *boxDraft) moved() bool { return b.was != nil && b.address != b.was.Address }

// draftMailbox checks what is asked of an account's mailbox. A SimpleUser has
// one whose address is his login; of the others who has none gets none unless
// it is asked for.
func (t *Tx) draftMailbox(d *draft) error {
	var in MailboxInput
	given := d.in.Mailbox.Value != nil
	if given {
		in = *d.in.Mailbox.Value
	}
	var was *Mailbox
	if d.was != nil {
		was = d.was.Mailbox
	}
	switch {
	case d.role == SimpleUsers:
		if a := store.Fold(in.Address.Value); a != "" && a != store.Fold(d.name) {
			d.f.add("username", "Must be equal to mailbox full_address")
		}
		in.Address = Some(d.name)
	case d.in.Mailbox.Set && !given:
		d.dropBox = was != nil
		return nil
	case was == nil && !given:
		return nil
	case in.Address.Value == "" && was != nil:
		in.Address = Some(was.Address)
	case in.Address.Value == "":
		in.Address = Some(d.name)
	}
	if d.name == "" && d.role == SimpleUsers {
		return nil // was told
	}
	return t.draftBox(d, was, &in)
}

// draftBox checks a mailbox that there is to be.
func (t *Tx) draftBox(d *draft, was *Mailbox, in *MailboxInput) error {
	b := &boxDraft{was: was, address: store.Fold(in.Address.Value), columns: rows.Columns{}}
	if was != nil && b.address == store.Fold(was.Address) {
		b.address = was.Address // perhaps with capitals
	}
	if !isAddress(b.address) {
		if d.role != SimpleUsers { // of whom it was told as the username
			d.f.add("mailbox.full_address", "Enter a valid email address.")
		}
		return nil
	}
	local, name, _ := rows.SplitAddress(b.address)
	b.local = local
	if !t.fits(d.f, "mailbox.full_address", "admin_mailbox", "address", local) || !t.fits(d.f, "mailbox.full_address", "core_user", "email", b.address) {
		return nil
	}
	if was != nil && !b.moved() {
		name = was.Domain
	}
	var err error
	if b.domain, err = t.boxDomain(name); err != nil {
		return d.blame(err)
	}
	if was == nil || b.moved() {
		if err := t.draftPlace(d, b); err != nil {
			return d.blame(err)
		}
	}
	t.draftRest(d, b, in)
	if err := t.draftQuota(d, b, in); err != nil {
		return err
	}
	d.box = b
	return nil
}

// boxDomain finds the domain of a mailbox, with its administrators.
func (t *Tx) boxDomain(name string) (*rows.Domain, error) {
	var dom rows.Domain
	ok, err := false, error(nil)
	for _, where := range []string{"name = ?", "lower(name) = ?"} { // before 1.10.7 names were not folded
		if ok, err = t.find("SELECT id, name, quota, default_mailbox_quota FROM admin_domain WHERE "+where, []any{name},
			&dom.ID, &dom.Name, &dom.Quota, &dom.MailboxQuota); ok || err != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("No Domain matches the given query.")
	}
	admins, err := t.admins(dom.ID)
	for _, id := range admins {
		dom.Admins = append(dom.Admins, &rows.User{ID: id})
	}
	return &dom, err
}

// draftPlace checks whether a mailbox may be where none of the caller's is yet.
func (t *Tx) draftPlace(d *draft, b *boxDraft) error {
	ok, err := t.sees(DomainObject, b.domain.ID)
	if err == nil && !ok {
		err = invalid("domain", "Permission denied.")
	}
	if err != nil {
		return err
	}
	other, err := t.boxAt(b.local, b.domain.ID)
	if err == nil && other != 0 && (b.was == nil || other != b.was.ID) {
		err = conflict("Mailbox %s already exists", b.address)
	}
	if err == nil && b.was == nil {
		err = t.room("mailboxes", "domain", 1)
	}
	if stays := b.was != nil && b.was.Domain == b.domain.Name; err != nil || stays {
		return err
	}
	return t.domainRoom(b.domain.ID, "mailboxes", "domain", 1)
}

// boxAt returns the mailbox of an address, 0 if there is none.
func (t *Tx) boxAt(local string, domain int64) (int64, error) {
	return t.count("SELECT id FROM admin_mailbox WHERE address = ? AND domain_id = ?", local, domain)
}

// draftRest checks what is not the quota.
func (t *Tx) draftRest(d *draft, b *boxDraft, in *MailboxInput) {
	if in.SendOnly.Set {
		b.columns["is_send_only"] = in.SendOnly.Value
	}
	limit := in.MessageLimit
	if !limit.Set && b.was == nil {
		if p, err := t.parameters(); err == nil {
			if n, ok := p.number("admin", "default_mailbox_message_limit"); ok {
				limit = Some(&n)
			}
		}
	}
	if !limit.Set {
		return
	}
	if limit.Value == nil {
		b.columns["message_limit"] = nil
	} else if inRange(d.f, "mailbox.message_limit", *limit.Value, 0) {
		b.columns["message_limit"] = *limit.Value
	}
}

// inRange reports whether a number is one of 32 bits and not too small, and
// blames the field if not.
func inRange(f fields, field string, n, least int64) bool {
	switch {
	case n < least:
		f.add(field, "Ensure this value is greater than or equal to %d.", least)
	case n > math.MaxInt32:
		f.add(field, "Ensure this value is less than or equal to %d.", math.MaxInt32)
	default:
		return true
	}
	return false
}

// draftQuota decides the quota of a mailbox. Its own and the domain's rule
// exclude each other: a quota that is given beside use_domain_quota does not
// count.
func (t *Tx) draftQuota(d *draft, b *boxDraft, in *MailboxInput) error {
	b.useRule = !in.Quota.Set
	if b.was != nil {
		b.quota, b.useRule = b.was.Quota, b.was.UseDomainQuota && !in.Quota.Set
		if !in.Quota.Set && !in.UseDomainQuota.Set && !b.moved() {
			return nil
		}
	}
	b.useRule = in.UseDomainQuota.Or(b.useRule)
	switch {
	case b.useRule:
		b.quota = b.domain.MailboxQuota
	case in.Quota.Set:
		if !inRange(d.f, "mailbox.quota", in.Quota.Value, 0) {
			return nil
		}
		b.quota = in.Quota.Value
	case b.was == nil:
		d.f.add("mailbox.quota", "This field is required")
		return nil
	}
	if b.was != nil && !b.moved() && b.quota == b.was.Quota {
		return nil
	}
	return d.blame(t.quotaFits(b))
}

// quotaFits is an error if a domain has no such quota to give.
func (t *Tx) quotaFits(b *boxDraft) error {
	if b.domain.Quota == 0 {
		return nil
	}
	if b.quota == 0 {
		return t.unlimitedBox(b)
	}
	if b.was != nil && !b.moved() && b.was.Quota != 0 && b.quota < b.was.Quota {
		return nil
	}
	var mine int64
	if b.was != nil {
		mine = b.was.ID
	}
	var others sql.NullInt64
	_, err := t.find("SELECT sum(quota) FROM admin_mailbox WHERE domain_id = ? AND id <> ?", []any{b.domain.ID, mine}, &others)
	if err == nil && others.Int64+b.quota > b.domain.Quota {
		err = &Error{Kind: Invalid, Text: b.domain.Name + ": domain quota exceeded"}
	}
	return err
}

// unlimitedBox is an error if the caller may not make a mailbox unlimited in a
// domain that is not: only super administrators may, and resellers whose own
// quota has no limit.
func (t *Tx) unlimitedBox(b *boxDraft) error {
	if t.caller.Super() || b.was != nil && b.was.Quota == 0 {
		return nil
	}
	if t.caller.Role == Resellers {
		most, err := t.limitOf(t.caller.ID, "quota")
		if err != nil || most == 0 {
			return err
		}
	}
	return &Error{Kind: Invalid, Text: "A quota is required"}
}
