package outside

import "testing"

func TestDirectoryHash(t *testing.T) {
	for stored, want := range map[string]string{
		"{SHA512-CRYPT}$6$x$y": "{CRYPT}$6$x$y", "{BLF-CRYPT}$2b$12$x": "{CRYPT}$2b$12$x", "{SSHA}abc=": "{SSHA}abc=", "{ARGON2ID}$argon2id$v": "{ARGON2}$argon2id$v",
		"{PLAIN}secret": "", "{SHA256}x": "", "$6$x$y": "", "": "", "{": "",
	} {
		got, err := directoryHash(stored)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", stored, got, err, want)
		}
	}
}

func TestUnicodePassword(t *testing.T) {
	for clear, want := range map[string]string{
		"aB": "\"\x00a\x00B\x00\"\x00",
		"ü":  "\"\x00\xfc\x00\"\x00",
		"😀":  "\"\x00\x3d\xd8\x00\xde\"\x00",
	} {
		if got := unicodePassword(clear); got != want {
			t.Errorf("%s: %x, want %x", clear, got, want)
		}
	}
}
