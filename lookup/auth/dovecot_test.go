package auth

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/internal/peers"
)

// dovecotConf is a Dovecot 2.3 whose logins, LMTP and doveadm ask our sockets.
// Its own auth service never starts. All IMAP logins go through one process,
// hence one connection; POP3 has a process for each, as is the default.
const dovecotConf = `
base_dir = BASE/run
state_dir = BASE/state
log_path = BASE/dovecot.log
ssl = no
disable_plaintext_auth = no
protocols = imap pop3 lmtp
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
postmaster_address = postmaster@d1.test
auth_socket_path = BASE/auth-master
service imap-login {
  executable = imap-login BASE/auth
  chroot =
  service_count = 0
  process_limit = 1
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = 0
  }
  unix_listener BASE/imap {
    mode = 0666
  }
}
service pop3-login {
  executable = pop3-login BASE/auth
  chroot =
  inet_listener pop3 {
    port = 0
  }
  inet_listener pop3s {
    port = 0
  }
  unix_listener BASE/pop3 {
    mode = 0666
  }
}
service imap {
  executable = imap -a BASE/auth-master
}
service pop3 {
  executable = pop3 -a BASE/auth-master
}
service lmtp {
  unix_listener BASE/lmtp {
    mode = 0666
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`

// dovecot is a real Dovecot at work with a Server.
type dovecot struct {
	t    *testing.T
	base string
}

// startDovecot starts one that asks s, until the test ends.
func startDovecot(t *testing.T, s *Server) *dovecot {
	path := peers.Dovecot23(t, "dovecot")
	peers.Root(t)
	base, err := os.MkdirTemp("", "auth") // a short path, which the login processes may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	os.Chmod(base, 0o755)
	mail := filepath.Join(base, "mail")
	if err := os.Mkdir(mail, 0o700); err != nil {
		t.Fatal(err)
	}
	os.Chown(mail, 65534, 65534)
	d := &dovecot{t, base}
	d.listen("auth", s.ServeClient)
	d.listen("auth-master", func(ctx context.Context, nc net.Conn) error { return s.ServeMaster(ctx, nc, nil) })
	conf := filepath.Join(base, "dovecot.conf")
	if err := os.WriteFile(conf, []byte(strings.ReplaceAll(dovecotConf, "BASE", base)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-F", "-c", conf)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if log, _ := os.ReadFile(filepath.Join(base, "dovecot.log")); t.Failed() {
			t.Logf("dovecot.log:\n%s", log)
		}
	})
	return d
}

// listen serves a socket until the test ends.
func (d *dovecot) listen(name string, serve func(context.Context, net.Conn) error) {
	ln, err := net.Listen("unix", filepath.Join(d.base, name))
	if err != nil {
		d.t.Fatal(err)
	}
	os.Chmod(ln.Addr().String(), 0o666)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				context.AfterFunc(ctx, func() { nc.SetReadDeadline(time.Unix(1, 0)) })
				if err := serve(ctx, nc); err != nil {
					d.t.Errorf("%s: %v", name, err)
				}
			})
		}
	})
	d.t.Cleanup(func() {
		cancel()
		ln.Close()
		wg.Wait()
	})
}

// dial connects to a service, which may still be on its way.
func (d *dovecot) dial(name string) *textproto.Conn {
	d.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		nc, err := net.Dial("unix", filepath.Join(d.base, name))
		if err == nil {
			nc.SetDeadline(time.Now().Add(30 * time.Second))
			c := textproto.NewConn(nc)
			d.t.Cleanup(func() { c.Close() })
			return c
		}
		if time.Now().After(deadline) {
			d.t.Fatal(err)
		}
	}
}

// say sends a line and returns the next that begins with a prefix.
func (d *dovecot) say(c *textproto.Conn, line, prefix string) string {
	d.t.Helper()
	if line != "" {
		if err := c.PrintfLine("%s", line); err != nil {
			d.t.Fatal(err)
		}
	}
	for {
		got, err := c.ReadLine()
		if err != nil {
			d.t.Fatalf("after %q: %v", line, err)
		}
		if strings.HasPrefix(got, prefix) {
			return got
		}
	}
}

// doveadm runs it and returns its exit status and what it printed.
func (d *dovecot) doveadm(args ...string) (int, string) {
	cmd := exec.Command("doveadm", append([]string{"-c", filepath.Join(d.base, "dovecot.conf")}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		d.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// dovecotServer has accounts whose checks are slow, as hashing is.
func dovecotServer(t *testing.T, mail *string) *Server {
	return &Server{
		Check: func(a *Attempt) (Outcome, Rest) {
			return Outcome{}, func(context.Context) Outcome {
				time.Sleep(10 * time.Millisecond)
				out, _ := testCheck(a)
				if out.Verdict == No {
					out.Delay = 100 * time.Millisecond
				}
				return out
			}
		},
		User: func(_ context.Context, r *UserRequest) UserReply {
			local, _, _ := strings.Cut(strings.ToLower(string(r.User)), "@")
			switch local {
			case "alice", "temphome":
				f := r.NewFields()
				f.AddInt("uid", 65534)
				f.AddInt("gid", 65534)
				f.Add("home", *mail+"/"+local)
				return UserReply{Verdict: Yes, User: local + "@d1.test", Fields: f}
			case "eve":
				return UserReply{Reason: "no data"}
			}
			return UserReply{Verdict: No}
		},
		List: func(_ context.Context, _ *ListRequest, yield func([]byte) bool) error {
			for i := range 20000 {
				if !yield(fmt.Appendf(nil, "user%d@d1.test", i)) {
					return nil
				}
			}
			yield([]byte("alice@d1.test"))
			return nil
		},
		OnRefused: func(err error) { t.Errorf("refused: %v", err) },
	}
}

func TestDovecot(t *testing.T) {
	var mail string
	d := startDovecot(t, dovecotServer(t, &mail))
	mail = filepath.Join(d.base, "mail")

	t.Run("imap", func(t *testing.T) {
		c := d.dial("imap")
		d.say(c, "", "* OK")
		for _, tc := range []struct{ line, want string }{
			{"a login alice@d1.test wrong", "a NO [AUTHENTICATIONFAILED]"},
			{"b login eve@d1.test x", "b NO [UNAVAILABLE]"},
			{"c login dave@d1.test x", "c NO [CONTACTADMIN] Maintenance"},
			{"d login carol@d1.test x", "d NO [EXPIRED] Change it"},
			{"e login ALICE@d1.test secret", "e OK"},
			{"f status inbox (messages)", "f OK"},
			{"g logout", "g OK"},
		} {
			if got := d.say(c, tc.line, tc.line[:2]); !strings.HasPrefix(got, tc.want) {
				t.Errorf("%s: %s, want %s", tc.line, got, tc.want)
			}
		}
	})
	t.Run("imap SASL", func(t *testing.T) {
		c := d.dial("imap")
		d.say(c, "", "* OK")
		d.say(c, "a authenticate LOGIN", "+")
		d.say(c, "YWxpY2VAZDEudGVzdA==", "+")
		if got := d.say(c, "c2VjcmV0", "a "); !strings.HasPrefix(got, "a OK") {
			t.Error(got)
		}
		d.say(c, "b logout", "b OK")
	})
	t.Run("pop3", func(t *testing.T) {
		c := d.dial("pop3")
		d.say(c, "", "+OK")
		for _, tc := range []struct{ line, want string }{
			{"user eve@d1.test", "+OK"},
			{"pass x", "-ERR [SYS/TEMP]"},
			{"user alice@d1.test", "+OK"},
			{"pass wrong", "-ERR [AUTH]"},
			{"user alice@d1.test", "+OK"},
			{"pass secret", "+OK Logged in"},
			{"quit", "+OK"},
		} {
			if got := d.say(c, tc.line, ""); !strings.HasPrefix(got, tc.want) {
				t.Errorf("%s: %s, want %s", tc.line, got, tc.want)
			}
		}
	})
	t.Run("lmtp", func(t *testing.T) {
		c := d.dial("lmtp")
		d.say(c, "", "220")
		for _, tc := range []struct{ line, want string }{
			{"lhlo me", "250 "},
			{"mail from:<>", "250 "},
			{"rcpt to:<nobody@d1.test>", "550 "},
			{"rcpt to:<eve@d1.test>", "451 "},
			{"rcpt to:<alice@d1.test>", "250 "},
			{"data", "354 "},
			{"Subject: x\r\n\r\nx\r\n.", "250 "},
			{"quit", "221 "},
		} {
			got := d.say(c, tc.line, "")
			for len(got) > 3 && got[3] == '-' {
				got = d.say(c, "", "")
			}
			if !strings.HasPrefix(got, tc.want) {
				t.Errorf("%s: %s, want %s", tc.line, got, tc.want)
			}
		}
	})
	t.Run("doveadm", func(t *testing.T) {
		for _, tc := range []struct {
			args   string
			status int
			want   string
		}{
			{"user alice@d1.test", 0, mail + "/alice"},
			{"user nobody@d1.test", 67, "doesn't exist"},
			{"user eve@d1.test", 75, ""},
			{"user *ice@*", 0, "alice@d1.test\n"},
			{"user *", 0, "user19999@d1.test\n"},
			{"auth test -a " + d.base + "/auth alice@d1.test secret", 0, "auth succeeded"},
			{"auth test -a " + d.base + "/auth alice@d1.test wrong", 77, "auth failed"},
			{"auth test -a " + d.base + "/auth eve@d1.test x", 77, "code=temp_fail"},
			{"auth cache flush -a " + d.base + "/auth-master alice@d1.test", 0, "0 cache entries flushed"},
		} {
			status, out := d.doveadm(strings.Fields(tc.args)...)
			if status != tc.status || !strings.Contains(out, tc.want) {
				t.Errorf("doveadm %s: status %d, %.300s; want %d, %s", tc.args, status, out, tc.status, tc.want)
			}
		}
	})
	t.Run("many at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 20 {
			c := d.dial("imap")
			wg.Go(func() {
				r := bufio.NewReader(c.R)
				fmt.Fprint(c.W, "a login alice@d1.test secret\r\nb logout\r\n")
				c.W.Flush()
				for {
					line, err := r.ReadString('\n')
					if err != nil || strings.HasPrefix(line, "a ") {
						if !strings.HasPrefix(line, "a OK") {
							t.Errorf("%q, %v", line, err)
						}
						return
					}
				}
			})
		}
		wg.Wait()
	})
}
