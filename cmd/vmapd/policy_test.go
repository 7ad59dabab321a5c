package main_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// policyHost is a Postfix that asks a policy service of vmapd, in the words of
// "vmapd postconf".
type policyHost struct {
	*mailtest.Postfix
	v *drill.Vmapd
}

// policyRows are the accounts, each with the password "secret": how many
// recipients they may have in a day, how full they are in MB of 5.
var policyRows = []struct {
	local     string
	limit     string
	used      int
	active    bool
	sendsOnly bool
}{
	{"ann", "100", 1, true, false},
	{"ben", "null", 5, true, false},
	{"none", "0", 0, true, false},
	{"five", "5", 0, true, false},
	{"gone", "null", 0, false, false},
	{"robot", "null", 0, true, true},
	{"carl", "null", 0, true, false},
}

// fillPolicy makes a database with them, in a domain that may send to 1000
// recipients in a day.
func fillPolicy(t *testing.T, url string) {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	dbtest.Exec(t, d, "insert into admin_domain (id, name, enabled, message_limit) values (1, 'home.test', true, 1000)")
	for i, a := range policyRows {
		id, address := i+100, a.local+"@home.test"
		dbtest.Exec(t, d,
			fmt.Sprintf("insert into core_user (id, username, email, password, is_active) values (%d, '%s', '%[2]s', '{PLAIN}secret', %t)", id, address, a.active),
			fmt.Sprintf("insert into admin_mailbox (id, address, domain_id, user_id, quota, is_send_only, message_limit) values (%d, '%s', 1, %[1]d, 5, %[3]t, %[4]s)", id, a.local, a.sendsOnly, a.limit),
			fmt.Sprintf("insert into admin_quota (username, bytes, messages) values ('%s', %d, 0)", address, a.used<<20),
			fmt.Sprintf("insert into admin_alias (id, address, domain_id, enabled, internal) values (%d, '%s', 1, true, true)", id, address),
			fmt.Sprintf("insert into modoboa_admin_aliasrecipient (id, address, alias_id, r_mailbox_id) values (%d, '%s', %[1]d, %[1]d)", id, address))
	}
	dbtest.Exec(t, d, "insert into admin_alias (id, address, domain_id, enabled, internal) values (50, 'team@home.test', 1, true, false)",
		"insert into modoboa_admin_aliasrecipient (id, address, alias_id, r_mailbox_id) values (50, 'ben@home.test', 50, 101), (51, 'ann@home.test', 50, 100)")
}

// newPolicyHost starts both; config is what follows in vmapd.toml.
func newPolicyHost(t *testing.T, name, config string) *policyHost {
	t.Helper()
	mailtest.Require(t)
	url := dbtest.SQLite(t)
	fillPolicy(t, url)
	return newPolicyHostAt(t, name, url, config)
}

// newPolicyHostAt starts both over a database.
func newPolicyHostAt(t *testing.T, name, url, config string) *policyHost {
	t.Helper()
	binary := drill.Binary(t)
	p := mailtest.New(t, name)
	h := &policyHost{Postfix: p}
	h.v = newPolicyDaemon(t, binary, url, "", filepath.Join(p.Private, "policy"), config+socketSection(p, "vmapd"))
	passwords := map[string]string{}
	var users []string
	for _, a := range policyRows {
		passwords[a.local+"@home.test"], users = "secret", append(users, a.local+"@home.test")
	}
	mailtest.ListenAuth(t, filepath.Join(p.Private, "auth"), passwords)
	mailtest.ListenSink(t, mailtest.SinkOptions{Name: "lmtp", Socket: filepath.Join(p.Private, "dovecot-lmtp"), LMTP: true, Users: users})
	world := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"})
	maps := socketMaps()
	maps.OldSenderLogin, maps.Mailboxes = "", "socketmap:unix:private/vmapd:mailboxes"
	p.Start(mailtest.Config{Maps: maps, World: world.NextHop(), Policy: h.entry(t)})
	return h
}

// newPolicyDaemon starts a vmapd with a policy socket.
func newPolicyDaemon(t *testing.T, binary, url, state, socket, config string) *drill.Vmapd {
	t.Helper()
	listen := fmt.Sprintf("[database]\nurl = %q\n%s[[listen]]\nprotocol = \"policy\"\naddress = \"unix:%s\"\nmode = \"0666\"\ngroup = \"\"\n", url, config, socket)
	v := drill.NewVmapd(t, binary, state, listen)
	v.Start(t)
	v.AwaitReady(t)
	return v
}

// entry is what "vmapd postconf" prints for restrictions.
func (h *policyHost) entry(t *testing.T) string {
	t.Helper()
	out, status := h.v.Run(t, "postconf", "--queue-directory", filepath.Dir(h.Private))
	for line := range strings.Lines(out) {
		if entry, ok := strings.CutPrefix(line, "smtpd_end_of_data_restrictions = "); ok && status == 0 {
			return strings.TrimSpace(entry)
		}
	}
	t.Fatalf("vmapd postconf: %d\n%s", status, out)
	return ""
}

// say sends one message and returns the last reply.
func (h *policyHost) say(t *testing.T, m mailtest.Message) string {
	t.Helper()
	service := mailtest.MX
	if m.Login != "" {
		service, m.Login = mailtest.Submission, m.Login+"@home.test:secret"
	}
	s, err := h.Dial(service, m.Login)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := s.Send(&m, "policy")
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Quit()
	return reply
}

// TestPolicy has a real Postfix ask: each reply is the one that docs/policy.md
// shows.
func TestPolicy(t *testing.T) {
	t.Parallel()
	h := newPolicyHost(t, "policy", "[policy]\ndisabled_accounts = true\n")
	midnight := time.Now().UTC().Truncate(24*time.Hour).Add(24*time.Hour).Format("2006-01-02 15:04:05") + " UTC"
	docs := readFile(t, "../../docs/policy.md")
	for _, tc := range []struct {
		name string
		m    mailtest.Message
		want string // the last reply, but for a date; of one with a date, the rest of it
	}{
		{"room", mailtest.Message{To: []string{"ann@home.test"}}, "250 2.0.0 Ok"},
		{"full", mailtest.Message{To: []string{"ben@home.test"}}, "554 5.2.2 <ben@home.test>: Recipient address rejected: Mailbox is full"},
		{"full, extension", mailtest.Message{To: []string{"ben+x@home.test"}}, "554 5.2.2 <ben+x@home.test>: Recipient address rejected: Mailbox is full"},
		{"full, alias of two", mailtest.Message{To: []string{"team@home.test"}}, "250 2.0.0 Ok"},
		{"too large", mailtest.Message{To: []string{"carl@home.test"}, Size: 6 << 20}, "552 5.2.3 <carl@home.test>: Recipient address rejected: Message is too large for the mailbox"},
		{"disabled", mailtest.Message{To: []string{"gone@home.test"}}, "550 5.2.1 <gone@home.test>: Recipient address rejected: Mailbox is disabled"},
		{"for sending only", mailtest.Message{To: []string{"robot@home.test"}}, "550 5.2.1 <robot@home.test>: Recipient address rejected: Mailbox is disabled"},
		{"unknown", mailtest.Message{To: []string{"nobody@home.test"}}, "550 5.1.1 <nobody@home.test>: Recipient address rejected: User unknown in virtual mailbox table"},
		{
			"nothing may be sent",
			mailtest.Message{Login: "none", To: []string{"x@far.test"}},
			"554 5.7.1 <x@far.test>: Recipient address rejected: Sending limit of 0 recipients per day for none@home.test: nothing may be sent",
		},
		{"five", mailtest.Message{Login: "five", To: []string{"a@far.test", "b@far.test", "c@far.test"}}, "250 2.0.0 Ok"},
		{
			"two more and one too many",
			mailtest.Message{Login: "five", To: []string{"a@far.test", "b@far.test", "c@far.test"}},
			"450 4.7.1 <END-OF-MESSAGE>: End-of-data rejected: Sending limit of 5 recipients per day for five@home.test reached; try again after " + midnight,
		},
		{"the two", mailtest.Message{Login: "five", To: []string{"a@far.test", "b@far.test"}}, "250 2.0.0 Ok"},
		{
			"at RCPT",
			mailtest.Message{Login: "five", To: []string{"a@far.test"}},
			"450 4.7.1 <a@far.test>: Recipient address rejected: Sending limit of 5 recipients per day for five@home.test reached; try again after " + midnight,
		},
		{"more than the limit", mailtest.Message{Login: "carl", To: slices.Repeat([]string{"x@far.test"}, 3)}, "250 2.0.0 Ok"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from := "somebody@far.test"
			if tc.m.Login != "" {
				from = tc.m.Login + "@home.test"
			}
			tc.m.From = from
			if got := h.say(t, tc.m); !strings.HasPrefix(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
			text, _, dated := strings.Cut(tc.want, midnight)
			if _, text, ok := strings.Cut(text, "rejected: "); ok && !strings.Contains(text, "User unknown") {
				if !strings.Contains(docs, text) {
					t.Errorf("docs/policy.md does not have %q (with a date: %v)", text, dated)
				}
			}
		})
	}
	if bad := h.Complaints(); len(bad) > 0 {
		t.Errorf("Postfix complains:\n%s", strings.Join(bad, "\n"))
	}
}

// tally counts the replies to many messages.
type replyCount struct {
	mu       sync.Mutex
	accepted int
	limited  int
	other    []string
}

func (c *replyCount) add(reply string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.HasPrefix(reply, "250 2.0.0"):
		c.accepted++
	case strings.Contains(reply, "Sending limit of 100 recipients per day for ann@home.test reached"):
		c.limited++
	default:
		c.other = append(c.other, reply)
	}
}

// storm has 20 clients send n messages each, one after the other, and calls
// during meanwhile.
func (h *policyHost) storm(t *testing.T, c *replyCount, n int, during func()) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			s, err := h.Dial(mailtest.Submission, "ann@home.test:secret")
			if err != nil {
				t.Error(err)
				return
			}
			for k := range n {
				m := mailtest.Message{Name: "storm", From: "ann@home.test", To: []string{fmt.Sprintf("x%d.%d@far.test", i, k)}}
				reply, err := s.Send(&m, "storm")
				if err != nil {
					t.Error(err)
					return
				}
				c.add(reply)
			}
			_ = s.Quit()
		})
	}
	if during != nil {
		during()
	}
	wg.Wait()
}

// TestPolicyLimitHolds lets 20 clients send at the same time, one time over a
// hand-over to another process, one time after the process was killed: exactly
// as much gets through as the limit allows.
func TestPolicyLimitHolds(t *testing.T) {
	t.Parallel()
	for name, interrupt := range map[string]func(t *testing.T, h *policyHost, c *replyCount){
		"parallel": func(t *testing.T, h *policyHost, c *replyCount) { h.storm(t, c, 8, nil) },
		"hand-over": func(t *testing.T, h *policyHost, c *replyCount) {
			h.storm(t, c, 8, func() { succeed(t, h.v) })
		},
		"killed between": func(t *testing.T, h *policyHost, c *replyCount) {
			h.storm(t, c, 3, nil)
			h.v.Kill()
			h.v.Start(t)
			h.v.AwaitReady(t)
			h.storm(t, c, 5, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := newPolicyHost(t, "limit", ""), &replyCount{}
			interrupt(t, h, c)
			if c.accepted != 100 || c.limited != 60 || len(c.other) > 0 {
				t.Errorf("%d messages were accepted, %d refused by the limit; others: %q", c.accepted, c.limited, c.other)
			}
		})
	}
}

// TestPolicyKilled: while nobody answers, mail passes by the default_action of
// "vmapd postconf", after Postfix has tried once more.
func TestPolicyKilled(t *testing.T) {
	t.Parallel()
	h := newPolicyHost(t, "killed", "")
	m := mailtest.Message{From: "none@home.test", Login: "none", To: []string{"x@far.test"}}
	if got := h.say(t, m); !strings.HasPrefix(got, "554 5.7.1") {
		t.Fatalf("%q", got)
	}
	// Lookups go on: this is about the policy service alone.
	stay := newPolicyDaemon(t, h.v.Binary, dbOf(t, h.v), "", filepath.Join(h.Private, "other"), socketSection(h.Postfix, "vmapd-2"))
	_ = stay
	postconf(t, filepath.Dir(h.WriteFile("empty", "")), "-e", "virtual_mailbox_domains = socketmap:unix:private/vmapd-2:domains", "virtual_alias_domains =",
		"virtual_alias_maps = socketmap:unix:private/vmapd-2:aliases", "virtual_mailbox_maps = socketmap:unix:private/vmapd-2:mailboxes", "relay_domains =", "transport_maps =",
		"smtpd_sender_login_maps = socketmap:unix:private/vmapd-2:sender-login")
	if out, err := exec.Command("postfix", "-c", filepath.Dir(h.WriteFile("empty", "")), "reload").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h.v.Kill()
	began := time.Now()
	if got := h.say(t, m); !strings.HasPrefix(got, "250 2.0.0") {
		t.Errorf("with the service away: %q", got)
	}
	t.Logf("a message took %v", time.Since(began).Round(time.Millisecond))
	h.v.Start(t)
	h.v.AwaitReady(t)
	if got := h.say(t, m); !strings.HasPrefix(got, "554 5.7.1") {
		t.Errorf("with the service back: %q", got)
	}
}

// dbOf is the URL in the configuration of a vmapd.
func dbOf(t *testing.T, v *drill.Vmapd) string {
	t.Helper()
	_, url, _ := strings.Cut(readFile(t, v.Config), "url = \"")
	url, _, _ = strings.Cut(url, "\"")
	return url
}
