package daemon

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/socketmap"
)

// everything are listeners of every kind; both TCP ports are chosen by the
// system, and kept through a hand-over.
const everything = basics + `
[[listen]]
protocol = "socketmap"
address = "inet:127.0.0.1:0"
[[listen]]
protocol = "tcp_table"
address = "inet:127.0.0.1:0"
table = "aliases"
`

// dynasty is a daemon and those that come after it.
type dynasty struct {
	*rig
	*process
	pid int // of the one that serves
}

// found starts the first of a line, from a program in the rig's folder.
func found(t *testing.T, config string, env ...string) *dynasty {
	t.Helper()
	adopt(t)
	d := &dynasty{rig: newRig(t, config)}
	initDatabase(t, d.database())
	d.install(t)
	d.process = launchProgram(t, d.path("vmapd"), d.config, env)
	d.pid = d.Process.Pid
	t.Cleanup(func() {
		syscall.Kill(d.pid, syscall.SIGKILL)
		if s := d.state(); s != nil {
			syscall.Kill(s.PID, syscall.SIGKILL)
		}
	})
	eventually(t, "it is ready", func() bool { s := d.state(); return s != nil && s.Ready })
	return d
}

// adopt makes this process the parent of orphans: it can wait for them.
func adopt(t *testing.T) {
	t.Helper()
	const setChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		t.Fatal(errno)
	}
}

// install puts the real program into place.
func (d *dynasty) install(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, d.path("new")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.path("new"), d.path("vmapd")); err != nil {
		t.Fatal(err)
	}
}

// installScript puts something else in its place.
func (d *dynasty) installScript(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(d.path("new"), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.path("new"), d.path("vmapd")); err != nil {
		t.Fatal(err)
	}
}

// state asks for the status, nil if nobody answers.
func (d *dynasty) state() *Status {
	s, err := (Control{Path: ControlPath(d.dir)}).Status(context.Background())
	if err != nil {
		return nil
	}
	return s
}

func (d *dynasty) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(d.pid, s); err != nil {
		t.Fatal(err)
	}
}

// succeed hands over and waits for the end of the old process.
func (d *dynasty) succeed(t *testing.T) {
	t.Helper()
	old := d.pid
	d.signal(t, syscall.SIGUSR2)
	if code := d.waitFor(t, old); code != 0 {
		t.Fatalf("the old process ended with %d", code)
	}
	eventually(t, "the new process answers", func() bool { s := d.state(); return s != nil && s.PID != old })
	d.pid = d.state().PID
}

// waitFor waits for the end of a process and gives its exit code.
func (d *dynasty) waitFor(t *testing.T, pid int) int {
	t.Helper()
	if pid == d.Process.Pid { // not Cmd.Wait: the log is open in the successor
		state, err := d.Process.Wait()
		if err != nil {
			t.Fatal(err)
		}
		return state.ExitCode()
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		t.Fatalf("wait for %d: %v", pid, err)
	}
	return status.ExitStatus()
}

// descriptors tells what is open that has no name in the file system, by number:
// sockets, pipes, processes. Files are the databases', which open and close theirs
// when they like.
func (d *dynasty) descriptors(t *testing.T) (list []string) {
	t.Helper()
	dir := "/proc/" + itoa(d.pid) + "/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink(dir + e.Name()); err == nil && !strings.HasPrefix(target, "/") {
			list = append(list, e.Name()+" "+target)
		}
	}
	return list
}

// noMore waits until no more is open than there was.
func (d *dynasty) noMore(t *testing.T, before []string) {
	t.Helper()
	var now []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if now = d.descriptors(t); len(now) <= len(before) {
			return
		}
	}
	t.Errorf("%d descriptors are open, %d were before:\n%s\nbefore:\n%s", len(now), len(before), strings.Join(now, "\n"), strings.Join(before, "\n"))
}

// finish ends the one that serves, and checks that nothing is left.
func (d *dynasty) finish(t *testing.T) {
	t.Helper()
	d.signal(t, syscall.SIGTERM)
	if code := d.waitFor(t, d.pid); code != 0 {
		t.Errorf("exit code %d", code)
	}
	d.noSockets(t)
}

func (d *dynasty) noSockets(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type() == os.ModeSocket {
			t.Errorf("the socket %s was left", e.Name())
		}
	}
}

// Five restarts while clients ask without a pause: nobody is refused, and every
// request is answered, at the latest when it is asked once more.
func TestHandover(t *testing.T) {
	d := found(t, everything)
	before := d.descriptors(t)
	c := startClients(t, d.dir, d.state())
	for range 5 {
		time.Sleep(50 * time.Millisecond)
		d.succeed(t)
	}
	time.Sleep(50 * time.Millisecond)
	c.stop(t)
	eventually(t, "the connections are closed", func() bool {
		n := 0
		for _, l := range d.state().Listeners {
			n += l.Connections
		}
		return n == 0
	})
	d.noMore(t, before)
	for _, text := range []string{"ERROR", "WARN", "panic"} {
		if d.process.log.count(text) > 0 {
			t.Errorf("there is trouble in the log")
			break
		}
	}
	if env, err := os.ReadFile("/proc/" + itoa(d.pid) + "/environ"); err != nil || strings.Count(string(env), handoverVariable) != 1 {
		t.Errorf("environment %q, %v", env, err)
	}
	d.finish(t)
}

// A connection that idles ends; a request that the old process has read, and
// holds for want of data, gets its answer on its connection.
func TestHandoverAnswersWhatWasAsked(t *testing.T) {
	d := found(t, basics+"[lookup]\nhold = \"90s\"\n")
	idle, err := net.Dial("unix", d.path("socketmap"))
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if v, _, err := socketmap.NewClient(idle).Lookup(t.Context(), "aliases", "info@example.com"); v != "user@example.com" || err != nil {
		t.Fatal(v, err)
	}
	d.succeed(t)
	if n, err := idle.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the idle connection gives %d bytes, %v", n, err)
	}
	d.finish(t)

	d.restartWithoutData(t)
	held, err := net.Dial("unix", d.path("socketmap"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	send(t, held, socketmapRequest)
	d.signal(t, syscall.SIGUSR2)
	eventually(t, "the new process begins", func() bool { return d.process.log.count("taking over") == 1 })
	if err := os.Rename(d.path("away.db"), d.database()); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(held); string(got) != socketmapAnswer {
		t.Errorf("the request that was held: %q, %v", got, err)
	}
	d.waitFor(t, d.pid)
	d.pid = d.state().PID
	d.finish(t)
}

// restartWithoutData starts a new line whose database is away, and that has no
// snapshot on disk.
func (d *dynasty) restartWithoutData(t *testing.T) {
	t.Helper()
	if err := os.Rename(d.database(), d.path("away.db")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(SnapshotPath(d.dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	d.process = launchProgram(t, d.path("vmapd"), d.config, nil)
	d.pid = d.Process.Pid
	eventually(t, "it is up", func() bool { return d.state() != nil })
}

// What the new configuration says of listeners holds after a hand-over.
func TestHandoverChangesListeners(t *testing.T) {
	d := found(t, basics)
	d.write(t, `
[[listen]]
protocol = "socketmap"
address = "unix:%DIR%/socketmap"
mode = "0640"
[[listen]]
protocol = "http"
address = "unix:%DIR%/third"
`)
	d.succeed(t)
	if st, err := os.Lstat(d.path("socketmap")); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", st, err)
	}
	if _, found, err := ask(t, "unix", d.path("socketmap"), "domains", "example.com"); !found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	if status, _ := get(t, d.path("third"), "/readyz"); status != 200 {
		t.Errorf("the new listener: %d", status)
	}
	if _, err := os.Lstat(d.path("http")); !os.IsNotExist(err) {
		t.Errorf("the socket of the listener that is gone: %v", err)
	}
	d.finish(t)
}

// A socket file that somebody removed comes back.
func TestHandoverMendsSocket(t *testing.T) {
	d := found(t, basics)
	if err := os.Remove(d.path("socketmap")); err != nil {
		t.Fatal(err)
	}
	d.succeed(t)
	if _, found, err := ask(t, "unix", d.path("socketmap"), "domains", "example.com"); !found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	d.finish(t)
}

// SIGHUP to the old process in the middle of it all reaches the new one.
func TestHandoverPassesReloadOn(t *testing.T) {
	d := found(t, basics)
	d.finish(t)
	d.restartWithoutData(t) // so it does not end before it hears the signal
	d.signal(t, syscall.SIGUSR2)
	eventually(t, "the new process begins", func() bool { return d.process.log.count("taking over") == 1 })
	d.write(t, basics+"[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%DIR%/third\"\n")
	d.signal(t, syscall.SIGHUP)
	if err := os.Rename(d.path("away.db"), d.database()); err != nil {
		t.Fatal(err)
	}
	old := d.pid
	d.waitFor(t, old)
	d.pid = d.state().PID
	eventually(t, "the new configuration is in use", func() bool {
		_, found, _ := ask(t, "unix", d.path("third"), "domains", "example.com")
		return found
	})
	d.finish(t)
}

// An executable is found where it was started from, whatever the links say
// now.
func TestFindProgram(t *testing.T) {
	if p := findProgram(); !filepath.IsAbs(p) {
		t.Errorf("%s is not absolute", p)
	}
}
