package password

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/md4" //nolint:staticcheck // stored passwords are what they are
)

// Bounds of what may be verified: some ten seconds, and a gigabyte.
const (
	maxRounds     = 10_000_000 // of the SHA-crypts, SHA-1 and MD5
	maxBcryptCost = 15
	maxMemory     = 1 << 30
)

var roundsField = regexp.MustCompile(`^\$(?:5|6)\$rounds=(\d+)\$|^\$sha1\$(\d+)\$|^\$md5,rounds=(\d+)\$`)

// checkCrypt tells what a hash of crypt(3) costs.
func checkCrypt(h *Hash) (Cost, error) {
	text := h.text
	switch {
	case strings.HasPrefix(text, "$2"):
		cost, err := bcrypt.Cost([]byte(text))
		if err != nil {
			return Cost{}, fmt.Errorf("%w: not bcrypt", ErrMalformed)
		}
		if cost > maxBcryptCost {
			return Cost{}, fmt.Errorf("%w: cost %d", ErrTooDear, cost)
		}
	case strings.HasPrefix(text, "$y$"):
		return Cost{Memory: 64 << 20}, nil
	case strings.HasPrefix(text, "$7$"):
		n, r, _, _, _, err := scryptParts(text)
		return Cost{Memory: 128 * int64(n) * int64(r)}, err
	case strings.HasPrefix(text, "$"):
		for _, m := range roundsField.FindStringSubmatch(text) {
			if n, err := strconv.ParseUint(m, 10, 64); err == nil && n > maxRounds {
				return Cost{}, fmt.Errorf("%w: %d rounds", ErrTooDear, n)
			}
		}
	}
	return Cost{}, nil
}

var argon2Fields = regexp.MustCompile(`^\$argon2(?:i|d|id)\$v=\d+\$m=(\d+),t=(\d+),p=(\d+)\$`)

// checkArgon2 reads the costs of Argon2: KiB, passes, lanes.
func checkArgon2(h *Hash) (Cost, error) {
	m := argon2Fields.FindStringSubmatch(h.text)
	if m == nil {
		return Cost{}, fmt.Errorf("%w: not an encoded Argon2 hash", ErrMalformed)
	}
	kib, err1 := strconv.ParseInt(m[1], 10, 32)
	passes, err2 := strconv.ParseInt(m[2], 10, 32)
	_, err3 := strconv.ParseUint(m[3], 10, 8)
	if err1 != nil || err2 != nil || err3 != nil || kib<<10 > maxMemory || kib*passes > 10<<20 {
		return Cost{}, fmt.Errorf("%w: %s KiB, %s passes", ErrTooDear, m[1], m[2])
	}
	return Cost{Memory: kib << 10}, nil
}

// verifyModular verifies hashes that say in themselves what they are.
func verifyModular(h *Hash, _, password string) (bool, error) {
	text := h.text
	password, _, _ = strings.Cut(password, "\x00") // as C does
	switch {
	case strings.HasPrefix(text, "$2"):
		return verifyBcrypt(text, password)
	case strings.HasPrefix(text, "$7$"):
		return verifyScrypt(text, password)
	case strings.HasPrefix(text, "$3$$"):
		return verifyNTHash(text, password)
	case !strings.HasPrefix(text, "$"):
		return verifyDES(text, password)
	case strings.HasPrefix(text, "$gy$"):
		return false, fmt.Errorf("%w: gost-yescrypt cannot be verified here", ErrUnknownScheme)
	}
	decoder, err := crypt.NewDecoderAll()
	if err != nil {
		return false, err
	}
	d, err := decoder.Decode(text)
	if err != nil {
		return false, fmt.Errorf("%w: no hash of crypt(3)", ErrMalformed)
	}
	return d.MatchAdvanced(password)
}

// verifyBcrypt verifies bcrypt, which looks at 72 bytes alone.
func verifyBcrypt(text, password string) (bool, error) {
	err := bcrypt.CompareHashAndPassword([]byte(text), []byte(password[:min(len(password), 72)]))
	if err == bcrypt.ErrMismatchedHashAndPassword {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: not bcrypt", ErrMalformed)
	}
	return true, nil
}

// verifyNTHash verifies NTHASH: MD4 of the password in UTF-16, as libxcrypt
// makes that, byte by byte (lib/crypt-nthash.c).
func verifyNTHash(text, password string) (bool, error) {
	want, err := hex.DecodeString(text[len("$3$$"):])
	if err != nil || len(want) != md4.Size {
		return false, fmt.Errorf("%w: not a digest of 16 bytes", ErrMalformed)
	}
	d := md4.New()
	for i := range len(password) {
		d.Write([]byte{password[i], 0})
	}
	return same(string(d.Sum(nil)), string(want)), nil
}
