package daemon

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/socketmap"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Whatever keeps the new process from serving, the old one goes on, with the
// connections it has, and a later restart works.
func TestHandoverFails(t *testing.T) {
	d := found(t, basics, "VMAPD_TEST_LIMIT=1500ms")
	c, err := net.Dial("unix", d.path("socketmap"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client := socketmap.NewClient(c)
	if _, _, err := client.Lookup(t.Context(), "aliases", "info@example.com"); err != nil { // it has been accepted
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(t *testing.T)
		want  string // in the log
	}{
		{"bad configuration", func(t *testing.T) { d.write(t, "[nonsense]\n") }, "ended before it served: exit status 2"},
		{"socket that cannot be made", func(t *testing.T) {
			d.write(t, strings.Replace(basics, `"unix:%DIR%/socketmap"`, "\"unix:%DIR%/socketmap\"\nmode = \"0600\"", 1)+
				"[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%DIR%/made\"\n[[listen]]\nprotocol = \"http\"\naddress = \"unix:%DIR%/none/s\"\n")
		}, "ended before it served: exit status 2"},
		{"program that ends", func(t *testing.T) { d.installScript(t, "exit 3") }, "ended before it served: exit status 3"},
		{"program that hangs", func(t *testing.T) { d.installScript(t, "exec sleep 60") }, "did not serve within 1.5s and was ended"},
		{"program that cannot be ended", func(t *testing.T) { d.installScript(t, "trap '' TERM; exec sleep 60") }, "did not serve within 1.5s and was ended"},
		{"program that is gone", func(t *testing.T) {
			if err := os.Remove(d.path("vmapd")); err != nil {
				t.Fatal(err)
			}
		}, "cannot start"},
		{"no database", func(t *testing.T) {
			d.write(t, basics+"[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%DIR%/made\"\n[database]\nurl = \"sqlite:%DIR%/none.db\"\n")
		}, "did not serve within 1.5s and was ended"},
	}
	before := d.descriptors(t)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.write(t, basics)
			d.install(t)
			tt.spoil(t)
			d.signal(t, syscall.SIGUSR2)
			eventually(t, "the failure is logged", func() bool { return d.process.log.count("the restart failed, this process goes on serving") == i+1 })
			lines := strings.Split(strings.TrimSpace(d.process.log.String()), "\n")
			if last := lines[len(lines)-1]; !strings.Contains(last, tt.want) || !strings.Contains(last, `"remedy": "`) {
				t.Errorf("logged %s, want %s and a remedy", last, tt.want)
			}
			if v, _, err := client.Lookup(t.Context(), "aliases", "info@example.com"); v != "user@example.com" || err != nil {
				t.Errorf("the connection that was open: %q, %v", v, err)
			}
			if _, found, err := ask(t, "unix", d.path("socketmap"), "domains", "example.com"); !found || err != nil {
				t.Errorf("a new connection: %v, %v", found, err)
			}
			if st, err := os.Lstat(d.path("socketmap")); err != nil || st.Mode().Perm() != 0o660 {
				t.Errorf("the socket: %v, %v", st, err)
			}
			if _, err := os.Lstat(d.path("made")); !os.IsNotExist(err) {
				t.Errorf("the socket of the new process is still there: %v", err)
			}
			if s := d.state(); s == nil || s.PID != d.pid {
				t.Errorf("status %+v", s)
			}
		})
	}
	d.noMore(t, before)
	d.write(t, basics)
	d.install(t)
	d.succeed(t)
	d.finish(t)
}

// SIGTERM while a new process is awaited ends both, a second SIGUSR2 changes
// nothing.
func TestHandoverAndSigterm(t *testing.T) {
	d := found(t, basics)
	d.installScript(t, "echo $$ >"+d.path("pid")+"; exec sleep 60")
	d.signal(t, syscall.SIGUSR2)
	eventually(t, "the new process runs", func() bool { b, _ := os.ReadFile(d.path("pid")); return len(b) > 0 })
	d.signal(t, syscall.SIGUSR2)
	eventually(t, "the second one is ignored", func() bool { return d.process.log.count("SIGUSR2 ignored") == 1 })
	d.finish(t)
	b, _ := os.ReadFile(d.path("pid"))
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("the new process: %v", err)
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if d.process.log.count("started a new process") != 1 {
		t.Error("not one new process")
	}
}

// SIGTERM to the old process at any moment ends both, and no socket file
// stays.
func TestHandoverAndSigtermAnyTime(t *testing.T) {
	for delay := time.Duration(0); delay < 200*time.Millisecond; delay += 20 * time.Millisecond {
		d := found(t, basics)
		d.signal(t, syscall.SIGUSR2)
		time.Sleep(delay)
		syscall.Kill(d.pid, syscall.SIGTERM)
		if code := d.waitFor(t, d.pid); code != 0 {
			t.Errorf("after %v: exit code %d", delay, code)
		}
		if d.process.log.count("handing over") == 1 && d.process.log.count("passing the signal on") == 0 {
			// It had ended before it could hear the signal.
			eventually(t, "the new process serves", func() bool { s := d.state(); return s != nil })
			d.pid = d.state().PID
			d.finish(t)
			continue
		}
		// The new process, if there is one, is ours now, and ends.
		eventually(t, "the new process ends", func() bool {
			_, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			return err == syscall.ECHILD
		})
		d.noSockets(t)
	}
}

// The old process is killed while the new one waits: that one serves.
func TestHandoverWhenOldOneDies(t *testing.T) {
	d := found(t, basics+"[lookup]\nhold = \"50ms\"\n")
	if err := os.Rename(d.database(), d.path("away.db")); err != nil {
		t.Fatal(err)
	}
	d.signal(t, syscall.SIGUSR2)
	eventually(t, "the new process waits for data", func() bool { return d.process.log.count("cannot read the database") > 0 })
	old := d.pid
	d.signal(t, syscall.SIGKILL)
	d.waitFor(t, old)
	eventually(t, "the new process answers", func() bool { s := d.state(); return s != nil && s.PID != old })
	d.pid = d.state().PID
	if err := os.Rename(d.path("away.db"), d.database()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has data", func() bool { return d.state().Ready })
	d.finish(t)
}
