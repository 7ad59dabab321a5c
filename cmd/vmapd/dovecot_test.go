package main_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDovecot has a real Dovecot with the configuration of "vmapd doveconf" ask
// a real vmapd, on both routes: what its clients see must be the same.
func TestDovecot(t *testing.T) {
	t.Parallel()
	dovetest.Require(t)
	binary := drill.Binary(t)
	for _, route := range routes() {
		t.Run(route, func(t *testing.T) {
			url := dbtest.SQLite(t)
			fillLogins(t, url)
			h := newDovecotHost(t, binary, route, url, "")
			h.start(t)
			t.Run("logins", h.testLogins)
			t.Run("master", h.testMasterUser)
			t.Run("mail", h.testMail)
			t.Run("doveadm", h.testDoveadm)
			t.Run("changes", h.testChanges)
			t.Run("faults", h.testFaults)
		})
		t.Run(route+", nothing loaded", func(t *testing.T) {
			// Nothing listens there, and there is no snapshot on disk.
			h := newDovecotHost(t, binary, route, "postgres://nobody@"+mailtest.LoopbackAddrs(t, 1)[0]+"/none", "[lookup]\nhold = \"100ms\"\n")
			h.v.Start(t)
			h.Start(dovetest.Settings{Submission: true})
			h.testNothingLoaded(t)
		})
	}
}

// testLogins tries every kind of account at every service.
func (h *dovecotHost) testLogins(t *testing.T) {
	const yes, no = "OK", "NO [AUTHENTICATIONFAILED]"
	for _, tc := range []struct {
		user, password, imap string
		others               bool // pop3, sieve and submission are as imap
	}{
		{"ann@home.test", "secret", yes, true},
		{"ANN@Home.Test", "secret", yes, true},
		{"o'brien@home.test", "secret", yes, true},
		{"dear@home.test", "secret", yes, true},
		{"dear@home.test", "Secret", no, true},
		{"ann@home.test", "wrong", no, true},
		{"ann", "secret", no, true},
		{"nobody@home.test", "secret", no, true},
		{"closed@home.test", "secret", no, true},
		{"lost@off.test", "secret", no, true},
		{"sender@home.test", "secret", no, false},
	} {
		c := h.IMAP(t)
		if got := c.Login(tc.user, tc.password); !strings.HasPrefix(got, tc.imap) {
			t.Errorf("IMAP %s %s: %s; want %s", tc.user, tc.password, got, tc.imap)
		}
		c.Close()
		p := h.POP3(t)
		if got, want := p.Login(tc.user, tc.password), map[string]string{yes: "+OK", no: "-ERR [AUTH]"}[tc.imap]; !strings.HasPrefix(got, want) {
			t.Errorf("POP3 %s %s: %s; want %s", tc.user, tc.password, got, want)
		}
		p.Close()
		other := yes
		if tc.others {
			other = strings.Fields(tc.imap)[0]
		}
		if got := h.SieveLogin(t, tc.user, tc.password); !strings.HasPrefix(got, other) {
			t.Errorf("ManageSieve %s %s: %s; want %s", tc.user, tc.password, got, other)
		}
		if got, want := h.SubmissionLogin(t, tc.user, tc.password), map[string]string{yes: "235 ", "NO": "535 "}[other]; !strings.HasPrefix(got, want) {
			t.Errorf("submission %s %s: %s; want %s", tc.user, tc.password, got, want)
		}
	}
}

// testMasterUser logs in as somebody else, and sees that one's mail.
func (h *dovecotHost) testMasterUser(t *testing.T) {
	c := h.IMAP(t)
	c.Login("ann@home.test", "secret")
	if got := c.Append("INBOX", dovetest.Message("of ann", 100)); !strings.HasPrefix(got, "OK") {
		t.Fatal(got)
	}
	for _, tc := range []struct{ user, password, want string }{
		{"ann@home.test*boss@home.test", "secret", "OK"},
		{"Ann@home.test*Boss@home.test", "secret", "OK"},
		{"ann@home.test*boss@home.test", "wrong", "NO"},
		{"boss@home.test*ann@home.test", "secret", "NO"}, // ann is no master user
		{"closed@home.test*boss@home.test", "secret", "NO"},
		{"lost@off.test*boss@home.test", "secret", "NO"},
		{"sender@home.test*boss@home.test", "secret", "NO"},
		{"nobody@home.test*boss@home.test", "secret", "NO"},
		{"ann@home.test*nobody@home.test", "secret", "NO"},
	} {
		m := h.IMAP(t)
		got := m.Login(tc.user, tc.password)
		if !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s %s: %s; want %s", tc.user, tc.password, got, tc.want)
		}
		if strings.HasPrefix(got, "OK") {
			m.Cmd("SELECT INBOX")
			if got, lines := m.Cmd("FETCH * (BODY.PEEK[HEADER.FIELDS (SUBJECT)])"); !strings.HasPrefix(got, "OK") || !slices.Contains(lines, "Subject: of ann") {
				t.Errorf("%s sees %q, %s", tc.user, lines, got)
			}
		}
		m.Close()
	}
}

// testMail delivers to every kind of account.
func (h *dovecotHost) testMail(t *testing.T) {
	half := dovetest.Message("half a MB", 600<<10)
	if got := h.LMTP(t, half, "small@home.test"); !strings.HasPrefix(got["small@home.test"], "250 ") {
		t.Errorf("the first half MB: %v", got)
	}
	if got := h.Policy(t, "small@home.test", 1000); got != "action=DUNNO" {
		t.Errorf("quota-status: %q; want DUNNO", got)
	}
	if got := h.Policy(t, "small@home.test", 600<<10); !strings.HasPrefix(got, "action=552 5.2.2") {
		t.Errorf("quota-status, over quota: %q", got)
	}
	got := h.LMTP(t, half, "ann@home.test", "ann+list@home.test", "O'Brien@home.test", "nobody@home.test", "small@home.test", "closed@home.test", "lost@off.test", "sender@home.test")
	for rcpt, reply := range got {
		got[rcpt], _, _ = strings.Cut(reply[4:], " ")
		got[rcpt] = reply[:4] + got[rcpt]
	}
	want := map[string]string{
		"ann@home.test": "250 2.0.0", "ann+list@home.test": "250 2.0.0", "O'Brien@home.test": "250 2.0.0", "nobody@home.test": "550 5.1.1",
		"small@home.test": "552 5.2.2", "closed@home.test": "250 2.0.0", "lost@off.test": "250 2.0.0", "sender@home.test": "550 5.1.1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("LMTP (-want +got):\n%s", diff)
	}
	c := h.IMAP(t)
	c.Login("small@home.test", "secret")
	if _, lines := c.Cmd("GETQUOTAROOT INBOX"); !slices.ContainsFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, `* QUOTA "User quota" (STORAGE 6`) && strings.HasSuffix(l, " 1024)")
	}) {
		t.Errorf("GETQUOTAROOT: %q", lines)
	}
	if got := c.Append("INBOX", half); !strings.HasPrefix(got, "NO [OVERQUOTA]") {
		t.Errorf("APPEND over quota: %s", got)
	}
}

// testDoveadm asks what Modoboa and administrators ask.
func (h *dovecotHost) testDoveadm(t *testing.T) {
	out, status := h.Doveadm("user", "*")
	users := strings.Fields(out)
	slices.Sort(users)
	want := []string{"ann@home.test", "boss@home.test", "closed@home.test", "dear@home.test", "lost@off.test", "o'brien@home.test", "sender@home.test", "small@home.test"}
	if diff := cmp.Diff(want, users); diff != "" || status != 0 {
		t.Errorf("doveadm user '*': status %d (-want +got):\n%s", status, diff)
	}
	auth := []string{"auth", "test"}
	if h.route == "server" {
		auth = append(auth, "-a", h.socket("auth"))
	}
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"user", "-f", "home", "ann@home.test"}, 0, h.Mail + "/home.test/ann\n"},
		{[]string{"user", "Ann@home.test"}, 0, "home\t" + h.Mail + "/home.test/ann\n"},
		{[]string{"user", "ann@home.test"}, 0, "quota_rule\t*:bytes=10M\n"},
		{[]string{"user", "nobody@home.test"}, 67, "doesn't exist"},
		{append(slices.Clip(auth), "ann@home.test", "secret"), 0, "auth succeeded"},
		{append(slices.Clip(auth), "ann@home.test", "wrong"), 77, "auth failed"},
		{append(slices.Clip(auth), "closed@home.test", "secret"), 77, "auth failed"},
		{[]string{"quota", "get", "-u", "ann@home.test"}, 0, "STORAGE"},
	} {
		if out, status := h.Doveadm(tc.args...); status != tc.status || !strings.Contains(out, tc.want) {
			t.Errorf("doveadm %q: status %d, %s; want %d, %s", tc.args, status, out, tc.status, tc.want)
		}
	}
}
