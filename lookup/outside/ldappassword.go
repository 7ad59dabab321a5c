package outside

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"
)

// change stores a password: as its owner, who has the old one, and where the
// directory does not let him, or there is no old one, as the bind DN.
func (d *directory) change(ctx context.Context, login, old, clear string) error {
	if clear == "" {
		return errors.New("an empty password is none")
	}
	if d.l.ActiveDirectory && d.l.Security == Plain {
		return errors.New("new passwords go to Active Directory over TLS alone: set ldap_secured")
	}
	return d.ask(ctx, func(c *ldapConn) error {
		if old == "" {
			return d.reset(c, login, clear)
		}
		e, err := d.bindUser(c, login, old)
		if err != nil {
			return err
		}
		m, err := d.own(e.DN, login, old, clear)
		if err != nil {
			return err
		}
		err = c.Modify(m)
		if ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) && d.l.BindDN != "" {
			return d.reset(c, login, clear)
		}
		return modified(err)
	})
}

// reset stores a password as the bind DN.
func (d *directory) reset(c *ldapConn, login, clear string) error {
	if d.l.BindDN == "" {
		return fmt.Errorf("%w: there is no bind DN, who could set a password without the old one", ErrNoChange)
	}
	e, err := d.locate(c, login)
	if errors.Is(err, ErrWrong) {
		return fmt.Errorf("the directory has no entry for %s, or several", login)
	}
	if err == nil {
		err = d.bindService(c) // nothing to do where it has searched
	}
	if err != nil {
		return err
	}
	attribute, value, err := d.stored(login, clear)
	if err != nil {
		return err
	}
	m := ldap.NewModifyRequest(e.DN, nil)
	m.Replace(attribute, []string{value})
	return modified(c.Modify(m))
}

// own is how an owner changes his password. Active Directory wants the old value
// deleted and the new one added in one step; a replacement is an administrator's
// there.
func (d *directory) own(dn, login, old, clear string) (*ldap.ModifyRequest, error) {
	attribute, value, err := d.stored(login, clear)
	if err != nil {
		return nil, err
	}
	m := ldap.NewModifyRequest(dn, nil)
	if d.l.ActiveDirectory {
		m.Delete(attribute, []string{unicodePassword(old)})
		m.Add(attribute, []string{value})
	} else {
		m.Replace(attribute, []string{value})
	}
	return m, nil
}

// stored is what is written, and where.
func (d *directory) stored(login, clear string) (attribute, value string, err error) {
	if d.l.ActiveDirectory {
		return "unicodePwd", unicodePassword(clear), nil
	}
	attribute = d.l.PasswordAttribute
	if attribute == "" {
		attribute = "userPassword"
	}
	if d.hash == nil {
		return "", "", errors.New("nobody can hash the password")
	}
	hashed, err := d.hash(login, clear)
	if err != nil {
		return "", "", fmt.Errorf("hash the password: %w", err)
	}
	value, err = directoryHash(hashed)
	return attribute, value, err
}

// directoryHash writes a hash of Dovecot's as directories do (RFC 2307, section
// 5.3): what crypt(3) knows is {CRYPT} there.
func directoryHash(stored string) (string, error) {
	scheme, hash, ok := strings.Cut(strings.TrimPrefix(stored, "{"), "}")
	if !ok {
		return "", errors.New("the hash names no scheme")
	}
	switch scheme {
	case "SHA512-CRYPT", "SHA256-CRYPT", "MD5-CRYPT", "BLF-CRYPT", "CRYPT":
		return "{CRYPT}" + hash, nil
	case "SSHA", "SSHA256", "SSHA512":
		return stored, nil
	case "ARGON2ID", "ARGON2I":
		return "{ARGON2}" + hash, nil
	}
	return "", fmt.Errorf("directories know no scheme %s: use SHA512-CRYPT for new passwords", scheme)
}

// unicodePassword is the form of Active Directory: in quotes, UTF-16, the low byte
// first.
func unicodePassword(clear string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(`"` + clear + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// ErrRefused says that the directory does not take a new password: too short,
// used before, too soon.
var ErrRefused = errors.New("the directory does not take this password")

// modified says what came of a modify.
func modified(err error) error {
	var e *ldap.Error
	switch {
	case err == nil:
		return nil
	case ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) && errors.As(err, &e):
		return fmt.Errorf("%w: %w", ErrRefused, e.Err)
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights):
		return fmt.Errorf("%w: neither he nor the bind DN may write it", ErrNoChange)
	}
	return failure("change the password", err)
}
