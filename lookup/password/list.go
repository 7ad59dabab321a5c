package password

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"sync"

	//lint:ignore SA1019 stored passwords are what they are
	"golang.org/x/crypto/md4"
)

// schemes are all that is known. What New makes of them is in make.go.
func schemes() []scheme {
	return []scheme{
		{name: "ARGON2ID", dear: true, verify: verifyArgon2, check: checkArgon2, make: makeArgon2},
		{name: "ARGON2I", dear: true, verify: verifyArgon2, check: checkArgon2},
		{name: "ARGON2", dear: true, verify: verifyArgon2, check: checkArgon2},
		{name: "SHA512-CRYPT", dear: true, verify: verifyCrypt, check: checkCrypt, make: makeSHACrypt},
		{name: "SHA256-CRYPT", dear: true, verify: verifyCrypt, check: checkCrypt, make: makeSHACrypt},
		{name: "BLF-CRYPT", dear: true, verify: verifyCrypt, check: checkCrypt, make: makeBcrypt},
		{name: "CRYPT", dear: true, verify: verifyCrypt, check: checkCrypt},
		{name: "MD5-CRYPT", weak: true, dear: true, verify: verifyCrypt, check: checkCrypt},
		{name: "DES-CRYPT", weak: true, dear: true, verify: verifyCrypt, check: checkCrypt},
		{name: "PBKDF2", dear: true, verify: verifyPBKDF2, check: checkPBKDF2, make: makePBKDF2},
		{name: "SCRAM-SHA-256", dear: true, verify: verifySCRAM, check: checkSCRAM, make: makeSCRAM},
		{name: "SCRAM-SHA-1", dear: true, verify: verifySCRAM, check: checkSCRAM, make: makeSCRAM},
		{name: "SSHA512", size: 64, salted: true, verify: digest(sha512.New), make: makeSalted},
		{name: "SSHA256", size: 32, salted: true, verify: digest(sha256.New), make: makeSalted},
		{name: "SSHA", size: 20, salted: true, verify: digest(sha1.New), make: makeSalted},
		{name: "SMD5", weak: true, size: 16, salted: true, verify: digest(md5.New)},
		{name: "SHA512", size: 64, verify: digest(sha512.New), make: makeDigest},
		{name: "SHA256", size: 32, verify: digest(sha256.New), make: makeDigest},
		{name: "SHA", size: 20, verify: digest(sha1.New), make: makeDigest},
		{name: "SHA1", size: 20, verify: digest(sha1.New), make: makeDigest},
		{name: "MD5", weak: true, verify: verifyMD5, check: checkMD5},
		{name: "PLAIN-MD5", weak: true, size: 16, verify: digest(md5.New)},
		{name: "LDAP-MD5", weak: true, size: 16, verify: digest(md5.New)},
		{name: "PLAIN-MD4", weak: true, size: 16, verify: digest(md4.New)},
		{name: "CRAM-MD5", size: 32, verify: verifyCRAM, make: makeCRAM},
		{name: "HMAC-MD5", weak: true, size: 32, verify: verifyCRAM},
		{name: "DIGEST-MD5", size: 16, verify: verifyDigestMD5},
		{name: "OTP", dear: true, verify: verifyOTP, check: checkOTP},
		{name: "PLAIN", verify: verifyPlain, make: makePlain},
		{name: "CLEAR", verify: verifyPlain},
		{name: "CLEARTEXT", verify: verifyPlain},
		{name: "PLAIN-TRUNC", verify: verifyTruncated, check: checkTruncated},
	}
}

// byName are the schemes by their names.
var byName = sync.OnceValue(func() map[string]*scheme {
	m := map[string]*scheme{}
	for _, s := range schemes() {
		m[s.name] = &s
	}
	return m
})

// digest verifies a digest of password and salt, which follows it.
func digest(algorithm func() hash.Hash) func(h Hash, login, password string) (bool, error) {
	return func(h Hash, _, password string) (bool, error) {
		d := algorithm()
		d.Write([]byte(password))
		d.Write([]byte(h.text[d.Size():]))
		return same(string(d.Sum(nil)), h.text[:d.Size()]), nil
	}
}
