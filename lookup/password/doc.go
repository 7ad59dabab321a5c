// Package password verifies and makes password hashes in Dovecot's notation,
// {SCHEME}hash (Dovecot's src/auth/password-scheme.c).
//
// # Notation
//
// The name of a scheme may be in small letters, and may end with an encoding:
// .b64, .base64 or .hex. Where none is named, a digest is hexadecimal if the
// text is twice as long as the digest, else base64. A text without a name is
// MD5-CRYPT if it begins with $1$, else of a default scheme.
//
// # Schemes
//
// PLAIN, CLEAR, CLEARTEXT; PLAIN-TRUNC; CRYPT, which is what crypt(3) knows:
// bcrypt, SHA-512, SHA-256, SHA-1, MD5, Sun's MD5, yescrypt, scrypt, NTHASH and
// DES; BLF-CRYPT, SHA512-CRYPT, SHA256-CRYPT, MD5-CRYPT, DES-CRYPT; ARGON2,
// ARGON2I, ARGON2ID; PBKDF2; SCRAM-SHA-1, SCRAM-SHA-256; SHA, SHA1, SHA256,
// SHA512; SSHA, SSHA256, SSHA512, SMD5; MD5, PLAIN-MD4, PLAIN-MD5, LDAP-MD5;
// CRAM-MD5, HMAC-MD5; DIGEST-MD5; OTP, for those who send the password itself.
// Not there are within CRYPT gost-yescrypt, yescrypt with parameters that
// crypt_gensalt(3) does not make, Sun's MD5 without "$$" (a "bare salt"), and
// $2x$ for passwords with bytes above 127: they are errors, never wrong
// passwords.
//
// # Passwords
//
// As with crypt(3), CRYPT and its kin look at nothing after a NUL byte, and no
// password of more than 511 bytes fits; bcrypt looks at 72 bytes, DES at eight.
//
// # Cost
//
// Some hashes are made to be dear, in time and memory. Hash.Cost tells, and a
// Pool bounds how many are checked at once. A hash that would take minutes or
// gigabytes is refused by Parse: somebody's stored hash must not stop the rest.
// SHA-crypt, bcrypt and yescrypt take about as long as in the C library, or less:
// BenchmarkVerify measures both.
//
// All comparisons take constant time. No error contains a hash or a password.
package password
