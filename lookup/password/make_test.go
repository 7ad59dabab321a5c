package password

import (
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"strings"
	"testing"

	xcrypt "github.com/go-crypt/x/crypt"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// TestNewRoundTrip: Parse takes what New makes, the password fits, another does
// not, and the hash needs no other one.
func TestNewRoundTrip(t *testing.T) {
	var names []string
	for _, s := range Schemes() {
		if s.Makes {
			names = append(names, s.Name)
		}
	}
	property.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "scheme")
		p := cheapParams(name)
		if p.Rounds > 0 {
			p.Rounds += rapid.IntRange(0, 2).Draw(t, "more rounds")
		}
		password := rapid.StringMatching(`[^\x00\r\n]{1,60}`).Draw(t, "password")
		stored, err := New(name, vectorLogin, password, p)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Parse(stored, "")
		if err != nil {
			t.Fatalf("%s: %v", stored, err)
		}
		if h.Scheme() != name || h.Weak() {
			t.Fatalf("%s: scheme %s, weak %v", stored, h.Scheme(), h.Weak())
		}
		if right, err := h.Verify(vectorLogin, password); !right || err != nil {
			t.Fatalf("%s: %q does not fit: %v", stored, password, err)
		}
		other := "\x01" + password // in front: bcrypt does not see the end
		if right, err := h.Verify(vectorLogin, other); right || err != nil {
			t.Fatalf("%s: %q fits: %v", stored, other, err)
		}
		if NeedsRehash(h, strings.ToLower(name), p) {
			t.Fatalf("%s needs a rehash with %+v", stored, p)
		}
	})
}

// TestSHACrypt compares with another implementation, whatever the lengths.
func TestSHACrypt(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"$5$", "$6$"}).Draw(t, "id")
		password := rapid.SliceOfN(rapid.Byte(), 0, maxPassword).Draw(t, "password")
		salt := rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "salt")
		rounds := rapid.IntRange(minSHARounds, minSHARounds+50).Draw(t, "rounds")
		algorithm := sha512.New
		if id == "$5$" {
			algorithm = sha256.New
		}
		got, want := shaCrypt(id, string(password), string(salt), rounds), string(xcrypt.KeySHACrypt(algorithm, password, salt, rounds))
		if got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		scheme, password string
		p                Params
		want             error
	}{
		{"NOSUCH", "x", Params{}, ErrUnknownScheme},
		{"MD5-CRYPT", "x", Params{}, ErrUnknownScheme}, // weak
		{"CRYPT", "x", Params{}, ErrUnknownScheme},
		{"PLAIN", "x\x00", Params{}, ErrPassword},
		{"PLAIN", "x\n", Params{}, ErrPassword},
		{"SHA512-CRYPT", strings.Repeat("x", maxPassword+1), Params{}, ErrPassword},
		{"SHA512-CRYPT", "x", Params{Rounds: 999}, ErrParams},
		{"SHA256-CRYPT", "x", Params{Rounds: maxRounds + 1}, ErrParams},
		{"SHA512-CRYPT", "x", Params{Rounds: -1}, ErrParams},
		{"BLF-CRYPT", "x", Params{Rounds: 3}, ErrParams},
		{"BLF-CRYPT", "x", Params{Rounds: 70000}, ErrParams},
		{"PBKDF2", "x", Params{Rounds: maxIterations + 1}, ErrParams},
		{"SCRAM-SHA-256", "x", Params{Rounds: 100}, ErrParams},
		{"ARGON2ID", "x", Params{Memory: 1<<20 + 1}, ErrParams},
		{"ARGON2ID", "x", Params{Memory: 31}, ErrParams},
		{"ARGON2ID", "x", Params{Parallelism: 256}, ErrParams},
		{"ARGON2ID", "x", Params{Memory: 1 << 20, Rounds: 11}, ErrParams},
		{"ARGON2ID", "x", Params{Memory: -1}, ErrParams},
	} {
		stored, err := New(tc.scheme, "", tc.password, tc.p)
		if !errors.Is(err, tc.want) || stored != "" {
			t.Errorf("%s %+v: %q, %v; want %v", tc.scheme, tc.p, stored, err, tc.want)
		}
		if err := CheckParams(tc.scheme, tc.p); tc.want != ErrPassword && !errors.Is(err, tc.want) {
			t.Errorf("CheckParams(%s, %+v): %v, want %v", tc.scheme, tc.p, err, tc.want)
		}
	}
	for _, s := range Schemes() {
		if err := CheckParams(s.Name, Params{}); (err == nil) != s.Makes {
			t.Errorf("CheckParams(%s) with defaults: %v", s.Name, err)
		}
	}
}

func TestParseParams(t *testing.T) {
	for _, tc := range []struct {
		text, scheme string
		want         Params
		err          string
	}{
		{"SHA512-CRYPT", "SHA512-CRYPT", Params{}, ""},
		{"SHA512-CRYPT:rounds=70000", "SHA512-CRYPT", Params{Rounds: 70000}, ""},
		{"ssha512", "ssha512", Params{}, ""},
		{"PBKDF2:rounds=20000", "PBKDF2", Params{Rounds: 20000}, ""},
		{"blf-crypt:cost=10", "blf-crypt", Params{Rounds: 10}, ""},
		{"ARGON2ID:m=65536,t=3,p=1", "ARGON2ID", Params{Rounds: 3, Memory: 65536, Parallelism: 1}, ""},
		{"ARGON2ID:p=1", "ARGON2ID", Params{Parallelism: 1}, ""},

		{"MD5-CRYPT:rounds=1", "", Params{}, "unknown password scheme: new passwords are not stored as MD5-CRYPT"},
		{"SHA512-CRYPT:", "", Params{}, `SHA512-CRYPT has no parameter ""`},
		{"SHA512-CRYPT:rounds=70000,", "", Params{}, `SHA512-CRYPT has no parameter ""`},
		{"SHA512-CRYPT:cost=10", "", Params{}, `SHA512-CRYPT has no parameter "cost"`},
		{"SHA512-CRYPT:rounds", "", Params{}, `"rounds": want rounds=NUMBER`},
		{"SHA512-CRYPT:rounds=0", "", Params{}, `"rounds=0": want rounds=NUMBER`},
		{"SHA512-CRYPT:rounds= 70000", "", Params{}, `"rounds= 70000": want rounds=NUMBER`},
		{"SHA512-CRYPT:rounds=99999999999999999999", "", Params{}, `"rounds=99999999999999999999": want rounds=NUMBER`},
		{"SHA512-CRYPT:rounds=999", "", Params{}, "rounds 999: want 1000 to 10000000"},
		{"BLF-CRYPT:rounds=10", "", Params{}, `BLF-CRYPT has no parameter "rounds"`},
		{"BLF-CRYPT:cost=16", "", Params{}, "cost 16: want 4 to 15"},
		{"ARGON2ID:m=65536,t=3,m=65536", "", Params{}, "m is given twice"},
		{"ARGON2ID:m=8,p=2", "", Params{}, "memory 8: want 16 to 1048576"},
		{"SSHA512:rounds=2", "", Params{}, `SSHA512 has no parameter "rounds"`},
	} {
		scheme, p, err := ParseParams(tc.text)
		switch {
		case tc.err == "" && (err != nil || scheme != tc.scheme || p != tc.want):
			t.Errorf("%s: %s %+v, %v", tc.text, scheme, p, err)
		case tc.err != "" && (err == nil || !strings.HasSuffix(err.Error(), tc.err)):
			t.Errorf("%s: %v; want ... %s", tc.text, err, tc.err)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	sha := "$6$saltsalt$" + digest86
	const bcrypt4 = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
	for _, tc := range []struct {
		stored, scheme string
		p              Params
		want           bool
	}{
		{"{PLAIN}x", "SHA512-CRYPT", Params{}, true},
		{"{PLAIN}x", "PLAIN", Params{}, false},
		{"{SHA512-CRYPT}" + sha, "SHA512-CRYPT", Params{}, true}, // 5,000
		{"{SHA512-CRYPT}" + sha, "sha512-crypt", Params{Rounds: 5000}, false},
		{"{CRYPT}" + sha, "SHA512-CRYPT", Params{Rounds: 5000}, true},
		{"{SHA256-CRYPT}" + sha, "SHA256-CRYPT", Params{Rounds: 5000}, true}, // not what it says
		{"{SHA512-CRYPT}$6$rounds=70000$saltsalt$" + digest86, "SHA512-CRYPT", Params{}, false},
		{"{BLF-CRYPT}" + bcrypt4, "BLF-CRYPT", Params{}, true},
		{"{BLF-CRYPT}" + bcrypt4, "BLF-CRYPT", Params{Rounds: 4}, false},
		{"{PBKDF2}$1$salt$5000$0000000000000000000000000000000000000000", "PBKDF2", Params{}, false},
		{"{PBKDF2}$1$salt$5000$0000000000000000000000000000000000000000", "PBKDF2", Params{Rounds: 6000}, true},
		{"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ARGON2ID", Params{}, false},
		{"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ARGON2ID", Params{}, true},
		{"{ARGON2ID}$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ARGON2ID", Params{}, true},
	} {
		h, err := Parse(tc.stored, "")
		if err != nil {
			t.Fatalf("%s: %v", tc.stored, err)
		}
		if got := NeedsRehash(h, tc.scheme, tc.p); got != tc.want {
			t.Errorf("%s to %s %+v: %v", tc.stored, tc.scheme, tc.p, got)
		}
	}
}
