package password

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"golang.org/x/crypto/bcrypt"
)

// Params are what a new hash is to cost. Zero is Modoboa's default.
type Params struct {
	Rounds      int // SHA*-CRYPT 70,000; BLF-CRYPT 12 (a power of two); PBKDF2 5,000; SCRAM 4,096; ARGON2ID 3 passes
	Memory      int // ARGON2ID: KiB, 65,536
	Parallelism int // ARGON2ID: lanes, 4
}

func (p Params) rounds(other int) int {
	if p.Rounds > 0 {
		return p.Rounds
	}
	return other
}

// New makes a stored password.
func New(name, login, password string, p Params) (string, error) {
	s := find(name)
	if s == nil {
		return "", fmt.Errorf("%w %.40q", ErrUnknownScheme, name)
	}
	if s.make == nil {
		return "", fmt.Errorf("%w: new passwords are not stored as %s", ErrUnknownScheme, s.name)
	}
	if strings.ContainsRune(password, 0) {
		return "", fmt.Errorf("%s: a password cannot contain a NUL byte", s.name)
	}
	text, err := s.make(s.name, password, p)
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	return "{" + s.name + "}" + text, nil
}

// NeedsRehash reports whether a password should be stored anew to be in a
// scheme: it is in another one, or costs another number of rounds.
func NeedsRehash(h Hash, scheme string, p Params) bool {
	if !strings.EqualFold(h.scheme.name, scheme) {
		return true
	}
	switch h.scheme.name {
	case "SHA512-CRYPT", "SHA256-CRYPT":
		m := roundsField.FindStringSubmatch(h.text)
		return m == nil || m[1] != fmt.Sprint(p.rounds(shaRounds))
	case "BLF-CRYPT":
		cost, err := bcrypt.Cost([]byte(h.text))
		return err == nil && cost != p.rounds(bcryptCost)
	case "ARGON2ID":
		kib, passes, lanes := p.argon2()
		return !strings.Contains(h.text, fmt.Sprintf("$m=%d,t=%d,p=%d$", kib, passes, lanes))
	}
	return false
}

const (
	shaRounds  = 70000
	bcryptCost = 12
)

func (p Params) argon2() (kib, passes, lanes int) {
	kib, passes, lanes = 65536, p.rounds(3), 4
	if p.Memory > 0 {
		kib = p.Memory
	}
	if p.Parallelism > 0 {
		lanes = p.Parallelism
	}
	return kib, passes, lanes
}

// The make functions get the name of the scheme in place of the login.

func makeArgon2(_, password string, p Params) (string, error) {
	kib, passes, lanes := p.argon2()
	h, err := argon2.New(argon2.WithVariantID(), argon2.WithM(uint32(kib)), argon2.WithT(passes), argon2.WithP(lanes))
	if err != nil {
		return "", err
	}
	d, err := h.Hash(password)
	if err != nil {
		return "", err
	}
	return d.Encode(), nil
}

func makeSHACrypt(name, password string, p Params) (string, error) {
	variant := shacrypt.WithSHA512()
	if name == "SHA256-CRYPT" {
		variant = shacrypt.WithSHA256()
	}
	h, err := shacrypt.New(variant, shacrypt.WithIterations(p.rounds(shaRounds)))
	if err != nil {
		return "", err
	}
	d, err := h.Hash(password)
	if err != nil {
		return "", err
	}
	return d.Encode(), nil
}

func makeBcrypt(_, password string, p Params) (string, error) {
	b, err := bcrypt.GenerateFromPassword([]byte(password[:min(len(password), 72)]), p.rounds(bcryptCost))
	return string(b), err
}

func makePBKDF2(_, password string, p Params) (string, error) {
	salt, rounds := rand.Text()[:16], p.rounds(5000)
	key, err := pbkdf2.Key(sha1.New, password, []byte(salt), rounds, sha1.Size)
	return fmt.Sprintf("$1$%s$%d$%x", salt, rounds, key), err
}

func makeSCRAM(name, password string, p Params) (string, error) {
	salt := random(16)
	stored, server, err := scramKeys(scramHash(name), password, salt, p.rounds(4096))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%d,%s,%s,%s", p.rounds(4096), b64(salt), b64(stored), b64(server)), err
}

func digestOf(name string) hash.Hash {
	switch strings.TrimPrefix(name, "S") {
	case "SHA512", "HA512":
		return sha512.New()
	case "SHA256", "HA256":
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
