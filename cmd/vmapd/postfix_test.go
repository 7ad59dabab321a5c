package main_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
)

// variant is one way of wiring Postfix; each gets its own instance.
type variant struct {
	name    string
	vmapd   bool // the maps are answered by vmapd
	lean    bool // with virtual_mailbox_maps
	chroot  bool
	postfix string // its version
}

// TestPostfix hands the same mail to several real Postfixes over one database:
// one asks it with Modoboa's SQL maps, the others ask vmapd, over its unix
// socket with and without a chroot, over TCP, and in the leaner main.cf that
// the table of mailboxes allows. What the clients are told and where the mail
// ends must be as written in the cases, and alike.
func TestPostfix(t *testing.T) {
	t.Parallel()
	mailtest.Require(t, "pgsql")
	binary := drill.Binary(t)
	t.Run("outcomes", func(t *testing.T) { testPostfixOutcomes(t, newMailHost(t, binary)) })
	t.Run("outage", func(t *testing.T) { testPostfixOutage(t, newMailHost(t, binary)) })
}

func testPostfixOutcomes(t *testing.T, h *mailHost) {
	cases := postfixCases()
	var (
		mu      sync.Mutex
		results = make(map[string]map[string]mailtest.Outcome)
	)
	t.Run("postfix", func(t *testing.T) {
		for _, v := range []variant{
			{name: "sql"},
			{name: "socketmap", vmapd: true},
			{name: "chroot", vmapd: true, chroot: true},
			{name: "lean", vmapd: true, lean: true},
			{name: "tcp", vmapd: true},
		} {
			t.Run(v.name, func(t *testing.T) {
				t.Parallel()
				got := h.run(t, v, cases)
				mu.Lock()
				defer mu.Unlock()
				results[v.name] = got
			})
		}
	})
	for _, v := range []string{"socketmap", "chroot", "tcp"} {
		compareReplies(t, cases, v, results["sql"], results[v])
	}
	// Without a probe the refusal has Postfix's own words.
	if got := results["lean"]["unknown user"].Replies; len(got) != 1 || !strings.Contains(got[0], "User unknown in virtual mailbox table") {
		t.Errorf("lean: unknown user was answered %q; want a refusal without a probe", got)
	}
}

// run starts one Postfix, and the daemon behind it, sends the mail and compares
// what became of it with what was expected. It returns the outcomes by name of
// the case.
func (h *mailHost) run(t *testing.T, v variant, cases []postfixCase) map[string]mailtest.Outcome {
	p, runner := h.newPostfix(t, v.name)
	v.postfix = p.Version()
	maps := h.wire(t, v, p)
	p.Start(mailtest.Config{Maps: maps, Chroot: v.chroot, World: h.world.NextHop()})

	var messages []mailtest.Message
	want := make(map[string]string)
	for _, c := range cases {
		if c.Service == mailtest.SubmissionOld && maps.OldSenderLogin == "" {
			continue
		}
		if _, twice := want[c.Name]; twice {
			t.Fatalf("two cases have the name %q", c.Name)
		}
		messages = append(messages, c.Message)
		want[c.Name] = c.expected(v)
	}
	got, summaries := make(map[string]mailtest.Outcome), make(map[string]string)
	for i, out := range runner.Run(t, messages) {
		got[messages[i].Name], summaries[messages[i].Name] = out, out.Summary
	}
	if diff := cmp.Diff(want, summaries); diff != "" {
		t.Errorf("outcomes differ (-want +got):\n%s", diff)
		for name, out := range got {
			if out.Summary != want[name] {
				t.Logf("%s: the client was told %q", name, out.Replies)
			}
		}
	}
	if bad := p.Complaints(); len(bad) > 0 {
		t.Errorf("Postfix complains:\n%s", strings.Join(bad, "\n"))
	}
	return got
}

// expected is the outcome of the case in a variant.
func (c *postfixCase) expected(v variant) string {
	switch {
	case v.lean && c.lean != "":
		return c.lean
	case c.vmapd != "" && (v.vmapd || c.fixed != "" && mailtest.AtLeast(v.postfix, c.fixed)):
		return c.vmapd
	default:
		return c.want
	}
}

// wire starts what answers the maps of a variant.
func (h *mailHost) wire(t *testing.T, v variant, p *mailtest.Postfix) mailtest.Maps {
	t.Helper()
	if !v.vmapd {
		return h.sqlMaps(t, p)
	}
	database := fmt.Sprintf("[database]\nurl = %q\n", h.database)
	maps, sections := socketMaps(), socketSection(p, "vmapd")
	switch v.name {
	case "chroot":
		maps = socketMapsByOldNames()
	case "lean":
		maps.Mailboxes = "socketmap:unix:private/vmapd:mailboxes"
		maps.OldSenderLogin = ""
	case "tcp":
		var ports string
		maps, ports = tcpMaps(t)
		sections += ports
	}
	sockets := []string{filepath.Join(p.Private, "vmapd")}
	startVmapd(t, h.binary, database+sections).awaitSockets(t, sockets...)
	if maps.OldSenderLogin != "" {
		old := startVmapd(t, h.binary, database+"[lookup]\nsender_login = \"1.10\"\n"+socketSection(p, "vmapd-1.10"))
		old.awaitSockets(t, filepath.Join(p.Private, "vmapd-1.10"))
	}
	return maps
}

// compareReplies compares the full texts that clients got from two instances,
// except where vmapd is meant to do otherwise.
func compareReplies(t *testing.T, cases []postfixCase, name string, sql, vmapd map[string]mailtest.Outcome) {
	t.Helper()
	for _, c := range cases {
		a, inA := sql[c.Name]
		b, inB := vmapd[c.Name]
		if c.why != "" || !inA || !inB || slices.Equal(a.Replies, b.Replies) && a.Summary == b.Summary {
			continue
		}
		t.Errorf("%s: %s: the SQL maps lead to\n\t%q\n\t%s\nvmapd leads to\n\t%q\n\t%s", name, c.Name, a.Replies, a.Summary, b.Replies, b.Summary)
	}
}
