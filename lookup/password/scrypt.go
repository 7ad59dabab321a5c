package password

import (
	"fmt"
	"strings"

	"github.com/go-crypt/x/yescrypt"
	"golang.org/x/crypto/scrypt"
)

// maxScryptWork bounds the memory times the times that it is filled.
const maxScryptWork = 8 << 30

// scryptParts takes apart what crypt(5) calls scrypt, $7$ N r p SALT $ DIGEST: N
// is one character, the logarithm; r and p are five each, the low bits first.
func scryptParts(field []string) (n, r, p int, err error) {
	log, r, p := desNumber(field[1]), desNumber(field[2]), desNumber(field[3])
	switch {
	case log < 1 || r < 1 || p < 1:
		return 0, 0, 0, fmt.Errorf("%w: scrypt of no cost", ErrMalformed)
	case log > 30 || r > 1<<20 || p > 1<<20 || int64(128*r)<<log > maxMemory || int64(128*p*r) > maxMemory || int64(128*p*r) > maxScryptWork>>log:
		return 0, 0, 0, fmt.Errorf("%w: scrypt with N=2^%d, r=%d, p=%d", ErrTooDear, log, r, p)
	}
	return 1 << log, r, p, nil
}

func scryptCost(field []string) (Cost, error) {
	n, r, p, err := scryptParts(field)
	return Cost{Memory: 128 * int64(r) * int64(n+p)}, err
}

func verifyScrypt(field []string, password string) (bool, error) {
	n, r, p, err := scryptParts(field)
	if err != nil {
		return false, err
	}
	key, err := scrypt.Key([]byte(password), []byte(field[4]), n, r, p, 32)
	if err != nil {
		return false, fmt.Errorf("%w: not scrypt", ErrMalformed)
	}
	return same(encode64(key), field[5]), nil
}

// yescryptCost reads the parameters of yescrypt, such as j9T: "j" for what
// crypt_gensalt(3) makes, then the logarithm of N and r, each less one. Others,
// and those with parameters more, cannot be verified here.
func yescryptCost(field []string) (Cost, error) {
	s := field[1]
	if len(s) != 3 || s[0] != 'j' {
		return Cost{}, fmt.Errorf("%w: yescrypt with parameters that cannot be verified here", ErrUnknownScheme)
	}
	log, r := desNumber(s[1:2])+1, desNumber(s[2:3])+1
	if log < 10 || log > 18 || r > 32 {
		return Cost{}, fmt.Errorf("%w: yescrypt with N=2^%d, r=%d cannot be verified here", ErrUnknownScheme, log, r)
	}
	if len(field[2]) > 0 && yescrypt.Decode64([]byte(field[2])) == nil {
		return Cost{}, fmt.Errorf("%w: the salt of yescrypt", ErrMalformed)
	}
	return Cost{Memory: 128 * int64(r) << log}, nil
}

func verifyYescrypt(field []string, password string) (bool, error) {
	text, err := yescrypt.Hash([]byte(password), []byte(field[0]))
	if err != nil {
		return false, fmt.Errorf("%w: not yescrypt", ErrMalformed)
	}
	return same(string(text[strings.LastIndexByte(string(text), '$')+1:]), field[3]), nil
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
