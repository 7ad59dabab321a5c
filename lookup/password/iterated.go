package password

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// maxIterations bounds PBKDF2 and SCRAM: some ten seconds.
const maxIterations = 20_000_000

// pbkdf2Parts takes $1$SALT$ROUNDS$HEX apart (Dovecot's
// src/auth/password-scheme-pbkdf2.c): the salt is used as it is written.
func pbkdf2Parts(h Hash) (salt string, rounds int, key []byte, err error) {
	f := strings.Split(h.text, "$")
	if len(f) != 5 || f[0] != "" || f[1] != "1" {
		return "", 0, nil, fmt.Errorf("%w: want $1$salt$rounds$digest", ErrMalformed)
	}
	if rounds, err = iterations(f[3]); err != nil {
		return "", 0, nil, err
	}
	if key, err = hex.DecodeString(f[4]); err != nil || len(key) != sha1.Size {
		return "", 0, nil, fmt.Errorf("%w: not a digest of 20 bytes", ErrMalformed)
	}
	return f[2], rounds, key, nil
}

func iterations(text string) (int, error) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < 1:
		return 0, fmt.Errorf("%w: not a number of rounds", ErrMalformed)
	case n > maxIterations:
		return 0, fmt.Errorf("%w: %d rounds", ErrTooDear, n)
	}
	return n, nil
}

func checkPBKDF2(h Hash) (Cost, error) {
	_, _, _, err := pbkdf2Parts(h)
	return Cost{}, err
}

func verifyPBKDF2(h Hash, _, password string) (bool, error) {
	salt, rounds, want, err := pbkdf2Parts(h)
	if err != nil {
		return false, err
	}
	got, err := pbkdf2.Key(sha1.New, password, []byte(salt), rounds, len(want))
	return hmac.Equal(got, want), err
}

// scram is what SCRAM-SHA-* store: iterations,salt,StoredKey,ServerKey, the
// last three in base64 (RFC 5802 section 3).
type scram struct {
	hash      func() hash.Hash
	rounds    int
	salt      []byte
	storedKey []byte
	serverKey []byte
}

func scramHash(name string) func() hash.Hash {
	if name == "SCRAM-SHA-1" {
		return sha1.New
	}
	return sha256.New
}

func scramParts(h Hash) (s scram, err error) {
	f := strings.Split(h.text, ",")
	if len(f) != 4 {
		return s, fmt.Errorf("%w: want iterations,salt,StoredKey,ServerKey", ErrMalformed)
	}
	s.hash = scramHash(h.scheme.name)
	if s.rounds, err = iterations(f[0]); err != nil {
		return s, err
	}
	for i, to := range []*[]byte{&s.salt, &s.storedKey, &s.serverKey} {
		if *to, err = base64.StdEncoding.DecodeString(f[i+1]); err != nil {
			return s, fmt.Errorf("%w: not base64", ErrMalformed)
		}
	}
	if size := s.hash().Size(); len(s.storedKey) != size || len(s.serverKey) != size {
		return s, fmt.Errorf("%w: StoredKey and ServerKey are not of %d bytes", ErrMalformed, size)
	}
	return s, nil
}

func checkSCRAM(h Hash) (Cost, error) {
	_, err := scramParts(h)
	return Cost{}, err
}

func verifySCRAM(h Hash, _, password string) (bool, error) {
	s, err := scramParts(h)
	if err != nil {
		return false, err
	}
	stored, server, err := scramKeys(s.hash, password, s.salt, s.rounds)
	// Both are compared: neither alone must decide how long it takes.
	right := hmac.Equal(stored, s.storedKey)
	return hmac.Equal(server, s.serverKey) && right, err
}

func scramKeys(algorithm func() hash.Hash, password string, salt []byte, rounds int) (stored, server []byte, err error) {
	salted, err := pbkdf2.Key(algorithm, password, salt, rounds, algorithm().Size())
	if err != nil {
		return nil, nil, err
	}
	sign := func(text string) []byte {
		m := hmac.New(algorithm, salted)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	d := algorithm()
	d.Write(sign("Client Key"))
	return d.Sum(nil), sign("Server Key"), nil
}
