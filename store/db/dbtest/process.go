package dbtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// Stop ends the server as an administrator would, cutting its connections.
func (s *Server) Stop() error { return s.end(s.kind.stopSignal()) }

// Kill ends the server as a power cut would.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Running reports whether the server was started and not ended since.
func (s *Server) Running() bool { return s.cmd != nil }

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
