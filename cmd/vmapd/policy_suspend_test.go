package main_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestPolicySuspension has a real Postfix ask for an account that is over its
// limit again and again, until it may not send at all, and lets an administrator
// release it by the API.
func TestPolicySuspension(t *testing.T) {
	const text = "554 5.7.1 <a@far.test>: Recipient address rejected: Sending is suspended for five@home.test; "
	for name, tc := range map[string]struct {
		config string
		end    string // of the reply; empty: a time within an hour
	}{
		"until it is released": {"[policy]\nsuspend_after = 2\n", "ask your administrator"},
		"for an hour":          {"[policy]\nsuspend_after = 2\nsuspend_for = \"1h\"\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newPolicyHost(t, "suspend", tc.config)
			say := func(login string, recipients int, want string) string {
				t.Helper()
				to := []string{"a@far.test", "b@far.test", "c@far.test"}[:recipients]
				got := h.say(t, mailtest.Message{From: login + "@home.test", Login: login, To: to})
				if !strings.HasPrefix(got, want) {
					t.Fatalf("%s to %d: %q, want %q", login, recipients, got, want)
				}
				return got
			}
			const full = "450 4.7.1 <END-OF-MESSAGE>: End-of-data rejected: Sending limit of 5 recipients per day for five@home.test reached"
			say("five", 3, "250 2.0.0 Ok")
			say("five", 3, full)
			say("five", 3, full)
			h.wantReply(t, say("five", 1, text), text, tc.end)
			say("carl", 3, "250 2.0.0 Ok")
			if got := h.api(t, http.MethodGet, "limits/five@home.test/"); !strings.Contains(got, `"automatic":true`) {
				t.Errorf("the API says %s", got)
			}
			h.api(t, http.MethodPost, "limits/five@home.test/release/")
			say("five", 2, "250 2.0.0 Ok") // of what it may send it has used three
			say("five", 1, "450 4.7.1 <a@far.test>: Recipient address rejected: Sending limit of 5 recipients per day for five@home.test reached")
			if bad := h.Complaints(); len(bad) > 0 {
				t.Errorf("Postfix complains:\n%s", strings.Join(bad, "\n"))
			}
		})
	}
}

// wantReply compares a reply with what docs/policy.md shows: text and end, which
// is a time within an hour if it is empty.
func (h *policyHost) wantReply(t *testing.T, got, text, end string) {
	t.Helper()
	_, said, _ := strings.Cut(text, "rejected: ")
	shown := strings.ReplaceAll(said, "five@home.test", "user@example.com")
	docs := readFile(t, "../../docs/policy.md")
	if !strings.Contains(docs, shown+"try again after ") || !strings.Contains(docs, "`...; ask your administrator`") {
		t.Errorf("docs/policy.md does not have %q", shown)
	}
	rest := strings.TrimSpace(strings.TrimPrefix(got, text))
	if end != "" {
		if rest != end {
			t.Errorf("%q does not end with %q", got, end)
		}
		return
	}
	until, err := time.Parse("try again after 2006-01-02 15:04:05 UTC", rest)
	if left := time.Until(until); err != nil || left < 50*time.Minute || left > time.Hour+time.Second {
		t.Errorf("%q does not end with a time within an hour: %v", got, err)
	}
}

// api asks the API as the super administrator.
func (h *policyHost) api(t *testing.T, method, path string) string {
	t.Helper()
	const token = "3333333333333333333333333333333333333333"
	dbtest.Exec(t, dbtest.Open(t, dbOf(t, h.v), db.Options{}), "UPDATE authtoken_token SET key = '"+token+"' WHERE user_id = 1")
	answer, err := h.v.Do(method, "api/v1/"+path, token, "")
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
