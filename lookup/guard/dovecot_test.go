package guard

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/internal/peers"
)

// dovecotConfig is an auth service and nothing else, of version 2.3.
const dovecotConfig = `
base_dir = %[1]s/run
state_dir = %[1]s/run
instance_name = guardtest
log_path = %[1]s/log
protocols = none
ssl = no
auth_verbose = yes
auth_mechanisms = plain
auth_failure_delay = 0
auth_policy_server_url = %[2]s
auth_policy_server_api_header = Authorization:Bearer s3cret
auth_policy_hash_nonce = test
passdb {
  driver = passwd-file
  args = %[1]s/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}
service auth {
  unix_listener auth-client {
    mode = 0600
  }
}
# Dovecot's own delays, by address, of up to 16 seconds.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`

// dovecot is a running one that asks a guard.
type dovecot struct {
	t    *testing.T
	dir  string
	proc *exec.Cmd

	mu       sync.Mutex
	problems []string // what the handler did not understand
}

func startDovecot(t *testing.T, g *Guard, path string) *dovecot {
	t.Helper()
	program := peers.Dovecot23(t, "dovecot")
	peers.Root(t)
	dir, err := os.MkdirTemp("", "dg") // short: paths of sockets have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &dovecot{t: t, dir: dir}
	srv := httptest.NewServer(PolicyHandler(g, PolicyOptions{Key: "s3cret", OnError: d.complain}))
	t.Cleanup(srv.Close)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"dovecot.conf": fmt.Sprintf(dovecotConfig, dir, srv.URL+path),
		"users":        "alice@example.com:{PLAIN}right\nbob@example.com:{PLAIN}right\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.start(program)
	return d
}

func (d *dovecot) complain(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problems = append(d.problems, err.Error())
}

func (d *dovecot) start(program string) {
	d.t.Helper()
	d.proc = exec.Command(program, "-F", "-c", filepath.Join(d.dir, "dovecot.conf"))
	var out strings.Builder
	d.proc.Stdout, d.proc.Stderr = &out, &out
	if err := d.proc.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		d.proc.Process.Signal(syscall.SIGTERM)
		d.proc.Wait()
		log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
		if d.t.Failed() {
			d.t.Logf("%s\n%s", out.String(), log)
		}
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(d.dir, "run", "auth-client")); err == nil {
			return
		}
		if time.Now().After(end) {
			d.t.Fatal("dovecot has no auth-client socket")
		}
	}
}

// login tries a password, and returns what doveadm prints.
func (d *dovecot) login(account, remote, password string) (ok bool, out string) {
	d.t.Helper()
	text, err := exec.Command("doveadm", "-c", filepath.Join(d.dir, "dovecot.conf"), "auth", "test", "-x", "rip="+remote, "-x", "service=imap", account, password).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 77) {
		d.t.Fatalf("doveadm: %v\n%s", err, text)
	}
	return err == nil, string(text)
}

// reported waits until the last report of an attempt has come: Dovecot sends
// it beside its answer.
func (d *dovecot) reported(g *Guard, what func(Stats) bool) {
	d.t.Helper()
	for end := time.Now().Add(time.Minute); !what(g.Stats()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("not in 20 s: %+v", g.Stats())
		}
	}
}

// TestDovecot has a real one ask: wrong passwords are refused in the end, the
// right one too elsewhere, but not at home, and one that is repeated never is.
func TestDovecot(t *testing.T) {
	for _, path := range []string{"/policy", "/policy?node=1&"} {
		t.Run(path, func(t *testing.T) {
			// Nothing is held here, to save time.
			five := Limit{Free: 5, Refuse: 5}
			g := New(Settings{Account: five, Place: five, Address: Limit{Free: 12, Refuse: 12}})
			fixKey(g)
			d := startDovecot(t, g, path)
			if ok, out := d.login("alice@example.com", "192.0.2.10", "right"); !ok {
				t.Fatal(out)
			}
			d.reported(g, func(s Stats) bool { return s.Successes == 1 })
			if strings.HasSuffix(path, "&") {
				return // the URL is understood, and the rest is the same
			}

			var wrong string
			for i := range 5 {
				var ok bool
				if ok, wrong = d.login("Alice@Example.COM", "198.51.100.7", fmt.Sprint("guess ", i)); ok {
					t.Fatalf("a wrong password got in: %s", wrong)
				}
				d.reported(g, func(s Stats) bool { return s.Failures == uint64(i+1) })
			}
			ok, out := d.login("Alice@Example.COM", "198.51.100.7", "right")
			if ok || g.Stats().Refused != 1 {
				t.Errorf("the right one after five guesses is not refused: %s, %+v", out, g.Stats())
			}
			if out != wrong {
				t.Errorf("a refusal looks different:\n%s\nthan a wrong password:\n%s", out, wrong)
			}
			if ok, out := d.login("alice@example.com", "192.0.2.10", "right"); !ok {
				t.Errorf("the owner at home: %s", out)
			}
			for range 8 {
				d.login("bob@example.com", "198.51.100.7", "last year's")
			}
			if ok, out := d.login("bob@example.com", "198.51.100.7", "right"); !ok {
				t.Errorf("bob, whose phone has an old password: %s", out)
			}
			d.reported(g, func(s Stats) bool { return s.Successes == 3 && s.Failures == 13 && s.Repeats == 7 })
			d.mu.Lock()
			defer d.mu.Unlock()
			if len(d.problems) > 0 {
				t.Errorf("not understood: %v", d.problems)
			}
		})
	}
}
