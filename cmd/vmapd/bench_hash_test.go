//go:build bench

package main_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/password"
)

// perlCrypt prints the microseconds of processor time that crypt(3) takes for a
// password and hash.
const perlCrypt = `my ($pw, $s, $n) = (@ARGV, 0); do { crypt($pw, $s) eq $s or die "no match"; $n++ } while ((times)[0] < 1); printf "%d", (times)[0] * 1e6 / $n`

// benchHash measures logins whose passwords are hashed each time, as Modoboa
// stores them: how much of vmapd's processor time the bare hash takes, and how
// long the bare hash takes beside crypt(3) of this host.
func benchHash(t *testing.T, h *benchHost, r *report) {
	const rounds = 7
	v := h.startDovecotVmapd(t, "remember_passwords = \"0s\"\n")
	c := v.lines(t, "auth", greetLogin, h.size.mailboxesOf(hashedDomain, hashedDomain), "OK\t", askPostfix).with(2)
	stored := sha512(t, password.Params{})
	c.rateOf(t)
	var share, beside, rates samples
	for range rounds {
		bare := bareHash(t, stored)
		seen := c.runFor(t, 2*time.Second)
		login := seen.cpu / time.Duration(seen.n)
		share, rates = append(share, bare.Seconds()/login.Seconds()), append(rates, seen.rate())
		other, ok := libcrypt(t, stored)
		if ok {
			beside = append(beside, bare.Seconds()/other.Seconds())
		}
		t.Logf("processor time of a login %v, of the bare hash %v, of crypt(3) %v; %.0f logins/s", login, bare, other, seen.rate())
	}
	r.atLeast("uncached logins: bare hash ÷ vmapd's processor time", "%.2f", share, 0.9)
	r.tell("uncached logins: a second, 2 connections", "%.0f", rates)
	if len(beside) > 0 {
		r.atMost("SHA512-CRYPT, 70,000 rounds: processor time ÷ crypt(3)'s", "%.2f", beside, 1.1)
	}
}

// bareHash returns the processor time that a verification takes.
func bareHash(t *testing.T, stored string) time.Duration {
	t.Helper()
	n, began, cpu := 0, time.Now(), cpuTime(t, os.Getpid())
	for ; time.Since(began) < time.Second; n++ {
		hash, err := password.Parse(stored, "")
		if err != nil {
			t.Fatal(err)
		}
		if right, err := hash.Verify("", "secret"); !right || err != nil {
			t.Fatal(right, err)
		}
	}
	return (cpuTime(t, os.Getpid()) - cpu) / time.Duration(n)
}

// libcrypt returns the processor time of crypt(3), if perl is there to call it.
func libcrypt(t *testing.T, stored string) (time.Duration, bool) {
	t.Helper()
	_, text, _ := strings.Cut(stored, "}")
	out, err := exec.Command("perl", "-e", perlCrypt, "secret", text).Output()
	micros, parseErr := strconv.Atoi(string(out))
	if err != nil || parseErr != nil {
		if os.Getenv("VMAPD_PEERS") == "required" {
			t.Fatalf("no crypt(3) to compare with: %v %s", err, out)
		}
		return 0, false
	}
	return time.Duration(micros) * time.Microsecond, true
}
