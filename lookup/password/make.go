package password

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// ErrParams says that a new hash would be too cheap, or that nobody could
// verify it; ErrPassword that the scheme cannot store such a password.
var (
	ErrParams   = errors.New("the parameters for new password hashes are wrong")
	ErrPassword = errors.New("such a password cannot be stored")
)

// New makes a stored password in the named scheme, which Parse then takes. The
// error is ErrUnknownScheme, ErrParams or ErrPassword, wrapped. Of bcrypt's
// passwords the first 72 bytes count.
func New(name, login, password string, p Params) (string, error) {
	s := find(name)
	if s == nil {
		return "", fmt.Errorf("%w%s", ErrUnknownScheme, showName(name))
	}
	if s.make == nil {
		return "", fmt.Errorf("%w: new passwords are not stored as %s", ErrUnknownScheme, s.name)
	}
	if err := p.check(s.name); err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	if strings.ContainsAny(password, "\x00\r\n") {
		return "", fmt.Errorf("%s: %w: it contains a NUL byte or a line break", s.name, ErrPassword)
	}
	if len(password) > maxPassword {
		return "", fmt.Errorf("%s: %w: it has more than %d bytes", s.name, ErrPassword, maxPassword)
	}
	text, err := s.make(s.name, password, p)
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	return "{" + s.name + "}" + text, nil
}

// The make functions get the name of the scheme in place of the login.

func makeArgon2(_, password string, p Params) (string, error) {
	kib, passes, lanes := p.argon2()
	a := argon2Hash{id: true, kib: uint32(kib), passes: uint32(passes), lanes: uint8(lanes), salt: random(16), digest: make([]byte, 32)}
	a.digest = a.of(password)
	return a.encode(), nil
}

func makeBcrypt(_, password string, p Params) (string, error) {
	b, err := bcrypt.GenerateFromPassword([]byte(password[:min(len(password), 72)]), p.rounds(bcryptCost))
	return string(b), err
}

func makePBKDF2(_, password string, p Params) (string, error) {
	salt, rounds := rand.Text()[:16], p.rounds(pbkdf2Rounds)
	key, err := pbkdf2.Key(sha1.New, password, []byte(salt), rounds, sha1.Size)
	return fmt.Sprintf("$1$%s$%d$%x", salt, rounds, key), err
}

func makeSCRAM(name, password string, p Params) (string, error) {
	salt := random(16)
	stored, server, err := scramKeys(scramHash(name), password, salt, p.rounds(scramRounds))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%d,%s,%s,%s", p.rounds(scramRounds), b64(salt), b64(stored), b64(server)), err
}

// digestOf is the hash of SHA*, SSHA*.
func digestOf(name string) hash.Hash {
	switch {
	case strings.HasSuffix(name, "512"):
		return sha512.New()
	case strings.HasSuffix(name, "256"):
		return sha256.New()
	}
	return sha1.New()
}

func makeSalted(name, password string, _ Params) (string, error) {
	salt, d := random(8), digestOf(name)
	d.Write([]byte(password))
	d.Write(salt)
	return base64.StdEncoding.EncodeToString(append(d.Sum(nil), salt...)), nil
}

func makeDigest(name, password string, _ Params) (string, error) {
	d := digestOf(name)
	d.Write([]byte(password))
	return base64.StdEncoding.EncodeToString(d.Sum(nil)), nil
}

func makeCRAM(_, password string, _ Params) (string, error) {
	return hex.EncodeToString([]byte(cramStates(password))), nil
}

func makePlain(_, password string, _ Params) (string, error) { return password, nil }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}
