package main_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// testNothingLoaded asks a vmapd that never had data: nobody may be told that a
// password is wrong, or a user unknown.
func (h *dovecotHost) testNothingLoaded(t *testing.T) {
	const user = "ann@home.test"
	lmtp := h.LMTP(t, dovetest.Message("later", 100), user)[user]
	_, known := h.Doveadm("user", user)
	list, listed := h.Doveadm("user", "*")
	for _, tc := range []struct{ what, got, want string }{
		{"IMAP", h.IMAP(t).Login(user, "secret"), "NO [UNAVAILABLE]"},
		{"POP3", h.POP3(t).Login(user, "secret"), "-ERR [SYS/TEMP]"},
		{"ManageSieve", h.SieveLogin(t, user, "secret"), "NO (TRYLATER)"},
		{"submission", h.SubmissionLogin(t, user, "secret"), "454 4.7.0"},
		{"LMTP", lmtp, "451 4.3.0"},
		{"quota-status", h.Policy(t, user, 100), "action=DEFER_IF_PERMIT"},
		{"doveadm user", fmt.Sprint(known), "75"},
		{"doveadm user '*': " + list, fmt.Sprint(listed), "75"},
	} {
		if !strings.HasPrefix(tc.got, tc.want) {
			t.Errorf("%s: %s; want %s", tc.what, tc.got, tc.want)
		}
	}
}

// testRestarts lets one process take the place of another under load: nobody's
// login, delivery or lookup may fail.
func (h *dovecotHost) testRestarts(t *testing.T) {
	l := h.newLoad(t)
	for range 3 {
		l.await(t, 3)
		h.succeed(t)
	}
	l.await(t, 3)
	l.judge(t, nil)
}

// TestDovecotHeldSockets ends the daemon and starts it again while the sockets are
// held open, as with a socket unit of systemd.
func TestDovecotHeldSockets(t *testing.T) {
	dovetest.Require(t, "2.3.")
	binary := buildVmapd(t)
	for _, route := range routes() {
		t.Run(route, func(t *testing.T) {
			url := dbtest.SQLite(t)
			fillLogins(t, url)
			h := newDovecotHost(t, binary, route, url, "")
			h.holdSockets(t)
			h.start(t)
			l := h.newLoad(t)
			for range 3 {
				l.await(t, 3)
				h.v.Stop(t)
				h.v.Start(t)
			}
			l.await(t, 3)
			l.judge(t, nil)
		})
	}
}

// TestPostfixAuth has a real Postfix authenticate its clients at vmapd: a right
// password, a wrong one, and any while nothing is loaded.
func TestPostfixAuth(t *testing.T) {
	mailtest.Require(t)
	binary := buildVmapd(t)
	url := dbtest.SQLite(t)
	fillLogins(t, url)
	dead := "postgres://nobody@" + mailtest.LoopbackAddrs(t, 1)[0] + "/none"
	for name, tc := range map[string]struct {
		url  string
		want map[string]string // by login
	}{
		"loaded": {url, map[string]string{
			"ann@home.test:secret":                "250 2.1.5",
			"dear@home.test:secret":               "250 2.1.5",
			"sender@home.test:secret":             "250 2.1.5",
			"ann@home.test:wrong":                 "auth 535 5.7.8",
			"nobody@home.test:secret":             "auth 535 5.7.8",
			"closed@home.test:secret":             "auth 535 5.7.8",
			"lost@off.test:secret":                "auth 535 5.7.8",
			"boss@home.test*ann@home.test:secret": "auth 535 5.7.8",
		}},
		"nothing loaded": {dead, map[string]string{
			"ann@home.test:secret": "auth 454 4.7.0",
			"ann@home.test:wrong":  "auth 454 4.7.0",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mailtest.New(t, "auth")
			world := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"})
			v := startVmapd(t, binary, fmt.Sprintf("[database]\nurl = %q\n[lookup]\nhold = \"100ms\"\n[dovecot]\nfailure_delay = \"0s\"\n", tc.url)+
				socketSection(p, "vmapd")+strings.ReplaceAll(socketSection(p, "auth"), `"socketmap"`, `"auth"`))
			v.awaitSockets(t, filepath.Join(p.Private, "vmapd"), filepath.Join(p.Private, "auth"))
			maps := socketMaps()
			maps.OldSenderLogin = ""
			p.Start(mailtest.Config{Maps: maps, World: world.NextHop()})
			var messages []mailtest.Message
			for login := range tc.want {
				from, _, _ := strings.Cut(login, ":")
				messages = append(messages, mailtest.Message{Name: login, From: from, To: []string{"friend@far.test"}, Login: login, Service: mailtest.Submission})
			}
			r := &mailtest.Runner{Postfix: p, Sinks: []*mailtest.Sink{world}, Workers: len(messages)}
			for i, out := range r.Run(t, messages) {
				if login := messages[i].Login; !strings.HasPrefix(out.Summary, tc.want[login]) {
					t.Errorf("%s: %s %q; want %s", login, out.Summary, out.Replies, tc.want[login])
				}
			}
			if bad := p.Complaints(); len(bad) > 0 && name == "loaded" {
				t.Errorf("Postfix complains:\n%s", strings.Join(bad, "\n"))
			}
		})
	}
}
