package page

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store"
)

// part is a form on the page of an object that changes something beside it.
type part[T any] struct {
	path  string // below the object's page
	title string
	done  string // what to say afterwards
	// form makes it; nil if there is nothing to change, or not for the caller.
	form func(t *manage.Tx, o *T) (*form, error)
	do   func(t *manage.Tx, o *T, f *form) error
}

// partForm is a part as the page shows it.
type partForm struct {
	Title string
	Form  *form

	path string
}

// addParts makes the forms beside an object's own.
func (k *kind[T, I]) addParts(t *manage.Tx, o *T, b *objectPage) error {
	for _, p := range k.parts {
		f, err := p.form(t, o)
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		f.Action = k.at(o) + "/" + p.path
		for _, x := range f.Fields {
			x.within = p.path + "-"
		}
		b.Parts = append(b.Parts, partForm{p.title, f, p.path})
	}
	return nil
}

// changePart carries out a form beside an object's own.
func (k *kind[T, I]) changePart(p *part[T]) func(*visit) error {
	return func(v *visit) error {
		b, id, err := k.page(v)
		if err != nil {
			return err
		}
		var f *form
		for _, x := range b.Parts {
			if x.path == p.path {
				f = x.Form
			}
		}
		if f == nil {
			return errNoPage
		}
		f.fill(v.r.PostForm)
		err = v.write(func(t *manage.Tx) error {
			o, err := k.get(t, id)
			if err != nil {
				return err
			}
			if err := p.do(t, o, f); err != nil || !f.wrong() {
				return err
			}
			return errWrong
		})
		switch {
		case errors.Is(err, errWrong):
			return v.show(http.StatusUnprocessableEntity, b)
		case err != nil:
			return v.again(b, f, err)
		}
		return v.to(k.path+"/"+strconv.FormatInt(id, 10), "%s", p.done)
	}
}

// errWrong takes back what was done for a form that cannot be read.
var errWrong = &manage.Error{Kind: manage.Invalid, Text: "The form cannot be read."}

// senderParts are the further addresses that a mailbox may send as.
func senderParts() []part[manage.Account] {
	return []part[manage.Account]{
		{"sender", "May also send as", "The address is added.", func(t *manage.Tx, a *manage.Account) (*form, error) {
			if a.Mailbox == nil || !t.Caller().May(manage.SenderAddressObject) {
				return nil, nil
			}
			return &form{Submit: "Add the address", Fields: []*field{text("address", "Address", "", "Or @example.org for all of a domain.").required()}}, nil
		}, func(t *manage.Tx, a *manage.Account, f *form) error {
			_, err := t.CreateSenderAddress(manage.SenderAddressInput{Address: f.text("address"), Mailbox: manage.Some(a.Mailbox.ID)})
			return err
		}},
		{"nosender", "May no longer send as", "The address is removed.", func(t *manage.Tx, a *manage.Account) (*form, error) {
			if a.Mailbox == nil || !t.Caller().May(manage.SenderAddressObject) {
				return nil, nil
			}
			found, err := t.SenderAddresses(manage.Query{Mailbox: a.Mailbox.ID})
			var choices []choice
			for _, s := range found.Items {
				choices = append(choices, choice{Value: strconv.FormatInt(s.ID, 10), Label: s.Address})
			}
			if err != nil || len(choices) == 0 {
				return nil, err
			}
			return &form{Submit: "Remove the address", Fields: []*field{selection("id", "Address", "", "", choices...)}}, nil
		}, func(t *manage.Tx, a *manage.Account, f *form) error {
			id := f.number("id").Value
			s, err := t.SenderAddress(id)
			if err != nil {
				return err
			}
			if s.MailboxID != a.Mailbox.ID {
				return errNoPage
			}
			return t.DeleteSenderAddress(id)
		}},
	}
}

// adminParts are who administrates a domain.
func adminParts() []part[manage.Domain] {
	return []part[manage.Domain]{
		{"admin", "Add an administrator", "The administrator is added.", func(t *manage.Tx, _ *manage.Domain) (*form, error) {
			if !t.Caller().May(manage.DomainObject) {
				return nil, nil
			}
			return &form{Submit: "Add", Fields: []*field{text("account", "Account", "", "The login of a domain administrator or reseller.").required()}}, nil
		}, func(t *manage.Tx, d *manage.Domain, f *form) error {
			a, err := t.AccountByName(store.Fold(f.text("account").Value))
			if err != nil {
				return err
			}
			return t.AddDomainAdmin(d.ID, a.ID)
		}},
		{"noadmin", "Remove an administrator", "The administrator is removed.", func(t *manage.Tx, d *manage.Domain) (*form, error) {
			if !t.Caller().May(manage.DomainObject) {
				return nil, nil
			}
			admins, err := t.DomainAdmins(d.ID)
			var choices []choice
			for _, a := range admins {
				choices = append(choices, choice{Value: strconv.FormatInt(a.ID, 10), Label: a.Username})
			}
			if err != nil || len(choices) == 0 {
				return nil, err
			}
			return &form{Submit: "Remove", Fields: []*field{selection("account", "Account", "", "", choices...)}}, nil
		}, func(t *manage.Tx, d *manage.Domain, f *form) error {
			return t.RemoveDomainAdmin(d.ID, f.number("account").Value)
		}},
		{"limits", "Limits of the domain", "The limits are saved.", func(t *manage.Tx, d *manage.Domain) (*form, error) {
			if !t.Caller().May(manage.DomainObject) {
				return nil, nil
			}
			limits, err := t.DomainLimits(d.ID)
			f := limitsForm(limits)
			if f != nil {
				f.Note = "They hold where limits of domains are on (enable_domain_limits in Modoboa's settings)."
			}
			return f, err
		}, func(t *manage.Tx, d *manage.Domain, f *form) error { return t.SetDomainLimits(d.ID, f.limits()) }},
	}
}

// limitPart is how much an administrator may make.
func limitPart() part[manage.Account] {
	return part[manage.Account]{"limits", "Limits", "The limits are saved.", func(t *manage.Tx, a *manage.Account) (*form, error) {
		c := t.Caller()
		if a.Role != manage.DomainAdmins && a.Role != manage.Resellers || c.Role == manage.DomainAdmins || c.ID == a.ID {
			return nil, nil
		}
		limits, err := t.Limits(a.ID)
		return limitsForm(limits), err
	}, func(t *manage.Tx, a *manage.Account, f *form) error { return t.SetLimits(a.ID, f.limits()) }}
}

// limitsForm is nil if there are no limits.
func limitsForm(limits []manage.Limit) *form {
	if len(limits) == 0 {
		return nil
	}
	f := &form{Submit: "Save the limits"}
	for _, l := range limits {
		n, label, help := &l.Max, limitWords[l.Name], "Empty = unlimited."
		if *n < 0 || l.Name == "quota" && *n == 0 {
			n = nil
		}
		if l.Name == "quota" {
			label += " in MB"
		}
		f.Fields = append(f.Fields, limit(l.Name, label, n, help+" Now "+number(l.Used)+"."))
	}
	return f
}

// limits reads limitsForm.
func (f *form) limits() map[string]int64 {
	to := map[string]int64{}
	for _, x := range f.Fields {
		n := f.limit(x.Name)
		switch {
		case !n.Set:
		case n.Value != nil:
			to[x.Name] = *n.Value
		case strings.HasPrefix(x.Name, "quota"):
			to[x.Name] = 0
		default:
			to[x.Name] = -1
		}
	}
	return to
}
