package daemon

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serviceManager plays systemd: it owns a socket and reads notifications.
type serviceManager struct {
	path   string // of the socket
	file   *os.File
	notify string
	inbox  *net.UnixConn
	heard  chan string
}

func newServiceManager(t *testing.T, dir string) *serviceManager {
	t.Helper()
	m := &serviceManager{path: filepath.Join(dir, "from-systemd"), notify: filepath.Join(dir, "notify")}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: m.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	if m.file, err = ln.File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.file.Close() })
	if m.inbox, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.notify, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	m.heard = make(chan string, 10_000)
	read := make(chan struct{})
	go func() { // at once, as systemd does: a socket holds a few datagrams only
		defer close(read)
		for b := make([]byte, 4096); ; {
			n, err := m.inbox.Read(b)
			if err != nil {
				return
			}
			m.heard <- string(b[:n])
		}
	}()
	t.Cleanup(func() { m.inbox.Close(); <-read })
	return m
}

// env is what systemd gives to a service with one socket and a watchdog.
func (m *serviceManager) env() []string {
	return []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=maps", "NOTIFY_SOCKET=" + m.notify, "WATCHDOG_USEC=200000"}
}

// next reads notifications until one has text in it; none may have what is not
// wanted.
func (m *serviceManager) next(t *testing.T, want string, unwanted ...string) string {
	t.Helper()
	for {
		var text string
		select {
		case text = <-m.heard:
		case <-time.After(time.Minute):
			t.Fatalf("waiting for %s", want)
		}
		for _, u := range unwanted {
			if strings.Contains(text, u) {
				t.Errorf("%q before %s", text, want)
			}
		}
		if strings.Contains(text, want) {
			return text
		}
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
	m := newServiceManager(t, r.dir)
	socket := m.path
	next := func(want string) { t.Helper(); m.next(t, want) }
	p := launch(t, r.config, m.env(), m.file)
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
	m := newServiceManager(t, r.dir)
	p := launch(t, r.config, m.env(), m.file)
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
		p = launch(t, r.config, m.env(), m.file)
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
	m := newServiceManager(t, d.dir)
	d.process = launchProgram(t, d.path("vmapd"), d.config, m.env(), m.file)
	d.pid = d.Process.Pid
	m.next(t, "STATUS=serving 1 domains")
	for range 2 {
		old := d.pid
		d.succeed(t)
		t.Cleanup(func() { syscall.Kill(d.pid, syscall.SIGKILL) })
		m.next(t, "MAINPID="+itoa(d.pid), "STOPPING", "READY")
		m.next(t, "READY=1\nSTATUS=serving in place of process "+itoa(old), "STOPPING")
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
