package main_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
)

// outageCases are mail that is accepted, refused and handed in.
func outageCases() []postfixCase {
	return []postfixCase{
		to("mailbox", "user@home.test", "250 2.1.5 -> lmtp user@home.test"),
		to("alias", "team@home.test", "250 2.1.5 -> lmtp second@home.test, lmtp user@home.test, smtp outside@far.test"),
		to("domain alias", "user@alias.test", "250 2.1.5 -> lmtp user@home.test"),
		to("relay domain", "someone@relay.test", "250 2.1.5 -> relay someone@relay.test"),
		to("unknown user", "nobody@home.test", noUser),
		to("unknown domain", "user@nowhere.test", noRelay),
		submit("own address", "user@home.test", "user@home.test", "friend@far.test", toFriend),
		submit("address of another", "user@home.test", "second@home.test", "friend@far.test", notOwner),
	}
}

// testPostfixOutage takes away the database before vmapd starts, then vmapd:
// mail must be put off, never refused, and flow again by itself.
func testPostfixOutage(t *testing.T, h *mailHost) {
	p, runner := h.newPostfix(t, "outage")
	cases := outageCases()
	h.server.Exec(t, "checkpoint") // the server commits in memory and is stopped at once
	if err := h.server.Stop(); err != nil {
		t.Fatal(err)
	}
	// A short hold: the test need not wait for what cannot come.
	config := fmt.Sprintf("[database]\nurl = %q\n[lookup]\nhold = \"100ms\"\n", h.database) + socketSection(p, "vmapd")
	socket := filepath.Join(p.Private, "vmapd")
	vmapd := startVmapd(t, h.binary, config)
	vmapd.awaitSockets(t, socket)
	maps := socketMaps()
	maps.OldSenderLogin = ""
	p.Start(mailtest.Config{Maps: maps, World: h.world.NextHop()})
	expectPutOff(t, "without a database", runner, cases)

	if err := h.server.Start(); err != nil {
		t.Fatal(err)
	}
	expectFlow(t, "with the database", runner, cases)

	vmapd.stop(t)
	expectPutOff(t, "without vmapd", runner, cases)

	startVmapd(t, h.binary, config).awaitSockets(t, socket)
	expectFlow(t, "with vmapd", runner, cases)
}

// expectPutOff sends mail of which all must be refused for the moment.
func expectPutOff(t *testing.T, when string, runner *mailtest.Runner, cases []postfixCase) {
	t.Helper()
	for i, out := range runner.Run(t, messagesOf(cases)) {
		if len(out.Replies) != 1 || out.Replies[0][0] != '4' || strings.Contains(out.Summary, "->") {
			t.Errorf("%s: %s: %s, replies %q; want a temporary refusal", when, cases[i].Name, out.Summary, out.Replies)
		}
	}
}

// expectFlow sends mail until it all ends as it should: vmapd needs a moment to
// find its database again. Each round has new senders, so that nothing that an
// smtpd process remembers comes back.
func expectFlow(t *testing.T, when string, runner *mailtest.Runner, cases []postfixCase) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var bad []string
		for i, out := range runner.Run(t, messagesOf(cases)) {
			if out.Summary != cases[i].want {
				bad = append(bad, fmt.Sprintf("%s: %s, replies %q; want %s", cases[i].Name, out.Summary, out.Replies, cases[i].want))
			}
		}
		if len(bad) == 0 {
			return
		}
		if t.Failed() || ctx.Err() != nil {
			t.Fatalf("%s:\n%s", when, strings.Join(bad, "\n"))
		}
	}
}

// messagesOf returns the mail of the cases.
func messagesOf(cases []postfixCase) []mailtest.Message {
	var m []mailtest.Message
	for _, c := range cases {
		m = append(m, c.Message)
	}
	return m
}
