package password

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
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
	verify func(h *Hash, login, password string) (bool, error)
	make   func(login, password string, p Params) (string, error)
	check  func(h *Hash) (Cost, error) // of dear ones
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

func find(name string) *scheme {
	name = strings.ToUpper(name)
	for _, s := range schemes() {
		if s.name == name {
			return &s
		}
	}
	return nil
}

// Parse reads a stored password. defaultScheme is the scheme of those that name
// none, such as CRYPT.
func Parse(stored, defaultScheme string) (Hash, error) {
	name, text := defaultScheme, stored
	if rest, ok := strings.CutPrefix(stored, "{"); ok {
		if n, t, ok := strings.Cut(rest, "}"); ok {
			name, text = n, t
		}
	} else if strings.HasPrefix(stored, "$1$") {
		name = "MD5-CRYPT"
	}
	name, encoding, _ := strings.Cut(name, ".")
	s := find(name)
	if s == nil {
		return Hash{}, fmt.Errorf("%w %.40q: set a new password", ErrUnknownScheme, name)
	}
	h := Hash{scheme: s, text: text, cost: Cost{Cheap: !s.dear}}
	if err := h.decode(strings.ToLower(encoding)); err != nil {
		return Hash{}, fmt.Errorf("%s: %w: set a new password", s.name, err)
	}
	if s.check != nil {
		var err error
		if h.cost, err = s.check(&h); err != nil {
			return Hash{}, fmt.Errorf("%s: %w: set a new password", s.name, err)
		}
	}
	return h, nil
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
		return fmt.Errorf("%w: unknown encoding %.20q", ErrMalformed, encoding)
	}
	if err != nil || h.scheme.size > 0 && (len(raw) < h.scheme.size || len(raw) > h.scheme.size && !h.scheme.salted) {
		return fmt.Errorf("%w: not a digest of %d bytes", ErrMalformed, h.scheme.size)
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
func (h Hash) Verify(login, password string) (right bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			right, err = false, fmt.Errorf("%s: verifying a password panicked: %v", h.scheme.name, p)
		}
	}()
	if right, err = h.scheme.verify(&h, login, password); err != nil {
		return false, fmt.Errorf("%s: %w", h.scheme.name, err)
	}
	return right, nil
}
