// Package peers says what becomes of a test that needs programs of others -
// Postfix, Dovecot, databases - where they are missing: it is skipped, unless
// the environment says VMAPD_PEERS=required; then it fails. So make test, which
// installs them, cannot pass without having used them.
package peers

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Need skips or fails the test if err, which says what is missing and how to get
// it, is not nil.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("VMAPD_PEERS") == "required":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// Program returns the path of a program, which is in a package of Debian.
func Program(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		err = fmt.Errorf("%w: apt-get install --no-install-recommends %s", err, debian)
	}
	Need(t, err)
	return path
}

// Root is for tests whose peers must be started by root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Need(t, fmt.Errorf("this test starts a program that must be started by root, not by uid %d", os.Geteuid()))
	}
}

// Dovecot23 returns the path of a program of Dovecot 2.3 (dovecot, doveadm).
func Dovecot23(t testing.TB, name string) string {
	t.Helper()
	path := Program(t, name, "dovecot-core")
	v, err := exec.Command("dovecot", "--version").Output()
	if err == nil && !strings.HasPrefix(string(v), "2.3.") {
		err = fmt.Errorf("this test is for Dovecot 2.3, here is %s", v)
	}
	Need(t, err)
	return path
}
