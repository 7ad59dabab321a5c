package main_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/store/db"
)

// dovecotSite is a running Dovecot, whatever it asks about accounts. Its methods
// do what clients do, and say in a few words what came of it.
type dovecotSite struct {
	*dovetest.Dovecot
	db     *db.DB // of the accounts, with a quota table of its own
	login  string // the auth service's socket for logins
	master string // and the one for mail processes
	want   string // what is expected of the case at hand
}

// logsIn tries a password everywhere and returns the services that took it. One
// that neither took nor refused it has a question mark. All are tried at once:
// Dovecot's auth service has refusals wait for each other.
func (s *dovecotSite) logsIn(t *testing.T, user, password string) string {
	type service struct {
		name    string
		try     func() string
		yes, no string // regular expressions
	}
	services := []service{
		{"imap", func() string { return s.IMAP(t).Login(user, password) }, `OK `, `NO \[(AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|CONTACTADMIN)\]`},
		{"pop3", func() string { return s.POP3(t).Login(user, password) }, `\+OK`, `-ERR \[AUTH\]`},
		{"sieve", func() string { return s.SieveLogin(t, user, password) }, `OK`, `NO "(Authentication failed|Authorization failed|This_mailbox)`},
		{"submission", func() string { return s.SubmissionLogin(t, user, password) }, `235 `, `535 |525 `},
		{"smtp", func() string { return s.sasl(t, user, password) }, `OK\t`, `FAIL(\t|\tuser=[^\t]*|\t(original|auth)_user=[^\t]*|\tcode=(authz_fail|user_disabled))*$`},
	}
	answers := make([]string, len(services))
	var all sync.WaitGroup
	for i := range services {
		all.Go(func() { answers[i] = services[i].try() })
	}
	all.Wait()
	var took []string
	for i, answer := range answers {
		switch v := &services[i]; {
		case regexp.MustCompile("^(" + v.yes + ")").MatchString(answer):
			took = append(took, v.name)
		case !regexp.MustCompile("^(" + v.no + ")").MatchString(answer):
			took = append(took, v.name+"?")
			t.Logf("%s, %s: %s", v.name, user, answer)
		}
	}
	return strings.Join(took, " ")
}

// sasl logs in as Postfix does.
func (s *dovecotSite) sasl(t *testing.T, user, password string) string {
	t.Helper()
	a, err := dovetest.DialLogin(s.login)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	answer, err := a.Plain("smtp", user, password)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// saslUser returns the name that Postfix gets to know, which it compares with
// the owners of sender addresses.
func (s *dovecotSite) saslUser(t *testing.T, user, password string) string {
	answer, ok := strings.CutPrefix(s.sasl(t, user, password), "OK\t")
	if !ok {
		return "no"
	}
	for f := range strings.SplitSeq(answer, "\t") {
		if name, ok := strings.CutPrefix(f, "user="); ok {
			return name
		}
	}
	return answer
}

// mailOf logs in to IMAP and says how many messages are there, so whose mailbox
// it is can be seen.
func (s *dovecotSite) mailOf(t *testing.T, user, password string) string {
	c := s.IMAP(t)
	defer c.Close()
	if answer := c.Login(user, password); !strings.HasPrefix(answer, "OK ") {
		return "no"
	}
	_, lines := c.Cmd("STATUS INBOX (MESSAGES)")
	return strings.Join(lines, " ")
}

// delivers sends a message of about size bytes through LMTP and returns the
// reply's codes.
func (s *dovecotSite) delivers(t *testing.T, to string, size int) string {
	f := strings.Fields(s.LMTP(t, dovetest.Message("a message", size), to)[to])
	return strings.Join(f[:min(2, len(f))], " ")
}

// policy asks quota-status.
func (s *dovecotSite) policy(t *testing.T, to string, size int) string {
	return strings.TrimPrefix(strings.Join(strings.Fields(s.Policy(t, to, size))[:1], " "), "action=")
}

// mailbox asks for a user as lmtp, imap ... do, and returns what all kinds of
// configuration have in common.
func (s *dovecotSite) mailbox(t *testing.T, service, user string) string {
	t.Helper()
	a, err := dovetest.DialMaster(s.master)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	answer, err := a.User(service, user)
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Split(answer, "\t")
	if f[0] != "USER" {
		return f[0]
	}
	out := []string{f[1]}
	for _, key := range []string{"home", "uid", "gid", "quota_rule"} {
		if i := slices.IndexFunc(f, func(f string) bool { return strings.HasPrefix(f, key+"=") }); i >= 0 {
			out = append(out, f[i])
		}
	}
	return strings.ReplaceAll(strings.Join(out, " "), s.Mail+"/", "~/")
}

// users lists them as "doveadm user '*'" does.
func (s *dovecotSite) users(t *testing.T) string {
	out, status := s.Doveadm("user", "*")
	if status != 0 {
		return fmt.Sprintf("status %d: %s", status, out)
	}
	names := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	slices.Sort(names)
	return strings.ReplaceAll(strings.Join(names, " "), "@home.test", "")
}

// figures compares the table of quota figures with the messages of a mailbox, and
// says which of their sizes it counts, or what is there. They come a moment after
// the reply to whoever changed something: it waits for what is wanted.
func (s *dovecotSite) figures(t *testing.T, user string) (said string) {
	t.Helper()
	_, virtual, disk := s.messages(t, user)
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var bytes, messages int64
		if err := s.db.QueryRowContext(t.Context(), "select bytes, messages from admin_quota where username = '"+user+"'").Scan(&bytes, &messages); err != nil {
			t.Fatal(err)
		}
		switch bytes {
		case virtual:
			said = fmt.Sprintf("%d messages, as IMAP says", messages)
		case disk:
			said = fmt.Sprintf("%d messages, as on disk", messages)
		default:
			said = fmt.Sprintf("%d messages, %d bytes", messages, bytes)
		}
		if said == s.want || time.Now().After(end) {
			return said
		}
	}
}

// messages counts those of INBOX and adds up their sizes, as IMAP says them and
// as files.
func (s *dovecotSite) messages(t *testing.T, user string) (n, virtual, disk int64) {
	t.Helper()
	out, status := s.Doveadm("-f", "tab", "fetch", "-u", user, "size.virtual size.physical", "mailbox", "INBOX")
	for line := range strings.Lines(out) {
		var v, p int64
		if _, err := fmt.Sscan(line, &v, &p); err == nil {
			n, virtual, disk = n+1, virtual+v, disk+p
		}
	}
	if status != 0 || n == 0 {
		t.Fatalf("doveadm fetch: status %d: %s", status, out)
	}
	return n, virtual, disk
}

// expunge removes the first message of a mailbox.
func (s *dovecotSite) expunge(t *testing.T, user, password string) {
	t.Helper()
	c := s.IMAP(t)
	defer c.Close()
	c.Login(user, password)
	for _, command := range []string{"SELECT INBOX", `STORE 1 +FLAGS (\Deleted)`, "EXPUNGE", "LOGOUT"} {
		if answer, _ := c.Cmd("%s", command); !strings.HasPrefix(answer, "OK ") {
			t.Fatalf("%s: %s", command, answer)
		}
	}
}
