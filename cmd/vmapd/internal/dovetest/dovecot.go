package dovetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/internal/peers"
)

// Owner is the uid and gid of mail: Debian's nobody and nogroup.
const Owner = 65534

// Ports on an instance's own loopback address, outside Linux's ephemeral range.
const (
	portIMAP       = 20143
	portPOP3       = 20110
	portLMTP       = 20024
	portSieve      = 20190
	portSubmission = 20589
	portDoveadm    = 20080
)

// Dovecot is one instance of the real Dovecot.
type Dovecot struct {
	Dir   string // everything the instance writes lies below it; short enough for sockets
	Conf  string // folder of dovecot.conf
	Mail  string // folder of mail, which Owner may write to
	Queue string // stands for Postfix's queue_directory

	t    testing.TB
	ip   string
	cmd  *exec.Cmd
	done chan struct{}
	seen int // crashes of the log that were reported
}

// Settings are lines of local.conf besides those of every test.
type Settings struct {
	Submission bool   // the configuration has the protocol submission
	APIKey     string // of doveadm's HTTP API, see DoveadmURL; "" = there is none
	More       string // further lines
}

// Require skips or fails the test where no Dovecot 2.3 can be run.
func Require(t testing.TB) {
	t.Helper()
	for program, pkg := range map[string]string{"imap": "imapd", "pop3": "pop3d", "lmtp": "lmtpd", "managesieve": "managesieved", "submission": "submissiond"} {
		if _, err := os.Stat("/usr/lib/dovecot/" + program); err != nil {
			peers.Need(t, fmt.Errorf("program %s of Dovecot is not installed: apt-get install dovecot-%s", program, pkg))
		}
	}
	if _, err := os.Stat("/usr/lib/dovecot/modules/libdriver_pgsql.so"); err != nil {
		peers.Need(t, errors.New("the PostgreSQL driver of Dovecot is not installed: apt-get install dovecot-pgsql"))
	}
	peers.Dovecot23(t, "dovecot")
	peers.Root(t)
}

// New makes the folders of an instance and chooses its address. Everything is
// removed when the test ends.
func New(t testing.TB) *Dovecot {
	t.Helper()
	Require(t)
	dir, err := os.MkdirTemp("", "dovetest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &Dovecot{
		Dir: dir, Conf: filepath.Join(dir, "conf"), Mail: filepath.Join(dir, "mail"), Queue: filepath.Join(dir, "queue"), t: t,
		ip: mailtest.LoopbackIP(t, portIMAP, portPOP3, portLMTP, portSieve, portSubmission, portDoveadm),
	}
	for _, p := range []string{dir, d.Conf, d.Mail, filepath.Join(d.Queue, "private")} {
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, 0o755); err != nil { // login processes pass through
			t.Fatal(err)
		}
	}
	if err := os.Chown(d.Mail, Owner, Owner); err != nil {
		t.Fatal(err)
	}
	return d
}

// Start writes local.conf and starts the instance, which ends with the test. If
// the test failed its log is shown.
func (d *Dovecot) Start(s Settings) {
	d.t.Helper()
	local := strings.NewReplacer("DIR", d.Dir, "ADDRESS", d.ip).Replace(localConf) + d.listeners(s.Submission) + d.api(s.APIKey) + s.More
	if err := os.WriteFile(filepath.Join(d.Conf, "local.conf"), []byte(local), 0o644); err != nil {
		d.t.Fatal(err)
	}
	d.cmd = exec.Command("dovecot", "-F", "-c", d.Config())
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // if the test is killed
	var said strings.Builder
	d.cmd.Stdout, d.cmd.Stderr = &said, &said
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.done = make(chan struct{})
	cmd, done := d.cmd, d.done
	go func() { defer close(done); _ = cmd.Wait() }()
	d.t.Cleanup(func() {
		d.Stop()
		if d.t.Failed() {
			d.t.Logf("Dovecot's log:\n%s", d.Log())
		}
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", d.address(portIMAP)); err == nil {
			c.Close()
			return
		}
		select {
		case <-done:
			d.t.Fatalf("Dovecot ended at its start: %s\n%s", said.String(), d.Log())
		default:
		}
		if time.Now().After(end) {
			d.t.Fatalf("Dovecot does not listen\n%s", d.Log())
		}
	}
}

// Stop ends the instance and fails the test if one of its processes crashed. It
// may be started again.
func (d *Dovecot) Stop() {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(time.Minute):
		d.t.Error("Dovecot does not end within a minute")
		_ = d.cmd.Process.Kill()
		<-d.done
	}
	d.cmd = nil
	crashes := regexp.MustCompile(`(?m)^.*(?:Panic|Fatal|killed with signal|signal 11).*$`).FindAllString(d.Log(), -1)
	for _, line := range crashes[d.seen:] {
		d.t.Errorf("a process of Dovecot crashed: %s", line)
	}
	d.seen = len(crashes)
}

// Config is the path of dovecot.conf.
func (d *Dovecot) Config() string { return filepath.Join(d.Conf, "dovecot.conf") }

// Log is what the instance has logged.
func (d *Dovecot) Log() string {
	text, err := os.ReadFile(filepath.Join(d.Dir, "dovecot.log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(text)
}

// Doveadm runs doveadm and returns what it printed and its exit status.
func (d *Dovecot) Doveadm(args ...string) (out string, status int) {
	cmd := exec.Command("doveadm", append([]string{"-c", d.Config()}, args...)...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		d.t.Fatalf("doveadm: %v", err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// DoveadmURL is where doveadm's HTTP API is.
func (d *Dovecot) DoveadmURL() string { return "http://" + d.address(portDoveadm) }

func (d *Dovecot) address(port int) string { return fmt.Sprintf("%s:%d", d.ip, port) }
