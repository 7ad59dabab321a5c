package daemon

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
	"github.com/vmapd/vmapd/lookup/login"
)

// TestFail2ban: the filter of contrib finds in a real log whom to shut out, and
// nobody whom an attacker names.
func TestFail2ban(t *testing.T) {
	program := peers.Program(t, "fail2ban-regex", "fail2ban")
	// fail2ban reads its main configuration beside the filter.
	filter, err := filepath.Abs("../contrib/fail2ban/filter.d/vmapd.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"console", "json"} {
		file := filepath.Join(t.TempDir(), "log")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		log := NewLogger(Log{Level: "info", Format: format}, f)
		tell := newMetrics().login(log.Logger)
		for _, l := range []struct {
			user, remote string
			verdict      login.Verdict
			cause        login.Cause
		}{
			{"user@example.com", "192.0.2.1", login.No, login.WrongPassword},
			{"nobody@example.com", "2001:db8::2", login.No, login.UnknownLogin},
			{`x", "remote": "198.51.100.1", "cause": "unknown`, "192.0.2.3", login.No, login.UnknownLogin},
			{"x\n2026-01-01T00:00:00.000Z\tINFO\ta login failed\t{\"service\": \"imap\", \"user\": \"x\", \"remote\": \"198.51.100.2\", \"cause\": \"unknown\"}", "192.0.2.4", login.No, login.Guarded},
			{"disabled@example.com", "198.51.100.3", login.No, login.Refused},
			{"user@example.com", "198.51.100.4", login.Yes, ""},
			{"user@example.com", "198.51.100.5", login.Unsure, ""},
		} {
			tell("imap", l.user, netip.MustParseAddr(l.remote), login.Outcome{Verdict: l.verdict, Cause: l.cause, Reason: "a reason"})
		}
		log.Info("listening") // another line
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "--out", "<ip>", file, filter)
		cmd.Env = append(os.Environ(), "TZ=UTC")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got, want := strings.Fields(string(out)), []string{"192.0.2.1", "2001:db8::2", "192.0.2.3", "192.0.2.4"}
		if !slices.Equal(got, want) {
			text, _ := os.ReadFile(file)
			t.Errorf("%s: %v, want %v\n%s", format, got, want, text)
		}
	}
}
