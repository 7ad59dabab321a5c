package password

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// doveadm returns a function that asks the real Dovecot whether a password
// fits.
func doveadm(t *testing.T) func(stored, password string) bool {
	t.Helper()
	path := peers.Program(t, "doveadm", "dovecot-core")
	return func(stored, password string) bool {
		t.Helper()
		out, err := exec.Command(path, "pw", "-u", vectorLogin, "-t", stored, "-p", password).CombinedOutput()
		var failed *exec.ExitError
		switch {
		case err == nil && strings.Contains(string(out), "(verified)"):
			return true
		case errors.As(err, &failed) && strings.Contains(string(out), "reverse "):
			return false
		}
		t.Fatalf("doveadm pw -t %s: %v: %s", stored, err, out)
		return false
	}
}

// cheapParams are the least costs.
func cheapParams(scheme string) Params {
	switch scheme {
	case "SHA512-CRYPT", "SHA256-CRYPT":
		return Params{Rounds: minSHARounds}
	case "BLF-CRYPT":
		return Params{Rounds: 4}
	case "ARGON2ID":
		return Params{Rounds: 1, Memory: 64, Parallelism: 2}
	case "PBKDF2":
		return Params{Rounds: 10}
	}
	return Params{}
}

// TestDovecotVerifiesNew lets Dovecot verify what New makes.
func TestDovecotVerifiesNew(t *testing.T) {
	fits := doveadm(t)
	for _, s := range Schemes() {
		if !s.Makes {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			for _, password := range []string{"Grüße aus Łódź", strings.Repeat("long ", 30)} {
				stored, err := New(s.Name, vectorLogin, password, cheapParams(s.Name))
				if err != nil {
					t.Fatal(err)
				}
				if !fits(stored, password) {
					t.Errorf("%s: Dovecot does not verify %q", stored, password)
				}
			}
		})
	}
}

// TestDovecotAgrees compares what is right, wrong and broken with Dovecot, where
// the two could differ: bytes that do not count, texts cut off, odd encodings.
func TestDovecotAgrees(t *testing.T) {
	fits := doveadm(t)
	x72, x8 := strings.Repeat("x", 72), "12345678"
	make := func(scheme, password string) string {
		stored, err := New(scheme, vectorLogin, password, cheapParams(scheme))
		if err != nil {
			t.Fatal(err)
		}
		return stored
	}
	long := strings.Repeat("a", maxPassword)
	const longSHA = "{CRYPT}$6$saltsalt$MH/QItLmvaCuzwuhcEYPH6Sjcl/0GNmOaRWoJ3UvxBRieXQMvz4Y0Pbg3gtE34i/ebzdeBIREellN7/bGsbzf." // of long
	sha := make("SHA512-CRYPT", "secret")
	for _, tc := range []struct {
		stored    string
		passwords []string
	}{
		{make("BLF-CRYPT", x72+"yz"), []string{x72, x72 + "y", x72 + "other", x72[1:]}},
		{"{CRYPT}$2x$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", []string{"secret", "secreT"}},
		{"{DES-CRYPT}" + desVector(t, "Zx", x8), []string{x8, x8 + "9", x8[:7], "1234567"}},
		{longSHA, []string{long, long + "a", long[1:]}},
		{make("PLAIN", long), []string{long, long + "a"}},
		{"{PLAIN-TRUNC}6-secret", []string{"secret", "secrets", "secre", "Secrets", ""}},
		{"{PLAIN-TRUNC}3-secret", []string{"secret", "sec", "secrets"}},
		{"{PLAIN-TRUNC}9-secret", []string{"secret", "secretsss"}},
		{"{PLAIN-TRUNC}0-", []string{"", "anything"}},
		{"{PLAIN-TRUNC}-secret", []string{"secret"}},
		{"{PLAIN-TRUNC}secret", []string{"secret"}},
		{"$1$saltsalt$9xy1btjgzLYfb7hivXtC//$ignored", []string{"secret", "ignored"}},
		{"{plain}secret", []string{"secret", "SECRET"}},
		{"{PLAIN}", []string{"", "x"}},
		{"{CRYPT}", []string{"", "x"}},
		{"{CRYPT}*", []string{"", "*"}},
		{"{CRYPT}!" + sha[len("{SHA512-CRYPT}"):], []string{"secret"}},
		{sha[:len(sha)-1], []string{"secret"}},
		{sha + "x", []string{"secret"}},
		{"{SHA512-CRYPT}$6$rounds=999$saltsalt$" + strings.Repeat("a", 86), []string{"secret"}},
		{"{NOSUCH}secret", []string{"secret"}},
		{"{PLAIN.rot13}secret", []string{"secret"}},
		{"{SHA}zzz", []string{"secret"}},
		{"{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", []string{"secret"}},
		{"{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==", []string{"secret", "Secret"}},
		{"{MD5}5ebe2294", []string{"secret"}},
		// With 0 rounds and a digest of zeros Dovecot takes every password; here it is
		// malformed.
		{"{PBKDF2}$1$salt$0$" + strings.Repeat("01", 20), []string{"secret"}},
		{"{PBKDF2}$2$salt$10$0000000000000000000000000000000000000000", []string{"secret"}},
		{"{SCRAM-SHA-1}10,c2FsdA==,AAAA,AAAA", []string{"secret"}},
		{"{CRAM-MD5}00", []string{"secret"}},
		{"{ARGON2ID}$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", []string{"secret"}},
		{"{ARGON2ID}$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", []string{"secret"}},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for _, password := range tc.passwords {
				h, err := Parse(tc.stored, "CRYPT")
				right := false
				if err == nil {
					right, err = h.Verify(vectorLogin, password)
				}
				if want := fits(tc.stored, password); right != want {
					t.Errorf("%s, %q: %v (%v), Dovecot says %v", tc.stored, password, right, err, want)
				}
			}
		})
	}
}

// desVector is DES crypt of a password, which the vectors prove right.
func desVector(t *testing.T, salt, password string) string {
	t.Helper()
	keys := desKeys(desBlock(password))
	return salt + desRepeat(25, desNumber(salt), &keys)
}

// TestNULEndsCryptPasswords: crypt(3) sees nothing after a NUL.
func TestNULEndsCryptPasswords(t *testing.T) {
	stored, err := New("SHA512-CRYPT", "", "secret", cheapParams("SHA512-CRYPT"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		stored, password string
		want             bool
	}{
		{stored, "secret\x00more", true},
		{stored, "\x00secret", false},
		{"{PLAIN}secret", "secret\x00", false},
		{"{PLAIN}secret", "secret\x00more", false},
		{"{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ=", "secret\x00", false},
	} {
		h, err := Parse(tc.stored, "PLAIN")
		if err != nil {
			t.Fatal(err)
		}
		if right, err := h.Verify("", tc.password); right != tc.want || err != nil {
			t.Errorf("%s, %q: %v, %v", tc.stored, tc.password, right, err)
		}
	}
}
