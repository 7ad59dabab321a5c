package password

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Hash is a stored password, ready to be verified.
type Hash struct {
	scheme *scheme
	text   string // decoded, if it was encoded
	cost   Cost
}

// Cost is what it takes to verify a password.
type Cost struct {
	Cheap  bool  // some microseconds at most
	Memory int64 // bytes
	Lanes  int   // processors that work on it at once; 0 is 1
}

// Errors of Parse and New, wrapped.
var (
	ErrUnknownScheme = errors.New("unknown password scheme")
	ErrMalformed     = errors.New("malformed password hash")
	ErrTooDear       = errors.New("the password hash takes too much time or memory to verify")
)

// scheme is one way to store passwords.
type scheme struct {
	name   string
	weak   bool // Dovecot 2.4 refuses it unless told otherwise
	dear   bool
	size   int  // bytes of the digest, if it is encoded
	salted bool // more bytes follow the digest
	verify func(h Hash, login, password string) (bool, error)
	make   func(login, password string, p Params) (string, error)
	check  func(h Hash) (Cost, error) // of what is not a mere digest
}

// Scheme describes one scheme to people.
type Scheme struct {
	Name  string
	Weak  bool // Dovecot 2.4 refuses it unless told otherwise
	Cheap bool // to guess as well
	Makes bool // New can make it
}

// Schemes lists the schemes.
func Schemes() []Scheme {
	list := make([]Scheme, 0, 40)
	for _, s := range schemes() {
		list = append(list, Scheme{Name: s.name, Weak: s.weak, Cheap: !s.dear, Makes: s.make != nil})
	}
	return list
}

// Known reports whether Parse takes hashes of a scheme, whose name may be in
// small letters and may end with an encoding, as in SHA256.hex.
func Known(name string) bool {
	name, encoding, encoded := strings.Cut(name, ".")
	return find(name) != nil && (!encoded || knownEncoding(encoding))
}

func knownEncoding(name string) bool {
	switch strings.ToLower(name) {
	case "hex", "b64", "base64":
		return true
	}
	return false
}

func find(name string) *scheme { return byName()[strings.ToUpper(name)] }

// Parse reads a stored password. defaultScheme is the scheme of those that name
// none, such as CRYPT. The error is ErrUnknownScheme, ErrMalformed or
// ErrTooDear, wrapped: whatever Parse takes Verify can verify.
func Parse(stored, defaultScheme string) (Hash, error) {
	name, text := split(stored, defaultScheme)
	name, encoding, _ := strings.Cut(name, ".")
	s := find(name)
	if s == nil {
		return Hash{}, fmt.Errorf("%w%s: set a new password", ErrUnknownScheme, showName(name))
	}
	h := Hash{scheme: s, text: text, cost: Cost{Cheap: !s.dear}}
	if err := h.decode(strings.ToLower(encoding)); err != nil {
		return Hash{}, fmt.Errorf("%s: %w: set a new password", s.name, err)
	}
	if s.check != nil {
		var err error
		if h.cost, err = s.check(h); err != nil {
			return Hash{}, fmt.Errorf("%s: %w: set a new password", s.name, err)
		}
	}
	return h, nil
}

// Dear reports whether Parse may find that verifying a stored password takes long.
func Dear(stored, defaultScheme string) bool {
	name, _ := split(stored, defaultScheme)
	name, _, _ = strings.Cut(name, ".")
	s := find(name)
	return s != nil && (s.dear || s.check != nil)
}

// split finds the name of the scheme, with its encoding, and what follows it
// (password_get_scheme in Dovecot's src/auth/password-scheme.c).
func split(stored, defaultScheme string) (name, text string) {
	if rest, ok := strings.CutPrefix(stored, "{"); ok {
		if name, text, ok = strings.Cut(rest, "}"); ok {
			return name, text
		}
	}
	if strings.HasPrefix(stored, "$1$") {
		// A field after the digest, as some old passwd files have, is ignored.
		if f := strings.SplitN(stored, "$", 5); len(f) == 5 {
			stored = strings.Join(f[:4], "$")
		}
		return "MD5-CRYPT", stored
	}
	return defaultScheme, stored
}

// showName is a name for an error, if it looks like one: what is between braces
// may be the beginning of a password that is stored without a scheme.
func showName(name string) string {
	if len(name) == 0 || len(name) > 24 || strings.Trim(strings.ToUpper(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return ""
	}
	return " " + strings.ToUpper(name)
}

// decode brings an encoded hash to bytes.
func (h *Hash) decode(encoding string) error {
	if encoding == "" && h.scheme.size > 0 {
		encoding = "b64"
		if len(h.text) == 2*h.scheme.size && !h.scheme.salted {
			encoding = "hex"
		}
	}
	var raw []byte
	var err error
	switch encoding {
	case "":
		return nil
	case "hex":
		raw, err = hex.DecodeString(h.text)
	case "b64", "base64":
		if raw, err = base64.StdEncoding.DecodeString(h.text); err != nil {
			raw, err = base64.RawStdEncoding.DecodeString(h.text)
		}
	default:
		return fmt.Errorf("%w: an encoding that is none of b64, base64 and hex", ErrUnknownScheme)
	}
	switch size := h.scheme.size; {
	case err != nil:
		return fmt.Errorf("%w: not in the encoding that it should have", ErrMalformed)
	case h.scheme.salted && len(raw) <= size:
		return fmt.Errorf("%w: not a digest of %d bytes and a salt", ErrMalformed, size)
	case size > 0 && len(raw) != size && !h.scheme.salted:
		return fmt.Errorf("%w: not a digest of %d bytes", ErrMalformed, size)
	}
	h.text = string(raw)
	return nil
}

// Scheme names the scheme, in capitals and without encoding.
func (h Hash) Scheme() string { return h.scheme.name }

// Weak reports whether Dovecot 2.4 refuses such a hash unless told otherwise.
func (h Hash) Weak() bool {
	return h.scheme.weak || h.scheme.name == "CRYPT" && (!strings.HasPrefix(h.text, "$") || strings.HasPrefix(h.text, "$1$"))
}

// Cost tells what Verify takes.
func (h Hash) Cost() Cost { return h.cost }

// Verify reports whether a password fits. The login is a part of some hashes.
// An error says that the hash cannot be verified, not that the password is
// wrong.
func (h Hash) Verify(login, password string) (right bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			right, err = false, fmt.Errorf("%s: verifying a password panicked%s", h.scheme.name, showPanic(p))
		}
	}()
	if right, err = h.scheme.verify(h, login, password); err != nil {
		return false, fmt.Errorf("%s: %w", h.scheme.name, err)
	}
	return right, nil
}

// showPanic tells what the runtime says; other panics could hold anything.
func showPanic(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return ": " + err.Error()
	}
	return ""
}
