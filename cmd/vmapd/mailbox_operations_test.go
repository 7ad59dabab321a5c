package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

const apiKey = "key-of-doveadm"

// movingHost is a whole mail host: Postfix delivers to Dovecot by LMTP, both ask
// vmapd, and vmapd has folders of mailboxes renamed and removed.
type movingHost struct {
	*dovecotHost
	p *mailtest.Postfix
	d *db.DB

	token string // of the API
}

// newMovingHost starts one; mode is mailboxes.mode.
func newMovingHost(t *testing.T, mode string) *movingHost {
	t.Helper()
	dovetest.Require(t)
	mailtest.Require(t)
	m := &movingHost{p: mailtest.New(t, "moving")}
	url := dbtest.Postgres(t).NewDatabase(t)
	m.d = dbtest.Open(t, url, db.Options{})
	c, err := modoboa.Init(t.Context(), m.d, modoboa.InitOptions{Admin: "boss"})
	if err != nil {
		t.Fatal(err)
	}
	m.token = c.Token
	dbtest.Exec(t, m.d, `update core_localconfig set _parameters = '{"admin": {"handle_mailboxes": true}}'`)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(apiKey+"\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	m.dovecotHost = newDovecotHost(t, drill.Binary(t), "dict", url, socketSection(m.p, "vmapd")+strings.Replace(socketSection(m.p, "auth"), "socketmap", "auth", 1))
	every := map[string]string{"files": "0s", "doveadm": "10s"}[mode]
	m.configureMailboxes(t, fmt.Sprintf("[mailboxes]\nroot = %q\nmode = %q\nevery = %q\ndoveadm_url = %q\ndoveadm_key_file = %q\n", m.Mail, mode, every, m.DoveadmURL(), key))
	m.startAs(t, dovetest.Settings{Submission: true, APIKey: apiKey, More: fmt.Sprintf("service lmtp {\n  unix_listener %s/dovecot-lmtp {\n    mode = 0666\n  }\n}\n", m.p.Private)})
	maps := socketMaps()
	maps.Mailboxes, maps.OldSenderLogin = "socketmap:unix:private/vmapd:mailboxes", ""
	m.p.Start(mailtest.Config{Maps: maps, World: mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"}).NextHop()})
	return m
}

// configureMailboxes adds a section to vmapd's configuration.
func (m *movingHost) configureMailboxes(t *testing.T, section string) {
	t.Helper()
	f, err := os.OpenFile(m.v.Config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(section); err != nil {
		t.Fatal(err)
	}
}

// run runs vmapd, which must succeed.
func (m *movingHost) run(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, status := m.v.RunWith(t, input, args...)
	if status != 0 {
		t.Fatalf("vmapd %s: status %d: %s", strings.Join(args, " "), status, out)
	}
	return out
}

// carryOut runs "vmapd mailbox-operations" as the owner of the mail.
func (m *movingHost) carryOut(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	dir := filepath.Join(m.Dir, "owner") // what he can read
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program, config := filepath.Join(dir, "vmapd"), filepath.Join(dir, "vmapd.toml")
	for to, from := range map[string]string{program: m.v.Binary, config: m.v.Config} {
		text := readFile(t, from)
		if to == config { // he needs no API
			text = regexp.MustCompile(`(?m)^doveadm_.*\n`).ReplaceAllString(text, "")
		}
		if err := os.WriteFile(to, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, append([]string{"mailbox-operations", "-c", config}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: dovetest.Owner, Gid: dovetest.Owner}}
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// subjects are those of the messages in a mailbox.
func (m *movingHost) subjects(t *testing.T, user, password string) []string {
	t.Helper()
	c := m.IMAP(t)
	defer c.Close()
	if got := c.Login(user, password); !strings.HasPrefix(got, "OK") {
		t.Fatalf("%s does not log in: %s", user, got)
	}
	c.Cmd("SELECT INBOX")
	_, lines := c.Cmd("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
	var list []string
	for _, line := range lines {
		if s, ok := strings.CutPrefix(line, "Subject: "); ok {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list
}

// sender sends messages to an address all the time, and keeps the answers.
type sender struct {
	stop     chan struct{}
	done     sync.WaitGroup
	accepted []string // subjects
	put450   int
	other    []string
}

func (m *movingHost) send(t *testing.T, to string) *sender {
	s := &sender{stop: make(chan struct{})}
	s.done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-s.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			subject := fmt.Sprintf("flow-%04d", i)
			switch got := m.deliver(t, to, subject); {
			case strings.HasPrefix(got, "250 "):
				s.accepted = append(s.accepted, subject)
			case strings.HasPrefix(got, "450 "):
				s.put450++
			default:
				s.other = append(s.other, got)
			}
		}
	})
	return s
}

func (s *sender) end() {
	close(s.stop)
	s.done.Wait()
}

// deliver sends a message through Postfix, and returns what the client was told.
func (m *movingHost) deliver(t *testing.T, to, subject string) string {
	c, err := m.p.Dial(mailtest.MX, "")
	if err != nil {
		return err.Error()
	}
	got, err := c.Send(&mailtest.Message{From: "sender@far.test", To: []string{to}, Text: dovetest.Message(subject, 100)}, "tag")
	if err != nil {
		return err.Error()
	}
	_ = c.Quit()
	return got
}

// TestRenameWhileMailFlows renames an account through the API while mail for its
// new address comes all the time: that is put off until the folder has been
// renamed, then delivered there; old mail and Sieve scripts are there too.
func TestRenameWhileMailFlows(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"files", "doveadm"} {
		t.Run(mode, func(t *testing.T) { newMovingHost(t, mode).testRename(t, mode) })
	}
}

func (m *movingHost) testRename(t *testing.T, mode string) {
	const old, to, password = "ann@created.test", "anna@other.test", "Secret4all"
	m.run(t, "", "domain", "add", "created.test")
	m.run(t, "", "domain", "add", "other.test")
	m.run(t, password+"\n", "account", "add", old)
	var want []string
	for i := range 5 {
		subject := fmt.Sprintf("old-%d", i)
		if got := m.deliver(t, old, subject); !strings.HasPrefix(got, "250 ") {
			t.Fatalf("mail for %s: %s", old, got)
		}
		want = append(want, subject)
	}
	drill.Await(t, time.Minute, "the mail is there", func() bool { return len(m.subjects(t, old, password)) == len(want) })
	m.script(t, old)
	logged := m.IMAP(t) // somebody is logged in all the time
	logged.Login(old, password)
	logged.Cmd("SELECT INBOX")
	if _, err := m.v.Web.Do("PATCH", "api/v1/accounts/"+m.accountID(t, old)+"/?wait=served", m.token, fmt.Sprintf(`{"username": %q, "mailbox": {"full_address": %[1]q}}`, to)); err != nil {
		t.Fatal(err)
	}
	flow := m.send(t, to)
	drill.Await(t, time.Minute, "mail is put off", func() bool { return strings.HasPrefix(m.deliver(t, to, "never"), "450 ") })
	if mode == "files" {
		out, status := m.carryOut(t)
		if status != 0 || !strings.Contains(out, ": moved") {
			t.Fatalf("status %d: %s", status, out)
		}
	}
	drill.Await(t, time.Minute, "mail is taken", func() bool { return strings.HasPrefix(m.deliver(t, to, "last"), "250 ") })
	time.Sleep(200 * time.Millisecond)
	flow.end()
	want = append(append(want, "last"), flow.accepted...)
	slices.Sort(want)
	drill.Await(t, time.Minute, "all mail is there", func() bool { return len(m.subjects(t, to, password)) >= len(want) })
	if d := cmp.Diff(want, m.subjects(t, to, password)); d != "" {
		t.Errorf("mail in the new home (-want +got):\n%s", d)
	}
	if flow.put450 == 0 || len(flow.accepted) == 0 || len(flow.other) > 0 {
		t.Errorf("%d messages were put off, %d accepted, others: %q", flow.put450, len(flow.accepted), flow.other)
	}
	m.checkMoved(t, old, to)
	m.testDelete(t, mode, to)
}

// testDelete deletes the account, and its folder goes; a neighbour's stays.
func (m *movingHost) testDelete(t *testing.T, mode, user string) {
	t.Helper()
	local, domain, _ := strings.Cut(user, "@")
	m.run(t, "Secret4all\n", "account", "add", "neighbour@"+domain)
	if got := m.LMTP(t, dovetest.Message("mine", 100), "neighbour@"+domain); !strings.HasPrefix(got["neighbour@"+domain], "250 ") {
		t.Fatalf("LMTP: %v", got)
	}
	m.run(t, "", "account", "rm", user)
	if mode == "files" {
		if out, status := m.carryOut(t, "--dry-run"); status != 0 || !strings.Contains(out, "would be removed") {
			t.Errorf("dry run: status %d: %s", status, out)
		}
		if out, status := m.carryOut(t, "--tidy"); status != 0 || !strings.Contains(out, ": removed") {
			t.Errorf("status %d: %s", status, out)
		}
		if out, status := m.carryOut(t); status != 0 || out != "there are no operations\n" {
			t.Errorf("status %d: %s", status, out)
		}
	}
	drill.Await(t, time.Minute, "the folder is gone", func() bool {
		_, err := os.Lstat(filepath.Join(m.Mail, domain, local))
		return os.IsNotExist(err)
	})
	if got := m.subjects(t, "neighbour@"+domain, "Secret4all"); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("the neighbour has %q", got)
	}
	if mode == "files" { // the daemon, which runs as root, says who is to do it
		out, status := m.v.Run(t, "mailbox-operations")
		if status != 2 || !strings.Contains(out, "belongs to user 65534") || !strings.Contains(out, "--reuid=65534") {
			t.Errorf("as root: status %d: %s", status, out)
		}
	}
}

// accountID is the number of an account.
func (m *movingHost) accountID(t *testing.T, username string) string {
	t.Helper()
	var id int64
	if err := m.d.QueryRowContext(t.Context(), "select id from core_user where username = '"+username+"'").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(id)
}

// script gives a user a Sieve script, as ManageSieve does.
func (m *movingHost) script(t *testing.T, user string) {
	t.Helper()
	local, domain, _ := strings.Cut(user, "@")
	home := filepath.Join(m.Mail, domain, local)
	text := "cd " + home + " && mkdir -p sieve/deep && echo keep\\; > sieve/deep/own.sieve && ln -s sieve/deep/own.sieve .dovecot.sieve && chown -hR 65534:65534 ."
	if out, err := exec.Command("sh", "-c", text).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// checkMoved looks at the folders: nothing of the old home is left, everything
// in the new one belongs to the owner of mail.
func (m *movingHost) checkMoved(t *testing.T, old, to string) {
	t.Helper()
	local, domain, _ := strings.Cut(old, "@")
	if st, err := os.Lstat(filepath.Join(m.Mail, domain, local)); err == nil {
		t.Errorf("the old home is there: %v", st.Mode())
	}
	local, domain, _ = strings.Cut(to, "@")
	home := filepath.Join(m.Mail, domain, local)
	if text := readFile(t, home+"/.dovecot.sieve"); text != "keep;\n" {
		t.Errorf("the script is %q", text)
	}
	err := filepath.Walk(m.Mail, func(path string, st os.FileInfo, err error) error {
		if err == nil && st.Sys().(*syscall.Stat_t).Uid != dovetest.Owner {
			t.Errorf("%s belongs to user %d", path, st.Sys().(*syscall.Stat_t).Uid)
		}
		if strings.Contains(path, "/.vmapd-") {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if out, status := m.v.Run(t, "lookup", "maintain", to); status != 1 {
		t.Errorf("maintain still says %q", out)
	}
}
