package main_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestPostfixAlarms has vmapd tell of a full mailbox through a real Postfix, which
// asks it where that mail goes. Before Postfix is there vmapd is killed: the mail
// comes all the same, once, and the alarm is one row.
func TestPostfixAlarms(t *testing.T) {
	t.Parallel()
	mailtest.Require(t)
	url := "sqlite:" + filepath.Join(t.TempDir(), "mail.db")
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := d.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	const rows = "domain;home.test;1000;100;yes\naccount;boss@home.test;{PLAIN}secret;Bo;Ss;true;SimpleUsers;boss@home.test;10\naccount;user@home.test;{PLAIN}secret;Ann;User;true;SimpleUsers;user@home.test;10\n"
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(rows), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	exec("UPDATE core_user SET is_superuser = 1 WHERE username = 'boss@home.test'")
	exec("UPDATE admin_quota SET bytes = 10485760 WHERE username = 'user@home.test'")

	p := mailtest.New(t, "alarms")
	mailtest.ListenAuth(t, filepath.Join(p.Private, "auth"), nil)
	home := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "lmtp", Socket: filepath.Join(p.Private, "dovecot-lmtp"), LMTP: true})
	world := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"})
	v := drill.NewVmapd(t, drill.Binary(t), "", fmt.Sprintf("[database]\nurl = %q\n[alarms]\ngrace = \"0s\"\nsmtp = \"inet:%s\"\n", url, p.Address(mailtest.MX))+socketSection(p, "vmapd"))
	v.Start(t)
	open := func() bool { return v.Status(t).Alarms == 2 }
	drill.Await(t, time.Minute, "the alarms are open", open)
	v.Kill()
	v.Start(t)
	drill.Await(t, time.Minute, "they are known after a restart", open)
	p.Start(mailtest.Config{Maps: socketMaps(), Chroot: true, World: world.NextHop()})
	drill.Await(t, time.Minute, "the mail arrives", func() bool { return len(home.Texts()) > 0 })
	v.Stop(t)
	texts, got := home.Texts(), home.Deliveries()
	if len(texts) != 1 || got[0].Sender != "" || got[0].Recipient != "boss@home.test" {
		t.Fatalf("%d mails: %+v", len(texts), got)
	}
	for _, want := range []string{"Subject: 2 alarms opened, 0 closed", "Auto-Submitted: auto-generated", "user@home.test is 100 % full", "kind mailbox_full"} {
		if !strings.Contains(texts[0], want) {
			t.Errorf("the mail lacks %q:\n%s", want, texts[0])
		}
	}
	var n int
	if err := d.QueryRowContext(t.Context(), "SELECT count(*) FROM admin_alarm WHERE status = 1").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d open rows, %v", n, err)
	}
}
