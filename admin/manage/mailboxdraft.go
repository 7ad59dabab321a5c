package manage

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
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

// stays reports whether the mailbox keeps its address.
func (b *boxDraft) stays() bool { return b.was != nil && !b.moved() }

// draftMailbox checks what is asked of an account's mailbox. A SimpleUser has
// one whose address is his login; of the others who has none gets none unless
// it is asked for.
func (t *Tx) draftMailbox(d *draft) error {
	if d.in.noBox {
		return nil
	}
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
	field := "mailbox.full_address"
	if d.role == SimpleUsers {
		field = "username"
	}
	if !isAddress(b.address) {
		if len(d.f[field]) == 0 {
			d.f.add(field, "Enter a valid email address.")
		}
		return nil
	}
	local, name, _ := rows.SplitAddress(b.address)
	b.local = local
	if !b.stays() && !fitForBox(d.f, field, local) {
		return nil
	}
	if !t.fits(d.f, "mailbox.full_address", "admin_mailbox", "address", local) || !t.fits(d.f, "mailbox.full_address", "core_user", "email", b.address) {
		return nil
	}
	if b.stays() {
		name = was.Domain
	}
	var err error
	if b.domain, err = t.boxDomain(name); err != nil {
		return d.blame(err)
	}
	if !b.stays() {
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

// fitForBox reports whether mail of a local part can lie in a folder of its
// name, and blames the field if not. Its length is that of RFC 5321, section
// 4.5.3.1.1.
func fitForBox(f fields, field, local string) bool {
	switch {
	case strings.Contains(local, "/"), local == ".", local == "..":
		f.add(field, "There may be no \"/\" in the address of a mailbox, and no dot alone before the \"@\".")
	case utf8.RuneCountInString(local) > 64:
		f.add(field, "The left part of an email address can't be more than 64 characters.")
	default:
		return true
	}
	return false
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
		return nil, notFound("There is no domain %s: make it first.", name)
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
		if p, err := t.Parameters(); err == nil {
			if n, ok := p.Optional(parameters.DefaultMailboxMessageLimit); ok {
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
