package main_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDovecotFigures lets quota figures and last logins come from a real Dovecot
// to the tables where Modoboa reads them, on every engine.
func TestDovecotFigures(t *testing.T) {
	t.Parallel()
	dovetest.Require(t)
	binary := drill.Binary(t)
	route := "server"
	dbtest.Each(t, func(t *testing.T, url string) {
		if route = "server"; strings.HasPrefix(url, "postgres:") {
			route = "dict"
		}
		fillLogins(t, url)
		h := newDovecotHost(t, binary, route, url, "")
		d := dbtest.Open(t, url, db.Options{})
		if d.Dialect == db.PostgreSQL {
			dbtest.MergeQuota(t, d)
		}
		h.start(t)
		t.Run("quota_clone", func(t *testing.T) { h.testQuotaClone(t, d) })
		t.Run("last login", func(t *testing.T) { h.testLastLogin(t, d) })
		h.Stop()
		h.Start(dovetest.Settings{Submission: true, More: fmt.Sprintf("plugin {\n  quota = dict:User quota::proxy:%s:quota\n  quota_clone_dict =\n}\n", h.socket("dict"))})
		t.Run("quota dict", func(t *testing.T) { h.testQuotaDict(t, d) })
		if n := h.v.Metric(t, "vmapd_spool_dead"); n != 0 {
			t.Errorf("the database refused %v writes", n)
		}
	})
}

// awaitQuota waits until the database has figures of a mailbox.
func awaitQuota(t *testing.T, d *db.DB, address, what string, ok func(bytes, messages int64) bool) (bytes, messages int64) {
	t.Helper()
	read := func() bool {
		if err := d.QueryRowContext(t.Context(), "select bytes, messages from admin_quota where username = '"+address+"'").Scan(&bytes, &messages); err != nil {
			t.Fatal(err)
		}
		return ok(bytes, messages)
	}
	for end := time.Now().Add(time.Minute); !read(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: the database has %d bytes, %d messages of %s", what, bytes, messages, address)
		}
	}
	return bytes, messages
}

func number(n int64) func(_, messages int64) bool {
	return func(bytes, messages int64) bool { return messages == n && (bytes > 0) == (n > 0) }
}

// testQuotaClone: absolute figures after deliveries, APPEND and expunge.
func (h *dovecotHost) testQuotaClone(t *testing.T, d *db.DB) {
	const user = "ann@home.test"
	mail := dovetest.Message("counted", 3000)
	h.LMTP(t, mail, user)
	one, _ := awaitQuota(t, d, user, "one delivery", number(1))
	if one < 3000 || one > 5000 {
		t.Errorf("a mail of 3,000 bytes counts as %d", one)
	}
	h.LMTP(t, mail, user)
	h.LMTP(t, mail, user)
	c := h.IMAP(t)
	c.Login(user, "secret")
	if got := c.Append("INBOX", mail); !strings.HasPrefix(got, "OK") {
		t.Error(got)
	}
	c.Cmd("LOGOUT")
	awaitQuota(t, d, user, "three deliveries and an APPEND", number(4))
	c = h.IMAP(t)
	c.Login(user, "secret")
	c.Cmd("SELECT INBOX")
	c.Cmd(`STORE 1:* +FLAGS (\Deleted)`)
	c.Cmd("EXPUNGE")
	c.Cmd("LOGOUT")
	awaitQuota(t, d, user, "all expunged", number(0))
}

// testQuotaDict: increments, from figures that are there and that are not.
func (h *dovecotHost) testQuotaDict(t *testing.T, d *db.DB) {
	const user = "dear@home.test"
	mail := dovetest.Message("added", 3000)
	h.LMTP(t, mail, user)
	one, _ := awaitQuota(t, d, user, "one delivery", number(1))
	h.LMTP(t, mail, user)
	h.LMTP(t, mail, user)
	three, _ := awaitQuota(t, d, user, "three deliveries", number(3))
	if diff := three - 3*one; diff < -300 || diff > 300 { // headers differ
		t.Errorf("a delivery has %d bytes, three have %d", one, three)
	}
	if out, status := h.Doveadm("expunge", "-u", user, "mailbox", "INBOX", "1"); status != 0 {
		t.Errorf("doveadm expunge: %s", out)
	}
	awaitQuota(t, d, user, "one expunged", number(2))
	if out, status := h.Doveadm("quota", "recalc", "-u", user); status != 0 {
		t.Errorf("doveadm quota recalc: %s", out)
	}
	two, _ := awaitQuota(t, d, user, "counted anew", number(2))
	if diff := two - 2*one; diff < -300 || diff > 300 {
		t.Errorf("a delivery has %d bytes, two counted anew have %d", one, two)
	}
	if out, status := h.Doveadm("quota", "get", "-u", user); status != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), fmt.Sprintf("STORAGE %d ", (two+1023)/1024)) {
		t.Errorf("doveadm quota get: %s; want %d KiB, rounded up", out, (two+1023)/1024)
	}
}

// testLastLogin: IMAP and POP3 logins are told, deliveries are not.
func (h *dovecotHost) testLastLogin(t *testing.T, d *db.DB) {
	seen := func(user string) (at time.Time) {
		t.Helper()
		var text sql.NullString
		if err := d.QueryRowContext(t.Context(), "select "+d.Text("last_login")+" from core_user where username = '"+user+"'").Scan(&text); err != nil {
			t.Fatal(err)
		}
		if !text.Valid {
			return at
		}
		at, err := time.Parse(time.DateTime, strings.Replace(text.String, "T", " ", 1)[:len(time.DateTime)])
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	began := time.Now().Truncate(time.Second)
	h.LMTP(t, dovetest.Message("no login", 100), "small@home.test")
	for user, login := range map[string]func() string{
		"boss@home.test": func() string { return h.IMAP(t).Login("boss@home.test", "secret") },
		"dear@home.test": func() string { return h.POP3(t).Login("dear@home.test", "secret") },
	} {
		if got := login(); !strings.Contains(got, "OK") {
			t.Fatal(got)
		}
		drill.Await(t, time.Minute, "the database has the last login of "+user, func() bool { return !seen(user).IsZero() })
		if at := seen(user); at.Before(began) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("%s logged in at %v; want now", user, at)
		}
	}
	if at := seen("small@home.test"); !at.IsZero() {
		t.Errorf("a delivery counts as a login at %v", at)
	}
}
