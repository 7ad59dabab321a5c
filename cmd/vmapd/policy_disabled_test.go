package main_test

import (
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
)

// TestPolicyTakesWhatModoboaTakes: unless it is told to, the policy service does
// not refuse mail that a host of Modoboa's takes. What is for sending only takes
// none there either.
func TestPolicyTakesWhatModoboaTakes(t *testing.T) {
	h := newPolicyHost(t, "disabled", "")
	for to, want := range map[string]string{
		"gone@home.test":  "250 2.0.0 Ok",
		"robot@home.test": "550 5.2.1 <robot@home.test>: Recipient address rejected: Mailbox is disabled",
	} {
		if got := h.say(t, mailtest.Message{From: "somebody@far.test", To: []string{to}}); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", to, got, want)
		}
	}
}
