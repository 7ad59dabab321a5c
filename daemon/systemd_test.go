package daemon

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/dkim/milter/miltertest"
	"github.com/vmapd/vmapd/internal/sdtest"
)

// serviceManager plays systemd: it owns a socket, and hears notifications.
type serviceManager struct {
	*sdtest.Systemd
	path  string // of the socket
	heard chan string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	m := &serviceManager{heard: make(chan string, 10_000)}
	m.Systemd = sdtest.New(t, func(text string) { m.heard <- text })
	m.path = m.Listen("maps", "")
	return m
}

// launch starts the daemon as systemd does, with a watchdog.
func (m *serviceManager) launch(t *testing.T, program, config string) *process {
	t.Helper()
	files, env := m.Next()
	for _, f := range files {
		defer f.Close()
	}
	return launchProgram(t, program, config, append(env, "WATCHDOG_USEC=200000"), files...)
}

// next reads notifications until one has text in it; none may have what is not
// wanted.
func (m *serviceManager) next(t *testing.T, want string, unwanted ...string) {
	t.Helper()
	m.all(t, []string{want}, unwanted...)
}

// all reads notifications until each text was in one, in any order: two processes
// may speak at once.
func (m *serviceManager) all(t *testing.T, wants []string, unwanted ...string) {
	t.Helper()
	end := time.After(time.Minute)
	for len(wants) > 0 {
		var text string
		select {
		case text = <-m.heard:
		case <-end:
			t.Fatalf("waiting for %q", wants)
		}
		for _, u := range unwanted {
			if strings.Contains(text, u) {
				t.Errorf("%q before %q", text, wants)
			}
		}
		wants = slices.DeleteFunc(wants, func(w string) bool { return strings.Contains(text, w) })
	}
}

const systemdListen = `
[[listen]]
protocol = "socketmap"
address = "systemd:maps"
`

func TestSystemd(t *testing.T) {
	r := newRig(t, systemdListen+`
[lookup]
hold = "10ms"
`)
	m := newServiceManager(t)
	socket := m.path
	next := func(want string) { t.Helper(); m.next(t, want) }
	p := m.launch(t, testBinary(t), r.config)
	next("READY=1")
	next("WATCHDOG=1")
	initDatabase(t, r.database())
	next("STATUS=serving 1 domains")
	if v, found, err := ask(t, "unix", socket, "aliases", "info@example.com"); v != "user@example.com" || !found || err != nil {
		t.Errorf("%q, %v, %v", v, found, err)
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	next("RELOADING=1\nMONOTONIC_USEC=")
	next("READY=1")
	if _, found, err := ask(t, "unix", socket, "domains", "example.com"); !found || err != nil {
		t.Errorf("after a reload: %v, %v", found, err)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	next("STOPPING=1")
	if _, err := os.Lstat(socket); err != nil {
		t.Errorf("systemd's socket was removed: %v", err)
	}
}

// With a socket of systemd the daemon ends and starts again while clients ask:
// nobody is refused, those who come in between wait.
func TestSystemdRestart(t *testing.T) {
	r := newRig(t, systemdListen)
	initDatabase(t, r.database())
	m := newServiceManager(t)
	p := m.launch(t, testBinary(t), r.config)
	m.next(t, "STATUS=serving 1 domains")
	c := &clients{ending: make(chan struct{})}
	t.Cleanup(func() { c.stop(t) })
	for _, keep := range []bool{true, true, false, false} {
		c.run(&lineClient{network: "unix", address: m.path, request: socketmapRequest, want: socketmapAnswer, keep: keep})
	}
	for range 2 {
		time.Sleep(50 * time.Millisecond)
		if code := p.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d", code)
		}
		m.next(t, "STOPPING=1")
		p = m.launch(t, testBinary(t), r.config)
		m.next(t, "STATUS=serving 1 domains")
	}
	time.Sleep(50 * time.Millisecond)
	c.stop(t)
}

// A hand-over under systemd: the socket goes along, and systemd hears who the
// main process is and nothing that could make it end the service.
func TestSystemdHandover(t *testing.T) {
	adopt(t)
	d := &dynasty{rig: newRig(t, systemdListen)}
	initDatabase(t, d.database())
	d.install(t)
	m := newServiceManager(t)
	d.process = m.launch(t, d.path("vmapd"), d.config)
	d.pid = d.Process.Pid
	m.next(t, "STATUS=serving 1 domains")
	for range 2 {
		old := d.pid
		d.succeed(t)
		t.Cleanup(func() { syscall.Kill(d.pid, syscall.SIGKILL) })
		m.all(t, []string{"MAINPID=" + itoa(d.pid), "READY=1\nSTATUS=serving in place of process " + itoa(old)}, "STOPPING")
		m.next(t, "WATCHDOG=1", "STOPPING")
		if v, _, err := ask(t, "unix", m.path, "aliases", "info@example.com"); v != "user@example.com" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	}
	d.installScript(t, "exit 3")
	d.signal(t, syscall.SIGUSR2)
	m.next(t, "STATUS=a restart failed", "MAINPID", "STOPPING")
	d.signal(t, syscall.SIGTERM)
	m.next(t, "STOPPING=1")
	if code := d.waitFor(t, d.pid); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(m.path); err != nil {
		t.Errorf("systemd's socket was removed: %v", err)
	}
}

// TestSystemdKeepsConnections: what a hand-over does with the connections of
// Dovecot and of milters, systemd's store does for a restart.
func TestSystemdKeepsConnections(t *testing.T) {
	var config string
	m := newServiceManager(t)
	paths := map[string]string{}
	for _, protocol := range []string{"dict", "auth", "auth-master", "milter"} {
		paths[protocol] = m.Listen(protocol, "")
		config += "[[listen]]\nprotocol = \"" + protocol + "\"\naddress = \"systemd:" + protocol + "\"\n"
	}
	r := newRig(t, systemdListen+config+"[dkim]\nresolvers = [\""+resolver(t, &zone{texts: map[string]string{"sel._domainkey.example.com": ""}})+"\"]\n")
	initDatabase(t, r.database())
	giveKey(t, r)
	p := m.launch(t, testBinary(t), r.config)
	m.next(t, "STATUS=serving 1 domains")
	c, err := miltertest.Dial("unix", paths["milter"], miltertest.Offer{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Connect(miltertest.Client{Addr: "127.0.0.1", DaemonName: "mx.test"}); err != nil {
		t.Fatal(err)
	}
	restarts := 0
	keepTalking(t, paths["dict"], paths["auth"], paths["auth-master"], r.database(), func() {
		if n := len(signatures(t, c, "user@example.com", "")); n != 1 {
			t.Errorf("%d signatures", n)
		}
		if code := p.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if n := m.Kept(); n != 7 {
			t.Errorf("systemd keeps %d descriptors, want those of 6 connections and the estate", n)
		}
		p = m.launch(t, testBinary(t), r.config)
		m.next(t, "STATUS=serving 1 domains")
		restarts++
	})
	if n := len(signatures(t, c, "user@example.com", "")); n != 1 || restarts != 2 {
		t.Errorf("%d signatures after %d restarts", n, restarts)
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
	eventually(t, "systemd keeps no descriptors any more", func() bool { return m.Kept() == 0 })
	if p.log.count("WARN") > 0 {
		t.Errorf("there is trouble in the log:\n%s", p.log)
	}
	// Without a store connections end, as they always did.
	m.NoStore.Store(true)
	master := newTalk(t, "unix", paths["auth-master"])
	master.say("VERSION\t1\t1\nUSER\t1\tuser@example.com\tservice=lmtp\n")
	master.hear("USER\t1\tuser@example.com")
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if line, err := master.in.ReadString('\n'); err == nil || m.Kept() != 0 {
		t.Errorf("%q, %v; systemd keeps %d descriptors", line, err, m.Kept())
	}
}
