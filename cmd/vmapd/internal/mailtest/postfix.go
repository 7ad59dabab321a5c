package mailtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// Postfix is one instance of the real Postfix.
type Postfix struct {
	Name    string // short name of the instance; part of sender addresses
	Dir     string // everything the instance writes lies below it
	Private string // directory of sockets, <queue>/private; "unix:private/NAME" in main.cf
	LogFile string

	t                 testing.TB
	ip                string
	conf, queue, data string
	guard             io.Closer // closing it without a word makes the guard end the instance
}

// New makes the directories of an instance, so that other programs can put
// their sockets into Private, and chooses its address. It skips the test
// if Postfix cannot be run here. Everything is removed when the test ends.
func New(t testing.TB, name string) *Postfix {
	t.Helper()
	Require(t)
	dir, err := os.MkdirTemp("", "mailtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &Postfix{
		t: t, Name: name, Dir: dir, LogFile: filepath.Join(dir, "mail.log"),
		conf: filepath.Join(dir, "conf"), queue: filepath.Join(dir, "queue"), data: filepath.Join(dir, "data"),
		ip: LoopbackIP(t, portMX, portSubmission, portSubmissionOld),
	}
	p.Private = filepath.Join(p.queue, "private")
	if err := p.makeDirs(); err != nil {
		t.Fatalf("make directories of Postfix: %v", err)
	}
	return p
}

// Require skips or fails the test where Postfix cannot be run, or knows no
// tables of one of the types.
func Require(t testing.TB, types ...string) {
	t.Helper()
	peers.Need(t, usable(t.TempDir(), types))
}

// usable says why Postfix cannot be run. In dir it puts the main.cf without
// which postconf says nothing at all.
func usable(dir string, types []string) error {
	if _, err := exec.LookPath("postfix"); err != nil {
		return errors.New("postfix is not installed: apt-get install postfix")
	}
	if os.Geteuid() != 0 {
		return errors.New("postfix must be started by root")
	}
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), nil, 0o644); err != nil {
		return err
	}
	out, err := exec.Command("postconf", "-c", dir, "-m").Output()
	if err != nil {
		return fmt.Errorf("postconf -m: %w", err)
	}
	known := strings.Fields(string(out))
	for _, typ := range types {
		if !slices.Contains(known, typ) {
			return fmt.Errorf("postfix has no %[1]s tables: apt-get install postfix-%[1]s", typ)
		}
	}
	return nil
}

// makeDirs creates the directories that must exist before "postfix start".
// private/ is closed to everybody but Postfix, as it is in a real queue.
func (p *Postfix) makeDirs() error {
	u, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	if err := os.Chmod(p.Dir, 0o755); err != nil {
		return err
	}
	for _, d := range []struct {
		path string
		mode os.FileMode
		uid  int
	}{{p.conf, 0o755, 0}, {p.queue, 0o755, 0}, {p.data, 0o700, uid}, {p.Private, 0o700, uid}} {
		if err := os.Mkdir(d.path, d.mode); err != nil {
			return err
		}
		if err := os.Chown(d.path, d.uid, 0); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile puts a file, such as the description of a SQL map, beside
// main.cf and returns its path.
func (p *Postfix) WriteFile(name, content string) string {
	p.t.Helper()
	path := filepath.Join(p.conf, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// Conf is the folder of main.cf and master.cf, for MAIL_CONFIG in the environment
// of Postfix's commands.
func (p *Postfix) Conf() string { return p.conf }

// Queue is queue_directory.
func (p *Postfix) Queue() string { return p.queue }

// Start configures and starts the instance. It is stopped when the test ends,
// and its log is printed if the test failed.
func (p *Postfix) Start(c Config) {
	p.t.Helper()
	if err := p.configure(c); err != nil {
		p.t.Fatalf("configure Postfix: %v", err)
	}
	p.t.Cleanup(p.stop)
	p.startGuard()
	if out, err := p.command("start"); err != nil {
		p.t.Fatalf("postfix start: %v\n%s\n%s", err, out, p.log())
	}
}

// command runs "postfix VERB" on the instance.
func (p *Postfix) command(verb string) (string, error) {
	out, err := exec.Command("postfix", "-c", p.conf, verb).CombinedOutput()
	return string(out), err
}

// stop ends the instance: politely, then by killing the process group of its
// master process.
func (p *Postfix) stop() {
	pid := p.masterPID()
	p.command("stop")
	if pid > 1 {
		// The group is empty unless something hung.
		syscall.Kill(-pid, syscall.SIGKILL)
	}
	if p.guard != nil {
		io.WriteString(p.guard.(io.Writer), "done\n")
		p.guard.Close()
	}
	if p.t.Failed() {
		p.t.Logf("log of Postfix %q:\n%s", p.Name, p.log())
	}
}

// masterPID is the process id, and process group, of master(8); 0 if it never
// ran.
func (p *Postfix) masterPID() int {
	b, err := os.ReadFile(filepath.Join(p.queue, "pid", "master.pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// startGuard starts a shell that ends the instance and removes its files if
// this process dies without stopping it (time limit of the test, kill -9).
// Postfix is a daemon: nothing else would.
func (p *Postfix) startGuard() {
	p.t.Helper()
	cmd := exec.Command("sh", "-c", `read word || { kill -9 -"$(tr -d ' ' <"$0/queue/pid/master.pid")"; rm -rf "$0"; }`, p.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.guard = in
	go cmd.Wait()
}

// log returns the end of the instance's log.
func (p *Postfix) log() string {
	b, err := os.ReadFile(p.LogFile)
	if err != nil {
		return err.Error()
	}
	const max = 8000
	if len(b) > max {
		b = b[len(b)-max:]
	}
	return string(b)
}

// Version returns the version of Postfix, such as "3.7.11".
func (p *Postfix) Version() string {
	p.t.Helper()
	out, err := exec.Command("postconf", "-c", p.conf, "-d", "-h", "mail_version").Output()
	if err != nil {
		p.t.Fatalf("postconf mail_version: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// AtLeast reports whether a version of Postfix is not older than another one;
// only the first two numbers count.
func AtLeast(version, want string) bool {
	var v, w [2]int
	fmt.Sscanf(version, "%d.%d", &v[0], &v[1])
	fmt.Sscanf(want, "%d.%d", &w[0], &w[1])
	return v[0] > w[0] || v[0] == w[0] && v[1] >= w[1]
}
