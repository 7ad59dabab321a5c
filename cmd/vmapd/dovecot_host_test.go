package main_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// dovecotHost is a Dovecot that asks a vmapd, on one of the two routes.
type dovecotHost struct {
	*dovetest.Dovecot
	v     *drill.Vmapd
	route string // of "vmapd doveconf --auth"
	url   string // of the database
}

// routes are the ways in which Dovecot 2.3 can ask.
func routes() []string { return []string{"dict", "server"} }

// newDovecotHost prepares both, with the configuration that vmapd prints, and
// starts neither. more is added to the section [dovecot] of vmapd's
// configuration, and may go on with others.
func newDovecotHost(t *testing.T, binary, route, url, more string) *dovecotHost {
	t.Helper()
	h := &dovecotHost{Dovecot: dovetest.New(t), route: route, url: url}
	config := fmt.Sprintf("[database]\nurl = %q\npoll = \"100ms\"\n[dovecot]\nhome = %q\nuid = %d\ngid = %[3]d\nfailure_delay = \"0s\"\n", url, h.Mail+"/%d/%n", dovetest.Owner) + more
	for _, protocol := range []string{"dict", "auth", "auth-master"} {
		config += fmt.Sprintf("[[listen]]\nprotocol = %q\naddress = \"unix:%s\"\nmode = \"0666\"\n", protocol, h.socket(protocol))
	}
	h.v = drill.NewVmapd(t, binary, "", config)
	h.configure(t)
	return h
}

func (h *dovecotHost) socket(protocol string) string { return filepath.Join(h.Dir, protocol) }

// configure writes what "vmapd doveconf" prints.
func (h *dovecotHost) configure(t *testing.T) {
	t.Helper()
	out, status := h.v.Run(t, "doveconf", "--version", "2.3", "--auth", h.route, "--output", h.Conf, "--queue-directory", h.Queue, "--protocols", "imap,pop3,lmtp,sieve,submission")
	if status != 0 {
		t.Fatalf("vmapd doveconf: %s", out)
	}
}

// start starts both.
func (h *dovecotHost) start(t *testing.T) {
	t.Helper()
	h.startAs(t, dovetest.Settings{Submission: true})
}

func (h *dovecotHost) startAs(t *testing.T, s dovetest.Settings) {
	t.Helper()
	h.v.Start(t)
	h.v.AwaitReady(t)
	h.Start(s)
}

// succeed has the daemon replaced by a new process (docs/restart.md) and waits
// until that one serves. It ends with the test.
func succeed(t *testing.T, v *drill.Vmapd) {
	t.Helper()
	old := v.Status(t).PID
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	drill.Await(t, time.Minute, "a new process serves", func() bool {
		out, status := v.Run(t, "status", "--json")
		return status == 0 && !strings.Contains(out, fmt.Sprintf("\"pid\": %d,", old))
	})
	pid := v.Status(t).PID
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
}

// fillLogins makes Modoboa's tables with accounts of every kind; each has the
// password "secret".
func fillLogins(t *testing.T, url string) {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	dbtest.Exec(t, d, "insert into admin_domain (id, name, enabled) values (1, 'home.test', true), (2, 'off.test', false)")
	const cheap, dear = "{PLAIN}secret", "{SHA512-CRYPT}$6$irS2.FtVaNYa4.IT$lUK8QKW4GZHkNyzXPWb8QYjcvx1xQrNl7swrctcvsEf3nqxDrKCj9/Fs22.cBvhYu6tKsVnFWYasSNYe6ozDg1"
	for i, a := range []struct {
		local            string
		domain           int
		hash             string
		active, sendOnly bool
		master           bool
		quota            int
	}{
		{"ann", 1, cheap, true, false, false, 10},
		{"dear", 1, dear, true, false, false, 0},
		{"small", 1, cheap, true, false, false, 1},
		{"o''brien", 1, cheap, true, false, false, 0},
		{"closed", 1, cheap, false, false, false, 10},
		{"lost", 2, cheap, true, false, false, 10},
		{"sender", 1, cheap, true, true, false, 10},
		{"boss", 1, dear, true, false, true, 10},
	} {
		id, address := i+100, a.local+"@"+[]string{"", "home.test", "off.test"}[a.domain]
		dbtest.Exec(t, d,
			fmt.Sprintf("insert into core_user (id, username, email, password, is_active, master_user) values (%d, '%s', '%[2]s', '%s', %t, %t)", id, address, a.hash, a.active, a.master),
			fmt.Sprintf("insert into admin_mailbox (id, address, domain_id, user_id, quota, is_send_only) values (%d, '%s', %d, %[1]d, %[4]d, %t)", id, a.local, a.domain, a.quota, a.sendOnly),
			fmt.Sprintf("insert into admin_quota (username, bytes, messages) values ('%s', 0, 0)", address))
	}
}
