package dbtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
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

// Stop ends the server as an administrator would, cutting its connections.
func (s *Server) Stop() error { return s.end(s.kind.stopSignal()) }

// Kill ends the server as a power cut would.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Pause makes the server hang: it answers nothing until Resume.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

// signal reaches the server and its children, which PostgreSQL puts in
// sessions of their own.
func (s *Server) signal(sig syscall.Signal) error {
	if s.cmd == nil {
		return errors.New("dbtest: the server does not run")
	}
	pid := s.cmd.Process.Pid
	all := children(pid)
	if err := syscall.Kill(pid, sig); err != nil {
		return err
	}
	for _, child := range append(all, children(pid)...) {
		_ = syscall.Kill(child, sig) // it may have ended by itself
	}
	return nil
}

func (s *Server) end(sig syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	all := children(cmd.Process.Pid)
	if sig == syscall.SIGKILL {
		_ = s.signal(sig)
	} else {
		_ = cmd.Process.Signal(sig)
	}
	s.cmd = nil
	// How it ended does not matter, only that it has.
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) && !errors.Is(err, syscall.ECHILD) {
		return err
	}
	// PostgreSQL does not start again while an old child holds its memory.
	for _, child := range all {
		for end := time.Now().Add(10 * time.Second); alive(child) && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	return s.keep(0)
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

// dress makes cmd run as the kind's system user, in a group of its own so that
// a Ctrl-C reaches the test alone.
func (s *Server) dress(cmd *exec.Cmd) {
	cmd.Dir = s.Dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=" + s.Dir, "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if uid, gid, ok := idsOf(s.kind.account()); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
}

// idsOf returns the ids to run as, false when that is who we are.
func idsOf(account string) (uid, gid uint32, ok bool) {
	if os.Getuid() != 0 {
		return 0, 0, false
	}
	u, err := user.Lookup(account)
	if err != nil {
		return 0, 0, false
	}
	id, err1 := strconv.ParseUint(u.Uid, 10, 32)
	g, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(id), uint32(g), err1 == nil && err2 == nil
}

func chown(path, account string) error {
	if uid, gid, ok := idsOf(account); ok {
		return os.Chown(path, int(uid), int(gid))
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// keeper is a shell that outlives this process by a moment and clears up:
// stops the server and removes its directory when the pipe ends.
type keeper struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// newKeeper makes a keeper of the directory and, unless pid is 0, the server.
func newKeeper(pid int, sig syscall.Signal, dir string) (*keeper, error) {
	const script = `read -r word; [ "$word" = released ] && exit 0
if [ "$1" != 0 ]; then
	kill -"$2" "$1"; for i in 1 2 3 4 5 6 7 8 9; do kill -0 "$1" 2>/dev/null || break; sleep 0.2; done
	kill -9 "$1" 2>/dev/null; sleep 0.2
fi
rm -rf -- "$3"`
	cmd := exec.Command("/bin/sh", "-c", script, "dbtest-keeper", strconv.Itoa(pid), strconv.Itoa(int(sig)), dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &keeper{cmd, pipe}, cmd.Start()
}

// release ends the keeper without its doing anything.
func (k *keeper) release() {
	_, _ = io.WriteString(k.pipe, "released\n")
	_ = k.pipe.Close()
	_ = k.cmd.Wait()
}
