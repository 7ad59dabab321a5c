package dbtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// Server is a running database server.
type Server struct {
	Dialect db.Dialect
	Port    int    // on 127.0.0.1
	Socket  string // MariaDB: the socket; PostgreSQL: the directory that holds it
	Dir     string // everything the server has

	kind    kind
	cmd     *exec.Cmd
	keeper  *keeper
	counter atomic.Int64
}

// kind is what differs between the servers.
type kind interface {
	find() error                                // locates the programs
	account() string                            // system user to run as when root
	create(s *Server) ([]*exec.Cmd, error)      // commands that fill s.Dir
	command(s *Server) *exec.Cmd                // the server itself
	stopSignal() syscall.Signal                 // orderly, without waiting for clients
	adminURL(s *Server, database string) string // full rights, over TCP
	users(name, password, database string) []string
}

// start makes a server of the kind. The caller must close it.
func start(k kind) (*Server, error) {
	if err := k.find(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "dbtest-")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, kind: k}
	if err := s.init(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	// A port that was free a moment ago may be taken by now: try others.
	for range 5 {
		if err = s.Start(); err == nil {
			return s, nil
		}
		s.Port = 0
	}
	s.close()
	return nil, err
}

func (s *Server) init() error {
	if err := chown(s.Dir, s.kind.account()); err != nil {
		return err
	}
	cmds, err := s.kind.create(s)
	if err != nil {
		return err
	}
	for _, cmd := range cmds {
		s.dress(cmd)
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd.Path, err, out)
		}
	}
	return nil
}

// Start starts a server that was stopped, on the port it had; it returns when
// the server answers.
func (s *Server) Start() error {
	if s.cmd != nil {
		return errors.New("dbtest: the server runs already")
	}
	if s.Port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.Port = port
	}
	logFile, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd := s.kind.command(s)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	s.dress(cmd)
	cmd.SysProcAttr.Pdeathsig = s.kind.stopSignal()
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	if err := s.keep(cmd.Process.Pid); err != nil {
		return err
	}
	if err := s.await(); err != nil {
		_ = s.end(syscall.SIGKILL)
		return err
	}
	return nil
}

// keep replaces the keeper: the old one's process id may soon be another's.
func (s *Server) keep(pid int) (err error) {
	if s.keeper != nil {
		s.keeper.release()
	}
	s.keeper, err = newKeeper(pid, s.kind.stopSignal(), s.Dir)
	return err
}

// await waits until the server answers or has ended.
func (s *Server) await() error {
	conn, err := db.Open(s.kind.adminURL(s, ""), db.Options{})
	if err != nil {
		return err
	}
	defer conn.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err = conn.Ping(); err == nil {
			return nil
		}
		var status syscall.WaitStatus
		if pid, _ := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WNOHANG, nil); pid > 0 || time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			return fmt.Errorf("dbtest: the server does not come up: %w\n%s", err, log)
		}
	}
}

func (s *Server) close() {
	_ = s.signal(syscall.SIGCONT)
	_ = s.end(s.kind.stopSignal())
	_ = os.RemoveAll(s.Dir)
	if s.keeper != nil {
		s.keeper.release()
		s.keeper = nil
	}
}

// NewDatabase makes an empty database for the test and returns its URL (TCP,
// all rights, no password). It is dropped when the test ends.
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.counter.Add(1))
	s.Exec(t, "create database "+name)
	t.Cleanup(func() {
		if s.cmd == nil {
			return // stopped by the test
		}
		query := "drop database " + name
		if s.Dialect == db.PostgreSQL {
			query += " with (force)" // a test that failed may have left connections
		}
		s.Exec(t, query)
	})
	return s.kind.adminURL(s, name)
}

// NewUser makes a user with a password, who may read the database of url, a
// result of NewDatabase, and returns url with that user instead, without the
// password.
func (s *Server) NewUser(t testing.TB, url, name, password string) string {
	t.Helper()
	database := url[strings.LastIndexByte(url, '/')+1:]
	database, _, _ = strings.Cut(database, "?")
	for _, q := range s.kind.users(name, password, database) {
		s.Exec(t, q)
	}
	head, tail, _ := strings.Cut(url, "@")
	return head[:strings.Index(head, "//")+2] + name + "@" + tail
}

// Exec runs statements as the server's administrator.
func (s *Server) Exec(t testing.TB, queries ...string) {
	t.Helper()
	conn, err := db.Open(s.kind.adminURL(s, ""), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range queries {
		if _, err := conn.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
