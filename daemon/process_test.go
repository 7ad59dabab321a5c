package daemon

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is the daemon in a process of its own.
type process struct {
	*exec.Cmd
	log *logBuffer
}

// launch starts the test binary as a daemon; files become its descriptors
// from 3, as systemd hands sockets over.
func launch(t *testing.T, config string, env []string, files ...*os.File) *process {
	t.Helper()
	return launchProgram(t, testBinary(t), config, env, files...)
}

func testBinary(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// launchProgram is launch with a path by which the program is started.
func launchProgram(t *testing.T, exe, config string, env []string, files ...*os.File) *process {
	t.Helper()
	// LISTEN_PID must be the pid of the daemon, which only itself knows.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0"`, exe)
	p := &process{Cmd: cmd, log: &logBuffer{}}
	cmd.Env = append(append(os.Environ(), "VMAPD_TEST_RUN="+config), env...)
	cmd.Stderr, cmd.ExtraFiles = p.log, files
	cmd.WaitDelay = 5 * time.Second // a process it has left behind may hold the log open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	return p
}

// end sends a signal and waits for the process.
func (p *process) end(t *testing.T, s syscall.Signal) int {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	p.Wait()
	return p.ProcessState.ExitCode()
}

func TestSignals(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := launch(t, r.config, nil)
		eventually(t, "it answers", func() bool {
			_, found, _ := ask(t, "unix", r.path("socketmap"), "domains", "example.com")
			return found
		})

		r.write(t, "[nonsense]\n")
		p.Process.Signal(syscall.SIGHUP)
		eventually(t, "the bad configuration is logged", func() bool { return p.log.count("reload failed, everything stays as it was") == 1 })
		if !strings.Contains(p.log.String(), "vmapd.toml:2:2: nonsense: unknown key") {
			t.Errorf("no place in the log: %s", p.log)
		}
		if _, found, err := ask(t, "unix", r.path("socketmap"), "domains", "example.com"); !found || err != nil {
			t.Errorf("after a bad reload: %v, %v", found, err)
		}
		r.write(t, basics+"[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%DIR%/third\"\n")
		p.Process.Signal(syscall.SIGHUP)
		eventually(t, "the new listener answers", func() bool { _, found, _ := ask(t, "unix", r.path("third"), "domains", "example.com"); return found })
		if code := p.end(t, s); code != 0 {
			t.Errorf("%v: exit code %d", s, code)
		}
		if left, _ := filepath.Glob(r.path("*")); strings.Contains(strings.Join(left, " "), "third") {
			t.Errorf("%v left %v", s, left)
		}
	}
}

// The second signal does not wait for anybody.
func TestSecondSignal(t *testing.T) {
	r := newRig(t, basics+"[lookup]\nhold = \"90s\"\n")
	p := launch(t, r.config, nil)
	var c net.Conn
	eventually(t, "it listens", func() (ok bool) {
		var err error
		c, err = net.Dial("unix", r.path("socketmap"))
		return err == nil
	})
	defer c.Close()
	send(t, c, socketmapRequest) // held; what it ends with is open
	p.Process.Signal(syscall.SIGTERM)
	eventually(t, "it drains", func() bool { return p.log.count("ending: finishing") == 1 })
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if p.log.count("second signal") != 1 {
		t.Error("it did not end by the second signal")
	}
}

// Restarts while clients ask without a pause: every answer that begins is
// whole, and the daemon's own time-out is not needed.
func TestSigtermCutsNoAnswer(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	for range 5 {
		p := launch(t, r.config, nil)
		eventually(t, "it answers", func() bool {
			_, found, _ := ask(t, "unix", r.path("socketmap"), "domains", "example.com")
			return found
		})
		results := make(chan string, 4)
		for range 4 {
			go func() { results <- hammer(r.path("socketmap")) }()
		}
		time.Sleep(30 * time.Millisecond)
		if code := p.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d", code)
		}
		for range 4 {
			if partial := <-results; partial != "" {
				t.Errorf("an answer was cut short: %q", partial)
			}
		}
	}
}

// hammer asks until the connection ends, and gives what came of the last
// answer.
func hammer(path string) string {
	c, err := net.Dial("unix", path)
	if err != nil {
		return ""
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		if _, err := c.Write([]byte("19:domains example.com,")); err != nil {
			return ""
		}
		if reply, err := r.ReadString(','); err != nil {
			return reply
		}
	}
}
