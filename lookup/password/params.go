package password

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Params are what a new hash is to cost. Zero is Modoboa's default.
type Params struct {
	Rounds      int // SHA*-CRYPT 70,000; BLF-CRYPT 12 (a power of two); PBKDF2 5,000; SCRAM 4,096; ARGON2ID 3 passes
	Memory      int // ARGON2ID: KiB, 65,536
	Parallelism int // ARGON2ID: lanes, 4
}

// What is used where Params has zero. Dovecot takes no less of SCRAM (RFC 7677
// section 4).
const (
	shaRounds    = 70000
	bcryptCost   = 12
	pbkdf2Rounds = 5000
	scramRounds  = 4096
)

func (p Params) rounds(other int) int {
	if p.Rounds != 0 {
		return p.Rounds
	}
	return other
}

func (p Params) argon2() (kib, passes, lanes int) {
	kib, passes, lanes = 65536, p.rounds(3), 4
	if p.Memory != 0 {
		kib = p.Memory
	}
	if p.Parallelism != 0 {
		lanes = p.Parallelism
	}
	return kib, passes, lanes
}

// CheckParams reports whether New can make such hashes: its error is
// ErrUnknownScheme or ErrParams, wrapped.
func CheckParams(scheme string, p Params) error {
	s := find(scheme)
	if s == nil {
		return fmt.Errorf("%w%s", ErrUnknownScheme, showName(scheme))
	}
	if s.make == nil {
		return fmt.Errorf("%w: new passwords are not stored as %s", ErrUnknownScheme, s.name)
	}
	return p.check(s.name)
}

// check compares with what Parse takes.
func (p Params) check(scheme string) error {
	between := func(n, least, most int, what string) error {
		if n < least || n > most {
			return fmt.Errorf("%w: %s %d: want %d to %d", ErrParams, what, n, least, most)
		}
		return nil
	}
	switch scheme {
	case "SHA512-CRYPT", "SHA256-CRYPT":
		return between(p.rounds(shaRounds), minSHARounds, maxRounds, "rounds")
	case "BLF-CRYPT":
		return between(p.rounds(bcryptCost), bcrypt.MinCost, maxBcryptCost, "cost")
	case "PBKDF2":
		return between(p.rounds(pbkdf2Rounds), 1, maxIterations, "rounds")
	case "SCRAM-SHA-1", "SCRAM-SHA-256":
		return between(p.rounds(scramRounds), scramRounds, maxIterations, "rounds")
	case "ARGON2ID":
		kib, passes, lanes := p.argon2()
		if err := between(lanes, 1, 255, "parallelism"); err != nil {
			return err
		}
		if err := between(kib, 8*lanes, maxMemory>>10, "memory"); err != nil {
			return err
		}
		return between(passes, 1, maxArgon2Work/kib, "passes")
	}
	return nil
}

// ParseParams reads a scheme with what its hashes are to cost, such as
// SHA512-CRYPT:rounds=70000, PBKDF2:rounds=5000, BLF-CRYPT:cost=12 or
// ARGON2ID:m=65536,t=3,p=4 (KiB, passes and lanes). What is left out has its
// default. The error is that of CheckParams.
func ParseParams(text string) (scheme string, p Params, err error) {
	scheme, list, more := strings.Cut(text, ":")
	if err := CheckParams(scheme, Params{}); err != nil {
		return "", Params{}, err
	}
	for more {
		var one string
		one, list, more = strings.Cut(list, ",")
		name, value, _ := strings.Cut(one, "=")
		to := p.named(find(scheme).name, name)
		if to == nil {
			return "", Params{}, fmt.Errorf("%w: %s has no parameter %q", ErrParams, find(scheme).name, name)
		}
		n, err := strconv.Atoi(value)
		switch {
		case err != nil || n < 1:
			return "", Params{}, fmt.Errorf("%w: %q: want %s=NUMBER", ErrParams, one, name)
		case *to != 0:
			return "", Params{}, fmt.Errorf("%w: %s is given twice", ErrParams, name)
		}
		*to = n
	}
	return scheme, p, CheckParams(scheme, p)
}

// named finds the field that a parameter of a scheme sets, nil if there is no
// such parameter.
func (p *Params) named(scheme, name string) *int {
	switch scheme {
	case "BLF-CRYPT":
		return map[string]*int{"cost": &p.Rounds}[name]
	case "ARGON2ID":
		return map[string]*int{"m": &p.Memory, "t": &p.Rounds, "p": &p.Parallelism}[name]
	case "SHA512-CRYPT", "SHA256-CRYPT", "PBKDF2", "SCRAM-SHA-1", "SCRAM-SHA-256":
		return map[string]*int{"rounds": &p.Rounds}[name]
	}
	return nil
}

// NeedsRehash reports whether a password should be stored anew to be in a
// scheme: it is in another one, or its cost is another.
func NeedsRehash(h Hash, scheme string, p Params) bool {
	if !strings.EqualFold(h.scheme.name, scheme) {
		return true
	}
	switch h.scheme.name {
	case "SHA512-CRYPT", "SHA256-CRYPT", "BLF-CRYPT":
		return needsCrypt(h, p)
	case "PBKDF2":
		_, n, _, err := pbkdf2Parts(h)
		return err != nil || n != p.rounds(pbkdf2Rounds)
	case "SCRAM-SHA-1", "SCRAM-SHA-256":
		s, err := scramParts(h)
		return err != nil || s.rounds != p.rounds(scramRounds)
	case "ARGON2ID":
		kib, passes, lanes := p.argon2()
		a, err := argon2Parts(h.text)
		return err != nil || !a.id || int(a.kib) != kib || int(a.passes) != passes || int(a.lanes) != lanes
	}
	return false
}

// needsCrypt is NeedsRehash for the schemes of crypt(3), whose texts may be of
// another one than their names say.
func needsCrypt(h Hash, p Params) bool {
	f, field, err := cryptForm(h.text)
	if err != nil {
		return true
	}
	switch {
	case h.scheme.name == "SHA512-CRYPT" && f.begins == "$6$", h.scheme.name == "SHA256-CRYPT" && f.begins == "$5$":
		return shaRoundsOf(field[1]) != p.rounds(shaRounds)
	case h.scheme.name == "BLF-CRYPT" && f.begins == "$2":
		cost, err := bcrypt.Cost([]byte(h.text))
		return err != nil || cost != p.rounds(bcryptCost)
	}
	return true
}
