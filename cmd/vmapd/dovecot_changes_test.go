package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// testChanges changes accounts that are logged in: the next login goes by what
// the database says now, whatever was right a moment ago. A session that is open
// stays open until doveadm ends it.
func (h *dovecotHost) testChanges(t *testing.T) {
	d := dbtest.Open(t, h.url, db.Options{})
	mark := 100
	now := func(statement string) {
		t.Helper()
		mark++
		domain := fmt.Sprintf("mark%d.test", mark) // when this is served, so is what was committed before
		dbtest.Exec(t, d, statement, fmt.Sprintf("insert into admin_domain (id, name, enabled) values (%d, '%s', true)", mark, domain))
		drill.Await(t, time.Minute, "the change is served", func() bool {
			_, status := h.v.Run(t, "lookup", "domains", domain)
			return status == 0
		})
	}
	logsIn := func(user, password string) bool {
		t.Helper()
		imap, pop3 := h.IMAP(t), h.POP3(t)
		defer imap.Close()
		defer pop3.Close()
		one, other := imap.Login(user, password), pop3.Login(user, password)
		if strings.HasPrefix(one, "OK") != strings.HasPrefix(other, "+OK") {
			t.Errorf("%s %s: IMAP %s; POP3 %s", user, password, one, other)
		}
		return strings.HasPrefix(one, "OK")
	}
	for _, tc := range []struct{ what, user, change, undo string }{
		{
			"password", "dear@home.test",
			"update core_user set password = '{PLAIN}other' where username = 'dear@home.test'",
			"update core_user set password = '{PLAIN}secret' where username = 'dear@home.test'",
		},
		{
			"account disabled", "dear@home.test",
			"update core_user set is_active = false where username = 'dear@home.test'",
			"update core_user set is_active = true where username = 'dear@home.test'",
		},
		{
			"domain disabled", "ann@home.test",
			"update admin_domain set enabled = false where name = 'home.test'",
			"update admin_domain set enabled = true where name = 'home.test'",
		},
		{
			"master user no more", "ann@home.test*boss@home.test",
			"update core_user set master_user = false where username = 'boss@home.test'",
			"update core_user set master_user = true where username = 'boss@home.test'",
		},
	} {
		open := h.IMAP(t)
		if got := open.Login(tc.user, "secret"); !strings.HasPrefix(got, "OK") || !logsIn(tc.user, "secret") {
			t.Fatalf("%s: %s before the change: %s", tc.what, tc.user, got)
		}
		now(tc.change)
		if logsIn(tc.user, "secret") {
			t.Errorf("%s: %s still logs in", tc.what, tc.user)
		}
		if tc.what == "password" && !logsIn(tc.user, "other") {
			t.Errorf("%s does not log in with the new password", tc.user)
		}
		if got, _ := open.Cmd("SELECT INBOX"); !strings.HasPrefix(got, "OK") {
			t.Errorf("%s: the open session: %s", tc.what, got)
		}
		user, _, _ := strings.Cut(tc.user, "*")
		if out, status := h.Doveadm("kick", user); status != 0 {
			t.Errorf("doveadm kick: status %d: %s", status, out)
		}
		closed(t, open)
		now(tc.undo)
		if !logsIn(tc.user, "secret") {
			t.Errorf("%s: %s does not log in when it is undone", tc.what, tc.user)
		}
	}
}

// closed reads on until the server closes the connection.
func closed(t *testing.T, c *dovetest.IMAP) {
	t.Helper()
	for i := range 100 {
		got, _ := c.Cmd("NOOP %s", fmt.Sprint(i))
		if strings.HasPrefix(got, "closed: ") {
			if strings.Contains(got, "timeout") {
				t.Errorf("the session was not ended: %s", got)
			}
			return
		}
	}
	t.Error("the session goes on after doveadm kick")
}
