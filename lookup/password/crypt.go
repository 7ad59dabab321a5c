package password

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	xcrypt "github.com/go-crypt/x/crypt"
)

// Bounds of what may be verified: some ten seconds, and a gigabyte.
const (
	maxRounds     = 10_000_000 // of SHA-512, SHA-256 and SHA-1
	maxSunRounds  = 2_000_000  // each may hash 1.5 kB
	maxBSDiRounds = 1_000_000  // of DES
	maxBcryptCost = 15         // a power of two
	maxMemory     = 1 << 30
)

// maxPassword is what crypt(3) takes (CRYPT_MAX_PASSPHRASE_SIZE of libxcrypt,
// one byte of which is the NUL): no longer password was ever stored by it, and
// the time of some hashes grows with the square of the length.
const maxPassword = 511

// form is one of the hashes of crypt(3), as crypt(5) describes them.
type form struct {
	begins string
	is     *regexp.Regexp // all of it
	cost   func(field []string) (Cost, error)
	verify func(field []string, password string) (bool, error)
}

const six = `[./0-9A-Za-z]` // six bits of crypt's base64

func pattern(text string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(text, "#", six) + `$`)
}

// forms are tried from the first to the last: the empty beginning is that of all.
var forms = []form{
	{"$6$", pattern(`\$6\$(?:rounds=([1-9]\d*)\$)?([^$]{0,16})\$(#{86})`), shaCost, verifySHACrypt},
	{"$5$", pattern(`\$5\$(?:rounds=([1-9]\d*)\$)?([^$]{0,16})\$(#{43})`), shaCost, verifySHACrypt},
	{"$2", pattern(`\$2[abxy]\$(\d\d)\$#{53}`), bcryptCosts, verifyBcrypt},
	{"$y$", pattern(`\$y\$(#+)\$(#{0,86})\$(#{43})`), yescryptCost, verifyYescrypt},
	{"$7$", pattern(`\$7\$(#)(#{5})(#{5})(.*)\$(#{43})`), scryptCost, verifyScrypt},
	{"$1$", pattern(`\$1\$([^$]{0,8})\$(#{22})`), free, verifyMD5Crypt},
	{"$sha1$", pattern(`\$sha1\$([1-9]\d*)\$([^$]{1,64})\$(#{28})`), rounds(maxRounds), verifySHA1Crypt},
	{"$md5", pattern(`\$md5(?:,rounds=([1-9]\d*))?\$([^$]*)\$\$(#{22})`), rounds(maxSunRounds), verifySunMD5},
	{"$3$", pattern(`\$3\$\$([0-9A-Fa-f]{32})`), free, verifyNTHash},
	{"_", pattern(`_(#{4})(#{4})(#{11})`), bsdiCost, verifyBSDi},
	{"", pattern(`(#{2})(#{11})`), free, verifyDES},
}

// cryptForm finds the form of a hash and its fields.
func cryptForm(text string) (*form, []string, error) {
	if strings.HasPrefix(text, "$gy$") {
		return nil, nil, fmt.Errorf("%w: gost-yescrypt cannot be verified here", ErrUnknownScheme)
	}
	for i := range forms {
		f := &forms[i]
		if !strings.HasPrefix(text, f.begins) {
			continue
		}
		if field := f.is.FindStringSubmatch(text); field != nil {
			return f, field, nil
		}
		break
	}
	return nil, nil, fmt.Errorf("%w: no hash of crypt(3)", ErrMalformed)
}

// checkCrypt tells what a hash of crypt(3) costs.
func checkCrypt(h Hash) (Cost, error) {
	f, field, err := cryptForm(h.text)
	if err != nil {
		return Cost{}, err
	}
	return f.cost(field)
}

// verifyCrypt verifies a hash of crypt(3), whose text says which one it is. As
// in C, a password ends at its first NUL.
func verifyCrypt(h Hash, _, password string) (bool, error) {
	f, field, err := cryptForm(h.text)
	if err != nil {
		return false, err
	}
	password, _, _ = strings.Cut(password, "\x00")
	if len(password) > maxPassword {
		return false, nil
	}
	return f.verify(field, password)
}

// free is the cost of what takes no memory, and a fixed time.
func free([]string) (Cost, error) { return Cost{}, nil }

// rounds is the cost of hashes whose first field is a number of rounds.
func rounds(most int) func(field []string) (Cost, error) {
	return func(field []string) (Cost, error) {
		if field[1] == "" {
			return Cost{}, nil
		}
		n, err := strconv.Atoi(field[1])
		if err != nil || n > most {
			return Cost{}, fmt.Errorf("%w: more than %d rounds", ErrTooDear, most)
		}
		return Cost{}, nil
	}
}

func verifyMD5Crypt(field []string, password string) (bool, error) {
	return same(string(xcrypt.KeyMD5Crypt([]byte(password), []byte(field[1]))), field[2]), nil
}

func verifySHA1Crypt(field []string, password string) (bool, error) {
	n, err := strconv.ParseUint(field[1], 10, 32)
	return same(string(xcrypt.KeySHA1Crypt([]byte(password), []byte(field[2]), uint32(n))), field[3]), err
}

func verifySunMD5(field []string, password string) (bool, error) {
	n, _ := strconv.ParseUint(field[1], 10, 32) // none is 0
	return same(string(xcrypt.KeyMD5CryptSun([]byte(password), []byte(field[2]), uint32(n))), field[3]), nil
}
