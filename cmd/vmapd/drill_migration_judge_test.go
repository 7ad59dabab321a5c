//go:build drill

package main_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/vmapd/vmapd/dkim/milter/miltertest"
)

// judge ends the traffic and finds every message.
func (tr *traffic) judge(t *testing.T) {
	t.Helper()
	tr.end()
	must(t, tr.h.p.WaitIdle(time.Minute))
	t.Logf("%v messages and %d logins, %d of them at the second try; the longest took %v (the machine let nobody run for %v)",
		tr.accepted, tr.logins, tr.cut, tr.longest.Round(time.Millisecond), tr.idle.Turn().Round(time.Millisecond))
	if tr.cut > reloads {
		t.Errorf("%d logins were cut off, Dovecot reloaded %d times", tr.cut, reloads)
	}
	for _, line := range tr.bad {
		t.Errorf("refused: %s", line)
	}
	found := map[string][]string{} // where, by tag
	for _, box := range people() {
		for _, tag := range tr.h.tags(t, box) {
			found[tag] = append(found[tag], box)
		}
	}
	for _, d := range tr.h.world.Deliveries() {
		if d.Bounce {
			t.Errorf("a mail system wrote to %s about %s", d.Recipient, d.Tag)
		}
		found[d.Tag] = append(found[d.Tag], "")
	}
	for tag, box := range tr.sent {
		if !slices.Equal(found[tag], []string{box}) {
			t.Errorf("%s for %q is in %q", tag, box, found[tag])
		}
	}
	tr.judgeLog(t)
	tr.judgeSignatures(t)
}

// tags are those of the messages in somebody's INBOX.
func (h *migrationHost) tags(t *testing.T, user string) (tags []string) {
	t.Helper()
	c := h.IMAP(t)
	defer c.Close()
	if got := c.Login(user, "secret"); !strings.HasPrefix(got, "OK") {
		t.Fatalf("%s: %s", user, got)
	}
	c.Cmd("SELECT INBOX")
	_, lines := c.Cmd("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (X-Mailtest-Tag)])")
	for _, line := range lines {
		if tag, ok := strings.CutPrefix(line, "X-Mailtest-Tag: "); ok {
			tags = append(tags, tag)
		}
	}
	return tags
}

// allowedWarnings are those of a reload: a process that ended when another one
// asked it, which asks its successor then, and one that read main.cf at the moment
// when it was changed, and reads it again; and postsuper(1), which met a queue file
// that had no name yet.
const allowedWarnings = `problem talking to service [a-z/]+: Connection reset by peer|dict_proxy_lookup: service proxymap: Connection reset by peer|main\.cf, line [0-9]+: overriding earlier entry|postsuper\[[0-9]+\]: warning: bogus file name: incoming/[0-9.]+$`

// judgeLog looks at how long mail was under way, and for warnings.
func (tr *traffic) judgeLog(t *testing.T) {
	t.Helper()
	id, delay := regexp.MustCompile(`: ([0-9A-F]+): message-id=<(.*)@test>`), regexp.MustCompile(`: ([0-9A-F]+): .* delay=([0-9.]+),.* status=([a-z]+)`)
	tags, slowest := map[string]string{}, time.Duration(0)
	for _, line := range tr.h.p.Lines(` status=| message-id=`) {
		if m := id.FindStringSubmatch(line); m != nil {
			tags[m[1]] = m[2] // a queue file's name is used again
			continue
		}
		m := delay.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if held := strings.Contains(line, "(deferred transport)"); m[3] != "sent" && m[3] != "deliverable" && !held {
			t.Errorf("Postfix: %s", line)
		}
		seconds, _ := strconv.ParseFloat(m[2], 64)
		took := tr.took[tags[m[1]]] + time.Duration(seconds*float64(time.Second))
		if slowest = max(slowest, took); took > 30*time.Second {
			t.Errorf("%s was under way for %v", tags[m[1]], took)
		}
	}
	t.Logf("the slowest message was under way for %v", slowest.Round(time.Millisecond))
	allowed := regexp.MustCompile(allowedWarnings)
	for _, line := range tr.h.p.Lines(`warning:|error:|fatal:|panic:`) {
		if !allowed.MatchString(line) {
			t.Errorf("Postfix: %s", line)
		}
	}
}

// judgeSignatures verifies what left the host.
func (tr *traffic) judgeSignatures(t *testing.T) {
	t.Helper()
	texts := tr.h.world.Texts()
	for _, text := range texts {
		all, err := msgauth.VerifyWithOptions(strings.NewReader(text), &msgauth.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{tr.h.record}, nil }})
		if err != nil || len(all) != 1 || all[0].Err != nil || all[0].Domain != "home.test" {
			t.Errorf("%q has %d signatures, %v", miltertest.Parse(text).Values("Subject"), len(all), err)
		}
	}
	t.Logf("%d messages went out", len(texts))
}
