// Package ldaptest starts a real OpenLDAP server for tests, with a small company
// in it and certificates of its own authority. It listens on loopback, keeps
// everything in a temporary folder, and ends with the test.
package ldaptest

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/internal/peers"
)

// The names that matter. Everybody's password is "secret", the manager's and
// the searcher's is their name.
const (
	Base     = "dc=example,dc=test"
	People   = "ou=people," + Base
	Groups   = "ou=groups," + Base
	Manager  = "cn=manager," + Base // may do everything
	Searcher = "cn=searcher," + Base
)

//go:embed company.ldif
var company string

// Server is a slapd.
type Server struct {
	Address string // of LDAP, with or without StartTLS
	SSL     string // of LDAP over TLS
	CAFile  string // the authority of its certificate, PEM
	OtherCA string // another authority

	t       testing.TB
	dir     string
	program string
	cmd     *exec.Cmd
}

// Start starts a server. Where there is none the test is skipped, or fails.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, program: "/usr/sbin/slapd"} // not in everybody's path
	if _, err := os.Stat(s.program); err != nil {
		s.program = peers.Program(t, "slapd", "slapd")
	}
	dir, err := os.MkdirTemp("", "ldaptest-")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	t.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(dir)
	})
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	s.Address, s.SSL = freeAddress(t), freeAddress(t)
	s.Again()
	return s
}

// prepare writes what slapd reads, and fills the directory.
func (s *Server) prepare() error {
	if err := os.Mkdir(filepath.Join(s.dir, "db"), 0o700); err != nil {
		return err
	}
	var err error
	if s.CAFile, err = s.authority("ca", true); err != nil {
		return err
	}
	if s.OtherCA, err = s.authority("other", false); err != nil {
		return err
	}
	if err := os.WriteFile(s.conf(), []byte(strings.ReplaceAll(conf, "DIR", s.dir)), 0o600); err != nil {
		return err
	}
	fill := exec.Command(s.program, "-T", "add", "-f", s.conf())
	fill.Stdin = strings.NewReader(company)
	if out, err := fill.CombinedOutput(); err != nil {
		return fmt.Errorf("slapadd: %w\n%s", err, out)
	}
	return nil
}

func (s *Server) conf() string { return filepath.Join(s.dir, "slapd.conf") }

// conf lets people change their own passwords and read their own entries, the
// searcher find everybody, and nobody else see anything.
const conf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile DIR/pid
argsfile DIR/args
TLSCACertificateFile DIR/ca.pem
TLSCertificateFile DIR/server.pem
TLSCertificateKeyFile DIR/server.key
database mdb
suffix "` + Base + `"
rootdn "` + Manager + `"
rootpw manager
directory DIR/db
maxsize 10485760
access to attrs=userPassword by self =wx by anonymous auth by * none
access to dn.subtree="` + Groups + `" by users read by * none
access to * by dn.exact="` + Searcher + `" read by self read by anonymous auth by * none
`

// Again starts a server that was stopped, on the same ports.
func (s *Server) Again() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.cmd = exec.Command(s.program, "-d", "0", "-f", s.conf(), "-h", fmt.Sprintf("ldap://%s/ ldaps://%s/", s.Address, s.SSL))
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the test is killed
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", s.SSL) // the one that is opened last
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			s.t.Fatalf("slapd does not listen: %v\n%s", err, text)
		}
	}
}

// Stop ends the server, also one that is paused.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // the database is made for it
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Pause makes the server hang: connections are taken, and nothing is answered. It
// returns when all its threads have stopped.
func (s *Server) Pause() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
	for end := time.Now().Add(time.Minute); !s.stopped(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("slapd does not stop")
		}
	}
}

// stopped reports whether every thread is in the state T of proc(5), which
// stands behind the name in parentheses.
func (s *Server) stopped() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid))
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if _, rest, ok := strings.Cut(string(text), ") "); err != nil || !ok || rest[0] != 'T' {
			return false
		}
	}
	return len(threads) > 0
}

// Resume ends that.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// freeAddress is one on loopback where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Silent is a server that takes connections and never says anything, until the
// test ends.
func Silent(t testing.TB) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				t.Cleanup(func() { c.Close() })
				go func() { _, _ = io.Copy(io.Discard, c) }() // until the other side ends it
			}
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}
