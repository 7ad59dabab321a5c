package main_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestCreatedAccount makes accounts by the command line, which asks the API to
// answer when they are served: at once a real Postfix takes mail for them, and
// they log in to a real Dovecot, on every engine. A closed account does neither.
func TestCreatedAccount(t *testing.T) {
	t.Parallel()
	dovetest.Require(t)
	mailtest.Require(t)
	binary := drill.Binary(t)
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		p := mailtest.New(t, "created")
		mailtest.ListenSink(t, mailtest.SinkOptions{Name: "lmtp", Socket: filepath.Join(p.Private, "dovecot-lmtp"), LMTP: true})
		h := newDovecotHost(t, binary, "dict", url, socketSection(p, "vmapd")+strings.Replace(socketSection(p, "auth"), "socketmap", "auth", 1))
		h.start(t)
		maps := socketMaps()
		maps.Mailboxes, maps.OldSenderLogin = "socketmap:unix:private/vmapd:mailboxes", ""
		p.Start(mailtest.Config{Maps: maps, World: mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"}).NextHop()})
		run := func(input string, args ...string) {
			t.Helper()
			if out, status := h.v.RunWith(t, input, args...); status != 0 {
				t.Fatalf("vmapd %s: status %d: %s", strings.Join(args, " "), status, out)
			}
		}
		run("", "domain", "add", "created.test")
		run("", "account", "add", "first@created.test", "--random")
		if got := reply(t, p, "one@created.test"); !strings.HasPrefix(got, "550 ") {
			t.Errorf("mail for nobody: %s", got)
		}
		for _, name := range []string{"one", "two", "three"} {
			address := name + "@created.test"
			run("Secret4all\n", "account", "add", address, "--aliases", "alias."+address)
			if got := h.IMAP(t).Login(address, "Secret4all"); !strings.HasPrefix(got, "OK") {
				t.Errorf("%s does not log in: %s", address, got)
			}
			if got := h.LMTP(t, dovetest.Message("a message", 100), address)[address]; !strings.HasPrefix(got, "250 ") {
				t.Errorf("Dovecot does not take mail for %s: %s", address, got)
			}
			for _, to := range []string{address, "alias." + address} {
				if got := reply(t, p, to); !strings.HasPrefix(got, "250 ") {
					t.Errorf("Postfix does not take mail for %s: %s", to, got)
				}
			}
			if s, err := p.Dial(mailtest.Submission, address+":Secret4all"); err != nil {
				t.Errorf("%s does not log in to Postfix: %v", address, err)
			} else {
				_ = s.Quit()
			}
			run("", "account", "set", address, "--active=false")
			if got := h.IMAP(t).Login(address, "Secret4all"); !strings.HasPrefix(got, "NO") {
				t.Errorf("%s is closed and logs in: %s", address, got)
			}
			run("", "account", "rm", address)
			if got := reply(t, p, address); !strings.HasPrefix(got, "550 ") {
				t.Errorf("Postfix takes mail for %s, who is no more: %s", address, got)
			}
		}
	})
}

// reply sends a message through a Postfix and returns what the client was told.
func reply(t *testing.T, p *mailtest.Postfix, to string) string {
	t.Helper()
	s, err := p.Dial(mailtest.MX, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Send(&mailtest.Message{From: "sender@far.test", To: []string{to}}, "tag")
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Quit()
	return got
}
