package manage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// HashPassword checks an input's password and hashes it, or makes a random one,
// so that [Tx.CreateAccount] and its like need not do it while others wait.
// An input without a password is left as it is. The error is an *Error if the
// password is to blame.
func (m *Manager) HashPassword(ctx context.Context, in *AccountInput) error {
	length := 0
	if in.RandomPassword {
		err := m.Read(ctx, Root(), func(t *Tx) (err error) {
			length, err = t.randomLength()
			return err
		})
		if err != nil {
			return err
		}
	}
	return m.hashInput(in, length)
}

// hashInput is HashPassword; length is of a random password.
func (m *Manager) hashInput(in *AccountInput, length int) error {
	switch {
	case in.hashed != "":
		return nil
	case in.RandomPassword:
		in.Password = Some(randomPassword(length))
	case !in.Password.Set:
		return nil
	}
	if why := weakness(in.Password.Value); why != "" {
		return invalid("password", "%s", why)
	}
	var err error
	in.hashed, err = m.hash(in.Username.Value, in.Password.Value, "password")
	return err
}

// hash makes of a clear password what is stored. The error blames a field.
func (m *Manager) hash(username, clear, field string) (string, error) {
	hashed, err := m.o.Hash(username, clear)
	switch {
	case errors.Is(err, password.ErrPassword):
		return "", invalid(field, "This password cannot be stored: it is too long, or has a line break or a NUL byte in it.")
	case err != nil:
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hashed, nil
}

// weakness says why a password is not good enough, "" if it is
// (modoboa/core/password_validation.py, with Modoboa's settings).
func weakness(clear string) string {
	has := func(is func(rune) bool) bool { return strings.ContainsFunc(clear, is) }
	switch {
	case utf8.RuneCountInString(clear) < 8:
		return "This password is too short. It must contain at least 8 characters."
	case !has(unicode.IsDigit):
		return "Password must contain at least 1 digit."
	case !has(unicode.IsLower):
		return "Password must contain at least 1 lowercase letter."
	case !has(unicode.IsUpper):
		return "Password must contain at least 1 uppercase letter."
	}
	return ""
}

// randomLength is how long a random password is to be: what Modoboa is set to,
// but no less than 12.
func (t *Tx) randomLength() (int, error) {
	p, err := t.Parameters()
	if err != nil {
		return 0, err
	}
	n := p.Number(parameters.RandomPasswordLength)
	return int(min(max(n, 12), 128)), nil
}

// passwordLetters lacks what is easily mistaken when copied by eye: 0O 1Il.
const passwordLetters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// randomPassword returns letters and digits that are no weak password.
func randomPassword(length int) string {
	b := make([]byte, length)
	for {
		for i := range b {
			n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(passwordLetters)))) // never fails (crypto/rand)
			b[i] = passwordLetters[n.Int64()]
		}
		if s := string(b); weakness(s) == "" {
			return s
		}
	}
}

// draftPassword decides what is stored as the password of an account.
func (t *Tx) draftPassword(d *draft) error {
	in := d.in
	given := in.Password.Set || in.RandomPassword || in.hashed != ""
	switch {
	case in.outside != nil:
		d.columns["password"], d.columns["is_local"] = "", in.outside.Local
	case d.was != nil && !d.was.Local && (given || in.Hash.Set):
		d.f.add("password", "The password of this account is not kept here but where it came from (LDAP).")
	case in.Hash.Set:
		t.draftHash(d)
	case given:
		length, err := t.randomLength()
		if err != nil {
			return err
		}
		if err := t.m.hashInput(in, length); err != nil {
			return d.blame(err)
		}
		d.columns["password"] = in.hashed
		if in.RandomPassword {
			d.password = in.Password.Value
		}
	case d.was == nil:
		d.f.add("password", "This field is required.")
	}
	return nil
}

// draftHash takes a stored password as it is.
func (t *Tx) draftHash(d *draft) {
	stored := d.in.Hash.Value
	_, err := password.Parse(stored, "")
	switch {
	case !t.caller.Super():
		d.f.add("hash", "Only super administrators may give a hash.")
	case d.in.Password.Set || d.in.RandomPassword:
		d.f.add("hash", "Give a password or a hash, not both.")
	case !strings.HasPrefix(stored, "{") || err != nil:
		d.f.add("hash", "This is no hash that logins can be checked with: {SCHEME}hash is wanted.")
	case t.tables["core_user"].Fits("core_user", "password", stored) != nil:
		d.f.add("hash", "This hash is too long to be stored.")
	default:
		d.columns["password"] = stored
	}
}

// ChangePassword sets a password; old is the one that it replaces, which only
// super administrators may leave out for others. Everyone may change his own.
func (t *Tx) ChangePassword(id int64, old Opt[string], clear string) error {
	a, err := t.Account(id)
	if err != nil {
		return err
	}
	self := a.ID == t.caller.ID && !t.caller.Root
	if !self {
		if err := t.allowAccount(a); err != nil {
			return err
		}
	}
	f := fields{}
	switch {
	case !a.Local:
		f.add("password", "The password of this account is not kept here but where it came from (LDAP).")
	case old.Set:
		right, err := t.passwordIs(a, old.Value)
		if err != nil {
			return err
		}
		if !right {
			f.add("password", "Password not correct")
		}
	case self || !t.caller.Super():
		f.add("password", "This field is required.")
	}
	if why := weakness(clear); why != "" {
		f.add("new_password", "%s", why)
	}
	if err := f.err(); err != nil {
		return err
	}
	hashed, err := t.m.hash(a.Username, clear, "new_password")
	if err != nil {
		return err
	}
	if _, err := t.exec("UPDATE core_user SET password = ? WHERE id = ?", hashed, id); err != nil {
		return err
	}
	return t.log("Password of account %s changed", a.Username)
}

// passwordIs reports whether a password is an account's. One that cannot be
// verified is wrong.
func (t *Tx) passwordIs(a *Account, clear string) (bool, error) {
	var stored string
	if _, err := t.find("SELECT password FROM core_user WHERE id = ?", []any{a.ID}, &stored); err != nil {
		return false, err
	}
	h, err := password.Parse(stored, "CRYPT")
	if err != nil || stored == "" {
		return false, nil
	}
	right, err := h.Verify(a.Username, clear)
	return right && err == nil, nil
}
