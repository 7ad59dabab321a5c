package main_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// mailHost is what the instances of Postfix in this test share: the database
// and what lies beyond them.
type mailHost struct {
	binary   string // vmapd
	server   *dbtest.Server
	database string // URL
	relay    *mailtest.Sink
	world    *mailtest.Sink
}

// receiving are the mailboxes to which Dovecot would deliver: all but
// send-only ones, whatever the state of the account.
var receiving = []string{
	"user@home.test", "second@home.test", "third@home.test", "moving@home.test", "special@home.test", "inactive@home.test", "o'brien@home.test",
	"two words@home.test", "jörg@home.test", "real+plus@home.test", "gone@home.test", "copy@home.test", "real@catch.test", "reborn@catch.test",
	"lost@off.test", "local@split.test", "sleepy@split.test",
}

// logins are the passwords of the accounts that log in.
var logins = map[string]string{
	"user@home.test": "secret", "second@home.test": "secret", "third@home.test": "secret", "sendonly@home.test": "secret", "jörg@home.test": "secret",
}

// newMailHost starts PostgreSQL and the outer sinks, and fills the database.
func newMailHost(t *testing.T, binary string) *mailHost {
	t.Helper()
	// Relay targets refuse some users; what else leaves the host is accepted.
	h := &mailHost{
		binary: binary,
		relay:  mailtest.ListenSink(t, mailtest.SinkOptions{Name: "relay", Refuse: []string{"nobody@relay.test", "nobody@open.test"}}),
		world:  mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"}),
		server: dbtest.NewPostgres(t),
	}
	h.database = h.server.NewDatabase(t)
	d, err := db.Open(h.database, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	rows := strings.ReplaceAll(readFile(t, "testdata/postfix/data.sql"), "${relay}", h.relay.NextHop())
	if _, err := d.ExecContext(t.Context(), rows); err != nil {
		t.Fatalf("testdata/postfix/data.sql: %v", err)
	}
	return h
}

// newPostfix prepares an instance with Dovecot's two sockets.
func (h *mailHost) newPostfix(t *testing.T, name string) (*mailtest.Postfix, *mailtest.Runner) {
	t.Helper()
	p := mailtest.New(t, name)
	mailtest.ListenAuth(t, filepath.Join(p.Private, "auth"), logins)
	lmtp := mailtest.ListenSink(t, mailtest.SinkOptions{
		Name: "lmtp", Socket: filepath.Join(p.Private, "dovecot-lmtp"), LMTP: true, Users: receiving,
	})
	return p, &mailtest.Runner{Postfix: p, Sinks: []*mailtest.Sink{lmtp, h.relay, h.world}, Workers: 12}
}

// sqlMaps writes the map files that Modoboa's administrators have and returns
// the tables. They go through proxymap(8), as its installer does it: else each
// process has a connection to the database for each map.
func (h *mailHost) sqlMaps(t *testing.T, p *mailtest.Postfix) mailtest.Maps {
	t.Helper()
	u, err := url.Parse(h.database)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	access := fmt.Sprintf("hosts = %s\nuser = %s\npassword = %s\ndbname = %s\n", u.Host, u.User.Username(), password, strings.TrimPrefix(u.Path, "/"))
	table := func(name string) string {
		file := "sql-" + name + ".cf"
		return "proxy:pgsql:" + p.WriteFile(file, access+readFile(t, "testdata/postfix/"+file))
	}
	return mailtest.Maps{
		Domains:                    table("domains"),
		DomainAliases:              table("domain-aliases"),
		Aliases:                    table("aliases"),
		RelayDomains:               table("relaydomains"),
		Transport:                  []string{table("transport"), table("spliteddomains-transport")},
		Maintain:                   table("maintain"),
		RelayRecipientVerification: table("relay-recipient-verification"),
		SenderLogin:                table("sender-login-map"),
		OldSenderLogin:             table("sender-login-map-1.10"),
	}
}

// socketMaps returns the tables of a vmapd with a socket "vmapd" in the queue's
// private directory.
func socketMaps() mailtest.Maps {
	table := func(name string) string { return "socketmap:unix:private/vmapd:" + name }
	return mailtest.Maps{
		Domains:                    table("domains"),
		DomainAliases:              table("domain-aliases"),
		Aliases:                    table("aliases"),
		RelayDomains:               table("relay-domains"),
		Transport:                  []string{table("transport")},
		Maintain:                   table("maintain"),
		RelayRecipientVerification: table("relay-recipient-verification"),
		SenderLogin:                table("sender-login"),
		OldSenderLogin:             "socketmap:unix:private/vmapd-1.10:sender-login",
	}
}

// socketMapsByOldNames returns the same tables under the names of Modoboa's map
// files, in a main.cf that keeps its two transport maps.
func socketMapsByOldNames() mailtest.Maps {
	table := func(name string) string { return "socketmap:unix:private/vmapd:" + name }
	return mailtest.Maps{
		Domains:                    table("sql-domains"),
		DomainAliases:              table("sql-domain-aliases"),
		Aliases:                    table("sql-aliases"),
		RelayDomains:               table("relaydomains"),
		Transport:                  []string{table("sql-transport"), table("spliteddomains-transport")},
		Maintain:                   table("sql-maintain"),
		RelayRecipientVerification: table("sql-relay-recipient-verification"),
		SenderLogin:                table("sender-login-map"),
		OldSenderLogin:             "socketmap:unix:private/vmapd-1.10:sql-sender-login-map",
	}
}

// tcpMaps returns the tables of a vmapd with a port for each, and the listen
// sections of that vmapd.
func tcpMaps(t *testing.T) (mailtest.Maps, string) {
	t.Helper()
	addresses := mailtest.LoopbackAddrs(t, 8)
	var sections strings.Builder
	table := func(name string) string {
		address := addresses[0]
		addresses = addresses[1:]
		fmt.Fprintf(&sections, "[[listen]]\nprotocol = \"tcp_table\"\naddress = \"inet:%s\"\ntable = %q\n", address, name)
		return "tcp:" + address
	}
	maps := mailtest.Maps{
		Domains:                    table("domains"),
		DomainAliases:              table("domain-aliases"),
		Aliases:                    table("aliases"),
		RelayDomains:               table("relay-domains"),
		Transport:                  []string{table("transport")},
		Maintain:                   table("maintain"),
		RelayRecipientVerification: table("relay-recipient-verification"),
		SenderLogin:                table("sender-login"),
	}
	return maps, sections.String()
}

// socketSection is the listen section of a socketmap socket that Postfix, which
// runs as a user of its own, may use.
func socketSection(p *mailtest.Postfix, name string) string {
	return fmt.Sprintf("[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%s\"\nmode = \"0666\"\ngroup = \"\"\n", filepath.Join(p.Private, name))
}

// daemon is a running "vmapd serve".
type daemon struct {
	cmd  *exec.Cmd
	log  string
	done chan error
}

// startVmapd runs the program until the test ends; config is what follows
// state_dir in its configuration. Its log is printed if the test failed.
func startVmapd(t *testing.T, binary, config string) *daemon {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "vmapd.toml")
	text := fmt.Sprintf("state_dir = %q\n%s", filepath.Join(dir, "state"), config)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &daemon{cmd: exec.Command(binary, "serve", "-c", file), log: filepath.Join(dir, "log"), done: make(chan error, 1)}
	log, err := os.Create(d.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the test is killed
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.done <- d.cmd.Wait() }()
	t.Cleanup(func() {
		d.stop(t)
		if t.Failed() {
			t.Logf("log of vmapd:\n%s\n%s", text, readFile(t, d.log))
		}
	})
	return d
}

// stop ends the program as an init system does. It may be called twice.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	if d.done == nil {
		return
	}
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-d.done:
		if err != nil {
			t.Errorf("vmapd ended with %v\n%s", err, readFile(t, d.log))
		}
	case <-time.After(30 * time.Second):
		d.cmd.Process.Kill()
		t.Errorf("vmapd did not end within 30 s\n%s", readFile(t, d.log))
	}
	d.done = nil
}

// awaitSockets waits until something listens on unix sockets; it gives up
// when vmapd has ended.
func (d *daemon) awaitSockets(t *testing.T, paths ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, path := range paths {
		for !listening(path) {
			select {
			case err := <-d.done:
				d.done <- err
				t.Fatalf("vmapd ended at its start: %v\n%s", err, readFile(t, d.log))
			case <-ctx.Done():
				t.Fatalf("nothing listens on %s\n%s", path, readFile(t, d.log))
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// listening reports whether somebody listens on a unix socket.
func listening(path string) bool {
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// readFile returns a file's content.
func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
