package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/internal/sdtest"
)

// Vmapd is the program over a state folder. It may be started, killed and
// started again.
type Vmapd struct {
	Binary string
	Socket string // socketmap
	State  string // state_dir
	Config string // the configuration file

	*Web

	// Systemd, if set, gives the program sockets, and keeps what it is given from
	// one process to the next.
	Systemd *sdtest.Systemd

	log  string
	cmd  *exec.Cmd
	done chan error
}

// NewVmapd writes a configuration: state is the state folder, more is what it
// says besides the sockets. The process, if one runs, ends with the test, and
// its log is shown if the test failed.
func NewVmapd(t testing.TB, binary, state, more string) *Vmapd {
	t.Helper()
	dir, err := os.MkdirTemp("", "drill-") // short: the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	web := filepath.Join(dir, "http")
	v := &Vmapd{
		Binary: binary, Socket: filepath.Join(dir, "socketmap"), State: state, Config: filepath.Join(dir, "vmapd.toml"),
		Web: NewWeb(web), log: filepath.Join(dir, "log"),
	}
	if state == "" {
		v.State = filepath.Join(dir, "state")
	}
	listen := func(protocol, path string) string {
		return fmt.Sprintf("[[listen]]\nprotocol = %q\naddress = \"unix:%s\"\ngroup = \"\"\n", protocol, path)
	}
	text := fmt.Sprintf("state_dir = %q\n%s\n", v.State, more) + listen("socketmap", v.Socket) + listen("http", web)
	if err := os.WriteFile(v.Config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.Kill()
		if t.Failed() {
			t.Logf("configuration:\n%s\nlog of vmapd:\n%s", text, v.Log(t))
		}
	})
	return v
}

// Start runs the program and waits for its sockets, not for its data.
func (v *Vmapd) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(v.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	v.cmd = exec.Command(v.Binary, "serve", "-c", v.Config)
	if v.Systemd != nil {
		v.cmd = exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" serve -c "$1"`, v.Binary, v.Config)
		files, env := v.Systemd.Next()
		for _, f := range files {
			defer f.Close()
		}
		v.cmd.Env, v.cmd.ExtraFiles = append(os.Environ(), env...), files
	}
	v.cmd.Stdout, v.cmd.Stderr = log, log
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the test is killed
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, done := v.cmd, make(chan error, 1)
	v.done = done
	go func() { done <- cmd.Wait() }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		if c, err := net.Dial("unix", v.Socket); err == nil {
			c.Close()
			return
		}
		select {
		case err := <-done:
			v.cmd = nil
			t.Fatalf("vmapd ended at its start: %v\n%s", err, v.Log(t))
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("vmapd does not listen\n%s", v.Log(t))
		}
	}
}

// Kill ends the process as a power cut would.
func (v *Vmapd) Kill() {
	if v.cmd == nil {
		return
	}
	_ = v.cmd.Process.Kill()
	<-v.done
	v.cmd = nil
}

// Stop ends the process as an init system does, and fails the test if that
// takes long or goes wrong.
func (v *Vmapd) Stop(t testing.TB) {
	t.Helper()
	if v.cmd == nil {
		return
	}
	_ = v.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-v.done:
		if err != nil {
			t.Errorf("vmapd ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("vmapd does not end within a minute")
		_ = v.cmd.Process.Kill()
		<-v.done
	}
	v.cmd = nil
}

// Run runs another command of the program with the same configuration and
// returns what it printed and its exit status.
func (v *Vmapd) Run(t testing.TB, args ...string) (out string, status int) {
	t.Helper()
	return v.RunWith(t, "", args...)
}

// RunWith is Run with something on standard input.
func (v *Vmapd) RunWith(t testing.TB, input string, args ...string) (out string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, v.Binary, append(args, "-c", v.Config)...)
	cmd.Stdin = strings.NewReader(input)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("vmapd %s: %v", strings.Join(args, " "), err)
	}
	if exit != nil {
		status = exit.ExitCode()
	}
	return string(text), status
}

// Status is what "vmapd status --json" says.
func (v *Vmapd) Status(t testing.TB) *daemon.Status {
	t.Helper()
	out, _ := v.Run(t, "status", "--json")
	s := new(daemon.Status)
	if err := json.Unmarshal([]byte(out), s); err != nil {
		t.Fatalf("vmapd status: %v\n%s", err, out)
	}
	return s
}

// Log returns what the process has logged, over all its lives.
func (v *Vmapd) Log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(v.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// Snapshot is the file of the snapshot on disk.
func (v *Vmapd) Snapshot() string { return filepath.Join(v.State, "snapshot") }

// Await waits until ok is true, and fails the test if that takes longer than
// limit.
func Await(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > limit {
			t.Fatalf("after %v it is not true that %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(began)
}
