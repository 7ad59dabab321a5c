package manage

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"unicode"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// draft is an account as an input wants it, checked but not written.
type draft struct {
	was      *Account // nil: it is new
	in       *AccountInput
	name     string
	role     Role
	active   bool
	columns  rows.Columns // of core_user, those that are given
	password string       // that was made at random
	box      *boxDraft    // nil: there is none, or it stays as it is
	dropBox  bool
	domains  []*rows.Domain // to administrate, if in.Domains is set
	aliases  []aliasDraft

	f       fields
	err     error // what is wrong with none of the fields
	limited bool  // a limit is reached
}

// draft checks an input as a whole, so that all that is wrong with it is told
// at once. was is nil for a new account.
func (t *Tx) draft(was *Account, in *AccountInput) (*draft, error) {
	d := &draft{was: was, in: in, columns: rows.Columns{}, f: fields{}}
	for _, check := range []func(*draft) error{
		t.draftName, t.draftRole, t.draftActive, t.draftMaster, t.draftTexts,
		t.draftMailbox, t.draftDomains, t.draftAliases, t.draftPassword,
	} {
		if err := check(d); err != nil {
			return nil, err
		}
	}
	if len(d.f) > 0 {
		return nil, &Error{Kind: Invalid, Fields: d.f, Limit: d.limited}
	}
	return d, d.err
}

// blame keeps an error that the input is to blame for and returns any other.
func (d *draft) blame(err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Kind == Invalid && e.Text == "" {
		for field, texts := range e.Fields {
			d.f[field] = append(d.f[field], texts...)
		}
		d.limited = d.limited || e.Limit
		return nil
	}
	d.err = cmp.Or(d.err, err)
	return nil
}

func (t *Tx) draftName(d *draft) error {
	if !d.in.Username.Set {
		if d.was == nil {
			d.f.add("username", "This field is required.")
		} else {
			d.name = d.was.Username
		}
		return nil
	}
	d.name = store.Fold(strings.TrimSpace(d.in.Username.Value))
	if d.was != nil && d.name == store.Fold(d.was.Username) {
		d.name = d.was.Username
		return nil
	}
	switch {
	case d.name == "":
		d.f.add("username", "This field may not be blank.")
		return nil
	case strings.ContainsFunc(d.name, unicode.IsSpace):
		d.f.add("username", "There may be no blank in it.")
		return nil
	}
	if !t.fits(d.f, "username", "core_user", "username", d.name) {
		return nil
	}
	id, err := t.accountID(d.name)
	if err == nil && id != 0 && (d.was == nil || id != d.was.ID) {
		d.f.add("username", "user with this username already exists.")
	}
	d.columns["username"] = d.name
	return err
}

// fits reports whether a text can be stored in a column, and blames the field
// if not.
func (t *Tx) fits(f fields, field, table, column, text string) bool {
	if err := t.tables[table].Fits(table, column, text); err != nil {
		f.add(field, "%v", err)
		return false
	}
	return true
}

var languageCode = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,4})?$`)

// draftTexts checks what is written about a person.
func (t *Tx) draftTexts(d *draft) error {
	in := d.in
	for _, text := range []struct {
		field, column string
		value         Opt[string]
		wrong         string // what to say of one that is not right
		right         func(string) bool
	}{
		{"first_name", "first_name", in.FirstName, "", nil},
		{"last_name", "last_name", in.LastName, "", nil},
		{"language", "language", in.Language, "\"%s\" is not a valid choice.", languageCode.MatchString},
		{"phone_number", "phone_number", in.Phone, "The phone number entered is not valid.", isPhone},
		{"secondary_email", "secondary_email", in.SecondaryEmail, "Enter a valid email address.", isAddress},
	} {
		if !text.value.Set {
			continue
		}
		s := strings.TrimSpace(text.value.Value)
		if !t.fits(d.f, text.field, "core_user", text.column, s) {
			continue
		}
		optional := text.field == "phone_number" || text.field == "secondary_email"
		switch {
		case s == "" && optional:
			d.columns[text.column] = nil
		case text.right != nil && !text.right(s):
			wrong := text.wrong
			if strings.Contains(wrong, "%s") {
				d.f.add(text.field, wrong, rows.Shown(s))
			} else {
				d.f.add(text.field, "%s", wrong)
			}
		default:
			d.columns[text.column] = s
		}
	}
	return nil
}

// isPhone reports whether a text can be a telephone number: three digits or
// more, with what people write between them.
func isPhone(s string) bool {
	digits := 0
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '+' && i == 0, strings.ContainsRune(" -./()", r):
		default:
			return false
		}
	}
	return digits >= 3 && digits <= 20
}

// isAddress reports whether a text can be a mail address.
func isAddress(s string) bool {
	local, _, err := rows.SplitAddress(s)
	return err == nil && local != ""
}
