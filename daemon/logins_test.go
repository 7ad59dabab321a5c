package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/password"
)

// TestWhoMayReadHashes: root, we ourselves, and whom the configuration names,
// by name or number. A name that nobody has is a warning.
func TestWhoMayReadHashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vmapd.toml")
	if err := os.WriteFile(path, []byte("[dovecot]\npassword_readers = [\"nobody\", \"4711\", \"no-such-user\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "no-such-user") }) {
		t.Errorf("warnings: %q", c.Warnings)
	}
	nobody, err := lookupUser("nobody")
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{cfg: c}
	for uid, want := range map[uint32]bool{0: true, uint32(os.Getuid()): true, uint32(nobody): true, 4711: true, 4712: false} {
		if got := d.mayReadHashes(uid); got != want {
			t.Errorf("uid %d: %v", uid, got)
		}
	}
}

// TestRehashOptions: what dovecot.rehash says reaches the logins.
func TestRehashOptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vmapd.toml")
	for text, want := range map[string]login.Options{
		`rehash = ""`:                           {},
		`rehash = "SHA512-CRYPT"`:               {Rehash: "SHA512-CRYPT"},
		`rehash = "argon2id:m=32768,t=4,p=1"`:   {Rehash: "argon2id", RehashParams: password.Params{Rounds: 4, Memory: 32768, Parallelism: 1}},
		`rehash = "SHA512-CRYPT:rounds=100000"`: {Rehash: "SHA512-CRYPT", RehashParams: password.Params{Rounds: 100000}},
	} {
		if err := os.WriteFile(path, []byte("[dovecot]\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.loginOptions(); got.Rehash != want.Rehash || got.RehashParams != want.RehashParams {
			t.Errorf("%s: %q, %+v", text, got.Rehash, got.RehashParams)
		}
	}
}
