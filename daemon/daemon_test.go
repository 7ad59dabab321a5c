package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/socketmap"
	"github.com/vmapd/vmapd/lookup/tcptable"
)

// get asks an http listener on a unix socket.
func get(t *testing.T, socket, path string) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) }}}
	resp, err := c.Get("http://vmapd" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestServe(t *testing.T) {
	r := newRig(t, basics+`
[[listen]]
protocol = "tcp_table"
address = "inet:127.0.0.1:0"
table = "sql-aliases"
`)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	v, found, err := ask(t, "unix", r.path("socketmap"), "aliases", "Info+x@Example.com")
	if v != "user+x@example.com" && v != "user@example.com" || !found || err != nil {
		t.Errorf("socketmap: %q, %v, %v", v, found, err)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(r.ports[2].address(), "inet:"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if v, found, err := tcptable.NewClient(c).Lookup(t.Context(), "info@example.com"); v != "user@example.com" || !found || err != nil {
		t.Errorf("tcp_table: %q, %v, %v", v, found, err)
	}
	for path, want := range map[string]string{
		"/livez": "alive\n", "/readyz": "ready\n",
		"/metrics": `vmapd_requests_total{protocol="tcp_table",result="found",table="aliases"} 1`,
	} {
		if status, body := get(t, r.path("http"), path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	if status, _ := get(t, r.path("http"), "/nothing"); status != 404 {
		t.Errorf("/nothing: %d", status)
	}
	st, err := r.client().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !st.Ready || st.Snapshot == nil || st.Snapshot.Counts.Mailboxes != 1 || !st.Database.Up || len(st.Listeners) != 3 || st.Config != r.config || st.PID != os.Getpid() {
		t.Errorf("status %+v", st)
	}
	x, err := r.client().Explain(t.Context(), "info@example.com")
	if err != nil || !x.OK || len(x.Deliveries) != 1 {
		t.Errorf("explain %+v, %v", x, err)
	}
	if x, err := r.client().ExplainLogin(t.Context(), "user@example.com", "imap"); err != nil || !x.OK {
		t.Errorf("explain login %+v, %v", x, err)
	}
	importCSV(t, r.database(), "account;new@example.com;{PLAIN}x;N;N;true;SimpleUsers;new@example.com;1\n")
	if res, err := r.client().Reload(t.Context()); err != nil || res.Generation < 2 {
		t.Errorf("reload %+v, %v", res, err)
	}
	if _, found, err := ask(t, "unix", r.path("socketmap"), "mailboxes", "new@example.com"); !found || err != nil {
		t.Errorf("after reload: %v, %v", found, err)
	}
	r.stop(t)
	for _, name := range []string{"socketmap", "http", "control.sock"} {
		if _, err := os.Lstat(r.path(name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	if _, err := r.client().Status(context.Background()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("status of a daemon that ended: %v", err)
	}
}

// A database that is not there at the start: the daemon starts, holds and then
// says TEMP, tells why, and recovers by itself.
func TestDatabaseDownAtStart(t *testing.T) {
	r := newRig(t, basics+"[lookup]\nhold = \"50ms\"\n").start(t)
	_, _, err := ask(t, "unix", r.path("socketmap"), "aliases", "info@example.com")
	var temp *socketmap.TempError
	if !errors.As(err, &temp) {
		t.Errorf("got %v, want TEMP", err)
	}
	eventually(t, "the failure is logged", func() bool { return r.log.count("cannot read the database") > 0 })
	if s := r.log.String(); !strings.Contains(s, `"remedy":"check database.url, or run \"vmapd init\" to make the file"`) {
		t.Errorf("no remedy: %s", s)
	}
	if status, body := get(t, r.path("http"), "/readyz"); status != 503 || strings.Count(body, "\n") != 1 {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if _, err := r.client().Explain(t.Context(), "info@example.com"); !errors.Is(err, ErrNoData) {
		t.Errorf("explain: %v", err)
	}
	if _, err := r.client().Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "vmapd init") {
		t.Errorf("reload: %v", err)
	}
	initDatabase(t, r.database())
	r.loaded(t)
	if v, found, err := ask(t, "unix", r.path("socketmap"), "aliases", "info@example.com"); v != "user@example.com" || !found || err != nil {
		t.Errorf("after recovery: %q, %v, %v", v, found, err)
	}
	eventually(t, "it is logged", func() bool { return r.log.count(`"read the database"`) == 1 })
	if n := r.log.count("cannot read the database"); n > 2 {
		t.Errorf("%d lines about the same failure", n)
	}
}

// Requests that come before the first data wait for it.
func TestRequestsAreHeld(t *testing.T) {
	r := newRig(t, basics).start(t)
	result := make(chan string, 1)
	go func() {
		v, _, err := ask(t, "unix", r.path("socketmap"), "aliases", "info@example.com")
		if err != nil {
			v = err.Error()
		}
		result <- v
	}()
	eventually(t, "the request is in", func() bool { return r.openConnections()["socketmap"] == 1 })
	initDatabase(t, r.database())
	if got := <-result; got != "user@example.com" {
		t.Errorf("got %q", got)
	}
}

func TestReloadConfiguration(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	stays, err := net.Dial("unix", r.path("socketmap"))
	if err != nil {
		t.Fatal(err)
	}
	defer stays.Close()
	client := socketmap.NewClient(stays)
	lookup := func() error { _, _, err := client.Lookup(t.Context(), "domains", "example.com"); return err }
	if err := lookup(); err != nil {
		t.Fatal(err)
	}

	r.write(t, basics+"[lookup]\nholdd = \"5s\"\nsender_login = \"4.x\"\n")
	err = r.Reload(t.Context())
	if err == nil || !strings.Contains(err.Error(), r.config+":10:1: lookup.holdd: unknown key") || !strings.Contains(err.Error(), r.config+":11:16: lookup.sender_login:") {
		t.Errorf("bad configuration: %v", err)
	}
	r.write(t, basics+"[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%DIR%/none/s\"\n")
	if err = r.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist: make it") {
		t.Errorf("socket that cannot be made: %v", err)
	}
	if err := lookup(); err != nil || len(r.ports) != 2 {
		t.Errorf("after bad reloads: %v, %d ports", err, len(r.ports))
	}

	before := r.ports[0]
	importCSV(t, r.database(), "domain;second.example;0;0;yes\n")
	r.write(t, `
[[listen]]
protocol = "socketmap"
address = "unix:%DIR%/socketmap"
[[listen]]
protocol = "socketmap"
address = "unix:%DIR%/second"
[log]
level = "error"
`)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := lookup(); err != nil || r.ports[0] != before {
		t.Errorf("an unchanged listener was touched: %v", err)
	}
	if _, found, err := ask(t, "unix", r.path("second"), "domains", "second.example"); !found || err != nil {
		t.Errorf("new listener, new data: %v, %v", found, err)
	}
	if _, err := os.Lstat(r.path("http")); !os.IsNotExist(err) {
		t.Errorf("the removed listener's socket: %v", err)
	}
	if r.Daemon.log.Level.String() != "error" {
		t.Errorf("log level %s", r.Daemon.log.Level)
	}
}

// A listener whose settings change keeps its socket: nobody is refused in
// between, and connections that were open end without an error.
func TestReloadChangesListener(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	old, err := net.Dial("unix", r.path("socketmap"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if _, _, err := socketmap.NewClient(old).Lookup(t.Context(), "domains", "example.com"); err != nil {
		t.Fatal(err)
	}
	stop, refused := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(refused)
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, err := net.Dial("unix", r.path("socketmap"))
			if errors.Is(err, syscall.EAGAIN) { // this loop is quicker than a busy machine accepts
				time.Sleep(time.Millisecond)
				continue
			}
			if err != nil {
				refused <- err
				return
			}
			c.Close()
		}
	}()
	r.write(t, strings.Replace(basics, `"unix:%DIR%/socketmap"`, "\"unix:%DIR%/socketmap\"\nmode = \"0600\"\nmax_connections = 7", 1))
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(stop)
	if err := <-refused; err != nil {
		t.Errorf("a connection was refused during the reload: %v", err)
	}
	if st, err := os.Lstat(r.path("socketmap")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if n, err := old.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("old connection: %d, %v", n, err)
	}
	if _, found, err := ask(t, "unix", r.path("socketmap"), "domains", "example.com"); !found || err != nil {
		t.Errorf("changed listener: %v, %v", found, err)
	}
	st, err := r.client().Status(t.Context())
	if err != nil || st.Listeners[0].Max != 7 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestReloadChangesDatabase(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	initDatabase(t, r.path("other.db"))
	importCSV(t, r.path("other.db"), "domain;other.example;0;0;yes\n")
	r.start(t).loaded(t)
	r.write(t, basics+"[database]\nurl = \"sqlite:%DIR%/other.db\"\n")
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, found, err := ask(t, "unix", r.path("socketmap"), "domains", "other.example"); !found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
}

func TestTwoDaemonsOneStateFolder(t *testing.T) {
	r := newRig(t, basics).start(t)
	second, err := New(r.cfg, r.config, nil, discard)
	if err != nil {
		t.Fatal(err)
	}
	err = second.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another process answers there, perhaps a second vmapd") {
		t.Errorf("got %v", err)
	}
	if _, err := r.client().Status(t.Context()); err != nil {
		t.Errorf("the first one suffered: %v", err)
	}
}

// A socket that cannot be made ends the start, names the socket, and leaves
// nothing behind.
func TestStartFails(t *testing.T) {
	r := newRig(t, basics+`
[[listen]]
protocol = "socketmap"
address = "unix:%DIR%/none/s"
[[listen]]
protocol = "http"
address = "systemd:web"
`)
	err := r.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "/none/s: the folder") || !strings.Contains(err.Error(), "systemd:web: systemd handed over no socket") {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"socketmap", "http", "control.sock"} {
		if _, err := os.Lstat(r.path(name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}

func TestControlPathTooLong(t *testing.T) {
	r := newRig(t, basics)
	r.cfg.StateDir = r.path(strings.Repeat("s", 100))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	eventually(t, "it listens", func() bool { _, err := os.Lstat(r.path("http")); return err == nil })
	if status, _ := get(t, r.path("http"), "/livez"); status != 200 {
		t.Errorf("status %d", status)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if r.log.count("no control socket") != 1 {
		t.Errorf("log: %s", r.log)
	}
}

// A request that is held when the daemon ends still gets the first data.
func TestDrainOfHeldRequest(t *testing.T) {
	r := newRig(t, basics).start(t)
	result := make(chan error, 1)
	go func() {
		_, _, err := ask(t, "unix", r.path("socketmap"), "aliases", "info@example.com")
		result <- err
	}()
	eventually(t, "the request is in", func() bool {
		for _, c := range r.ports[0].gate.list() {
			return c.state.Load() == busy
		}
		return false
	})
	r.cancel()
	initDatabase(t, r.database())
	if err := <-result; err != nil {
		t.Errorf("got %v", err)
	}
	r.stop(t)
}
