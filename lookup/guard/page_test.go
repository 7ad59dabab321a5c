package guard

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestPage: docs/guard.md has the limits that are the defaults, and what they
// leave to an attacker.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/guard.md")
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{}.withDefaults()
	for what, l := range map[string]Limit{
		"an account, from places it has not logged in from": s.Account, "an account at one known place": s.Place,
		"an IPv4 address": s.Address, "an IPv4 /24": s.IPv4x24, "an IPv6 /64": s.IPv6x64, "an IPv6 /56": s.IPv6x56, "an IPv6 /48": s.IPv6x48,
	} {
		row := fmt.Sprintf("| %s | %d | %d | %d min | %d |", what, l.Free, l.Refuse, l.Forget/time.Minute, 24*time.Hour/l.Forget)
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/guard.md does not have %s", row)
		}
	}
	for _, fact := range []string{
		fmt.Sprintf("within %d days", s.Remember/(24*time.Hour)), "after 1, 2, 4, then 8 seconds",
		"65,536 entries", "262,144 accounts",
	} {
		if !strings.Contains(string(text), fact) {
			t.Errorf("docs/guard.md does not say %q", fact)
		}
	}
	if s.FirstDelay != time.Second || s.MaxDelay != 8*time.Second || s.MaxEntries != 65_536 || s.MaxHomes != 262_144 {
		t.Errorf("docs/guard.md tells other sizes than %+v", s)
	}
}
