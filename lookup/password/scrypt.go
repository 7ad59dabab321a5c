package password

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// scryptParts takes apart what crypt(5) calls scrypt, $7$ N r p SALT $ DIGEST: N
// is one character, the logarithm; r and p are five each, the low bits first.
func scryptParts(text string) (n, r, p int, salt, digest string, err error) {
	const fixed = len("$7$") + 11
	if len(text) < fixed || !desText(text[3:fixed]) {
		return 0, 0, 0, "", "", fmt.Errorf("%w: not scrypt", ErrMalformed)
	}
	log, r, p := desNumber(text[3:4]), desNumber(text[4:9]), desNumber(text[9:14])
	salt, digest, ok := strings.Cut(text[fixed:], "$")
	if !ok || log < 1 || r < 1 || p < 1 {
		return 0, 0, 0, "", "", fmt.Errorf("%w: not scrypt", ErrMalformed)
	}
	if log > 30 || r > 1<<20 || p > 16 || int64(128*r)<<log > maxMemory {
		return 0, 0, 0, "", "", fmt.Errorf("%w: N=2^%d, r=%d, p=%d", ErrTooDear, log, r, p)
	}
	return 1 << log, r, p, salt, digest, nil
}

func verifyScrypt(text, password string) (bool, error) {
	n, r, p, salt, digest, err := scryptParts(text)
	if err != nil {
		return false, err
	}
	key, err := scrypt.Key([]byte(password), []byte(salt), n, r, p, 32)
	if err != nil {
		return false, err
	}
	return same(encode64(key), digest), nil
}

// encode64 writes three bytes as four characters, the low bits first.
func encode64(b []byte) string {
	var out strings.Builder
	for ; len(b) > 0; b = b[min(3, len(b)):] {
		v, bits := 0, 8*min(3, len(b))
		for i := range bits / 8 {
			v |= int(b[i]) << (8 * i)
		}
		for ; bits > 0; bits -= 6 {
			out.WriteByte(itoa64[v&63])
			v >>= 6
		}
	}
	return out.String()
}
