//go:build drill

package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
)

// TestMigration runs docs/migration.md on a host as Modoboa's manual sets it up,
// while mail goes through it: all steps forward with the first route of
// Dovecot, all steps back, and forward again with the second one, without a
// pause between steps.
func TestMigration(t *testing.T) {
	dovetest.Require(t)
	mailtest.Require(t, "pgsql")
	h := newMigrationHost(t, drill.Binary(t))
	tr := h.begin(t)
	tr.await(t, 5)
	h.awaitLogins(t, time.Now(), "before")
	for _, block := range []string{"copies", "reload postfix", "service", "keys", "configuration", "beside"} {
		h.run(t, block)
	}
	step := func(block string) {
		h.run(t, block)
		done := time.Now()
		tr.await(t, 5)
		h.awaitLogins(t, done, block)
	}
	for _, block := range []string{"maps", "sasl", "reload", "dovecot dict", "quota", "dkim", "dkim end", "policy"} {
		step(block)
	}
	h.fillQuiet(t)
	for _, block := range []string{"policy back", "dkim back", "quota back", "dovecot dict back", "sasl back", "maps back"} {
		step(block)
	}
	for _, block := range []string{"maps", "sasl", "dovecot server", "quota", "dkim", "policy"} {
		h.run(t, block)
	}
	step("dkim end")
	step("end")
	h.fillQuiet(t)
	tr.judge(t)
	h.judgeQuota(t, people()...)
}

// judgeQuota compares the figures in the database with what IMAP says. They are
// those of mailboxes in which something changed since Dovecot counts.
func (h *migrationHost) judgeQuota(t *testing.T, users ...string) {
	t.Helper()
	site := &dovecotSite{Dovecot: h.Dovecot, db: h.db}
	for _, user := range users {
		n, _, _ := site.messages(t, user)
		site.want = fmt.Sprintf("%d messages, as IMAP says", n)
		if got := site.figures(t, user); got != site.want {
			t.Errorf("%s: the database has %s, IMAP %d messages", user, got, n)
		}
	}
}

// fillQuiet puts a message into a mailbox that gets none else: its figure can be
// judged while mail goes to the others.
func (h *migrationHost) fillQuiet(t *testing.T) {
	t.Helper()
	const user = "quiet@home.test"
	c := h.IMAP(t)
	defer c.Close()
	if got := c.Login(user, "secret"); !strings.HasPrefix(got, "OK") {
		t.Fatalf("%s: %s", user, got)
	}
	if got := c.Append("INBOX", dovetest.Message("a message", 4000)); !strings.HasPrefix(got, "OK") {
		t.Fatalf("%s: %s", user, got)
	}
	h.judgeQuota(t, user)
}
