package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
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
	_, quota := h.Doveadm("quota", "get", "-u", user)
	for _, tc := range []struct{ what, got, want string }{
		{"IMAP", h.IMAP(t).Login(user, "secret"), "NO [UNAVAILABLE]"},
		{"POP3", h.POP3(t).Login(user, "secret"), "-ERR [SYS/TEMP]"},
		{"ManageSieve", h.SieveLogin(t, user, "secret"), "NO (TRYLATER)"},
		{"submission", h.SubmissionLogin(t, user, "secret"), "454 4.7.0"},
		{"LMTP", lmtp, "451 4.3.0"},
		{"quota-status", h.Policy(t, user, 100), "action=DEFER_IF_PERMIT"},
		{"SASL", (&saslClient{socket: h.socket("auth")}).login(user, "secret", false), "454 "},
		{"dict auth", h.askDict(t, "auth", "Lshared/userdb/lmtp/"+user+"\t"+user), "F"},
		{"dict quota", h.askDict(t, "quota", "Lpriv/quota/storage\t"+user), "F"},
		{"doveadm quota", fmt.Sprint(quota), "75"},
		{"doveadm user", fmt.Sprint(known), "75"},
		{"doveadm user '*': " + list, fmt.Sprint(listed), "75"},
	} {
		if !strings.HasPrefix(tc.got, tc.want) {
			t.Errorf("%s: %s; want %s", tc.what, tc.got, tc.want)
		}
	}
}

// askDict sends a line to one of vmapd's dicts, as Dovecot 2.3.19 does, and returns
// the line that answers.
func (h *dovecotHost) askDict(t *testing.T, dict, line string) string {
	t.Helper()
	nc, err := net.Dial("unix", h.socket("dict"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(nc, "H3\t2\t0\t\t"+dict+"\n"+line+"\n")
	answer, err := bufio.NewReader(nc).ReadString('\n')
	if err != nil {
		return "closed: " + err.Error()
	}
	return answer
}

// testFaults lets one process take the place of another under load, and takes the
// database away: nobody's login, delivery or lookup may fail.
func (h *dovecotHost) testFaults(t *testing.T) {
	l := h.newLoad(t)
	for range 2 {
		l.await(t, 2)
		succeed(t, h.v)
	}
	l.await(t, 2)
	file := strings.TrimPrefix(h.url, "sqlite:")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	drill.Await(t, time.Minute, "the database is missed", func() bool { return h.v.Metric(t, "vmapd_database_up") == 0 })
	l.await(t, 2)
	succeed(t, h.v)
	l.await(t, 2)
	l.judge(t, nil)
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
}

// TestPostfixAuth has a real Postfix authenticate its clients at vmapd: a right
// password, a wrong one, and any while nothing is loaded.
func TestPostfixAuth(t *testing.T) {
	t.Parallel()
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
