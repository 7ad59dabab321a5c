package main_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
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

// testRestarts has people log in without pause while one process takes the place
// of another: nobody's login may fail.
func (h *dovecotHost) testRestarts(t *testing.T) {
	var stop atomic.Bool
	var logins, putOff atomic.Int64
	var people sync.WaitGroup
	for _, user := range []string{"ann@home.test", "dear@home.test", "boss@home.test", "ann@home.test*boss@home.test"} {
		people.Go(func() {
			for !stop.Load() {
				c := h.IMAP(t)
				if got := c.Login(user, "secret"); !strings.HasPrefix(got, "OK") {
					t.Errorf("%s: %s", user, got)
				}
				c.Close()
				// An lmtp process keeps its connection to auth-master, and when
				// that is closed while it idles the next lookup fails: once, for
				// the moment (Dovecot 2.3, src/lib-auth/auth-master.c).
				reply := h.LMTP(t, "Subject: x\r\n\r\nx", "o'brien@home.test")["o'brien@home.test"]
				switch {
				case strings.HasPrefix(reply, "250 "):
				case strings.HasPrefix(reply, "451 4.3.0") && h.route == "server":
					putOff.Add(1)
				default:
					t.Errorf("LMTP: %s", reply)
				}
				logins.Add(1)
			}
		})
	}
	for range 3 {
		before := logins.Load()
		drill.Await(t, time.Minute, "people log in", func() bool { return logins.Load() >= before+5 })
		h.succeed(t)
	}
	before := logins.Load()
	drill.Await(t, time.Minute, "people log in", func() bool { return logins.Load() >= before+5 })
	stop.Store(true)
	people.Wait()
	t.Logf("%d logins; %d deliveries were put off", logins.Load(), putOff.Load())
}

// TestPostfixAuth has a real Postfix authenticate its clients at vmapd: a right
// password, a wrong one, and any while nothing is loaded.
func TestPostfixAuth(t *testing.T) {
	mailtest.Require(t)
	binary := drill.Binary(t)
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
