//go:build drill

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// unitRunner does what the guide has systemd do: start and stop programs.
type unitRunner struct {
	units map[string]*unit
	ask   *os.File // "systemctl" writes its arguments here
	reply string   // and reads its exit status there
}

// unit is a program.
type unit struct {
	command []string
	ready   func() bool
	cmd     *exec.Cmd
	log     string
}

// newUnitRunner puts a command "systemctl" into a folder.
func newUnitRunner(t *testing.T, bin string) *unitRunner {
	t.Helper()
	ask, reply := filepath.Join(bin, "ask"), filepath.Join(bin, "reply")
	for _, fifo := range []string{ask, reply} {
		must(t, syscall.Mkfifo(fifo, 0o600))
	}
	script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >'%s'\nread -r status <'%s'\nexit $status\n", ask, reply)
	must(t, os.WriteFile(filepath.Join(bin, "systemctl"), []byte(script), 0o755))
	r := &unitRunner{units: map[string]*unit{}, reply: reply}
	var err error
	r.ask, err = os.OpenFile(ask, os.O_RDWR, 0)
	must(t, err)
	done := make(chan struct{})
	go func() { defer close(done); r.serve(t) }()
	t.Cleanup(func() {
		fmt.Fprintln(r.ask, "end")
		<-done
		r.ask.Close()
		for name, u := range r.units {
			u.stop(t)
			if text, err := os.ReadFile(u.log); err == nil && t.Failed() {
				t.Logf("log of %s:\n%s", name, text)
			}
		}
	})
	return r
}

// serve does one order after the other.
func (r *unitRunner) serve(t *testing.T) {
	line := make([]byte, 4096)
	for {
		n, err := r.ask.Read(line)
		words := strings.Fields(string(line[:n]))
		if err != nil || len(words) == 0 || words[0] == "end" {
			return
		}
		status := 0
		switch u := r.units[words[len(words)-1]]; strings.Join(words[:len(words)-1], " ") {
		case "":
			if words[0] != "daemon-reload" {
				status = 1
			}
		case "enable --now":
			if u == nil || !u.start() {
				status = 1
			}
		case "disable --now":
			if u == nil || !u.stop(t) {
				status = 1
			}
		default:
			status = 1
		}
		if err := os.WriteFile(r.reply, fmt.Appendln(nil, status), 0); err != nil {
			t.Error(err)
			return
		}
	}
}

func (r *unitRunner) start(t *testing.T, name string) {
	t.Helper()
	if !r.units[name].start() {
		t.Fatalf("%s does not start:\n%s", name, readFile(t, r.units[name].log))
	}
}

// start returns when the program serves.
func (u *unit) start() bool {
	f, err := os.OpenFile(u.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	defer f.Close()
	u.cmd = exec.Command(u.command[0], u.command[1:]...)
	u.cmd.Stdout, u.cmd.Stderr = f, f
	u.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the test is killed
	if err := u.cmd.Start(); err != nil {
		return false
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if u.ready() {
			return true
		}
	}
	return false
}

// stop ends the program as systemd does.
func (u *unit) stop(t *testing.T) bool {
	if u.cmd == nil {
		return true
	}
	_ = u.cmd.Process.Signal(syscall.SIGTERM)
	end := time.AfterFunc(30*time.Second, func() { t.Errorf("%s does not end", u.command[0]); _ = u.cmd.Process.Kill() })
	_ = u.cmd.Wait()
	end.Stop()
	u.cmd = nil
	return true
}
