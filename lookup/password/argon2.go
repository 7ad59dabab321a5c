package password

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"

	"golang.org/x/crypto/argon2"
)

// argon2Text is an encoded hash of version 1.3 with the limits of libsodium
// (crypto_pwhash_str_verify): KiB, passes, lanes, a salt of at least 8 bytes, a
// digest of at least 16.
var argon2Text = regexp.MustCompile(`^\$argon2(id?)\$v=19\$m=([1-9]\d*),t=([1-9]\d*),p=([1-9]\d*)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$`)

// maxArgon2Work bounds KiB times passes: some ten seconds.
const maxArgon2Work = 10 << 20

// argon2Hash is one taken apart.
type argon2Hash struct {
	id           bool // ARGON2ID, else ARGON2I
	kib, passes  uint32
	lanes        uint8
	salt, digest []byte
}

func argon2Parts(text string) (a argon2Hash, err error) {
	m := argon2Text.FindStringSubmatch(text)
	if m == nil {
		return a, fmt.Errorf("%w: not an encoded Argon2 hash of version 19", ErrMalformed)
	}
	kib, err1 := strconv.ParseUint(m[2], 10, 32)
	passes, err2 := strconv.ParseUint(m[3], 10, 32)
	lanes, err3 := strconv.ParseUint(m[4], 10, 8)
	switch {
	case err1 != nil || err2 != nil || err3 != nil || kib<<10 > maxMemory || kib*passes > maxArgon2Work:
		return a, fmt.Errorf("%w: more than %d KiB, %d KiB times passes, or 255 lanes", ErrTooDear, maxMemory>>10, maxArgon2Work)
	case kib < 8*lanes:
		return a, fmt.Errorf("%w: Argon2 needs 8 KiB for each lane (RFC 9106 section 3.1)", ErrMalformed)
	}
	a = argon2Hash{id: m[1] == "id", kib: uint32(kib), passes: uint32(passes), lanes: uint8(lanes)}
	if a.salt, err = base64.RawStdEncoding.DecodeString(m[5]); err == nil {
		a.digest, err = base64.RawStdEncoding.DecodeString(m[6])
	}
	if err != nil {
		return a, fmt.Errorf("%w: not base64", ErrMalformed)
	}
	return a, nil
}

func (a argon2Hash) of(password string) []byte {
	key := argon2.Key
	if a.id {
		key = argon2.IDKey
	}
	return key([]byte(password), a.salt, a.passes, a.kib, a.lanes, uint32(len(a.digest)))
}

// encode writes what argon2Parts reads.
func (a argon2Hash) encode() string {
	variant, b64 := "i", base64.RawStdEncoding.EncodeToString
	if a.id {
		variant = "id"
	}
	return fmt.Sprintf("$argon2%s$v=19$m=%d,t=%d,p=%d$%s$%s", variant, a.kib, a.passes, a.lanes, b64(a.salt), b64(a.digest))
}

func checkArgon2(h Hash) (Cost, error) {
	a, err := argon2Parts(h.text)
	return Cost{Memory: int64(a.kib) << 10, Lanes: int(a.lanes)}, err
}

func verifyArgon2(h Hash, _, password string) (bool, error) {
	a, err := argon2Parts(h.text)
	if err != nil {
		return false, err
	}
	return same(string(a.of(password)), string(a.digest)), nil
}
