package daemon

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"go.uber.org/zap"
)

// What a process leaves to its successor: from descriptor firstInherited on
// the listening sockets, then one end of a connection between the two, and
// this environment variable with a testament that says which socket is which.
// The successor says readyWord when it serves; the answer yoursWord makes it
// the owner of the socket files. The end of the connection says that the old
// process is gone, which has the same effect.
const (
	handoverVariable = "VMAPD_HANDOVER"
	firstInherited   = 3
	readyWord        = "ready\n"
	yoursWord        = "yours\n"
)

// testament is the content of handoverVariable, as JSON.
type testament struct {
	PID     int      `json:"pid"`     // of the old process
	SPID    uint32   `json:"spid"`    // by which clients of auth sockets know it
	Sockets []string `json:"sockets"` // endpoints, in the order of the descriptors
}

// successor is a new process that is to take over.
type successor struct {
	cmd  *exec.Cmd
	line *net.UnixConn
}

func (s *successor) pid() int { return s.cmd.Process.Pid }

// startSuccessor starts the program again, with the same arguments and our
// sockets.
func (d *Daemon) startSuccessor() (*successor, error) {
	files, will, err := d.bequeath()
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if err != nil {
		return nil, &handoverError{fmt.Errorf("cannot pass the sockets on: %w", err), "raise LimitNOFILE= of the systemd unit if it is for too many open files"}
	}
	line, theirs, err := connectedPair()
	if err != nil {
		return nil, &handoverError{fmt.Errorf("cannot pass the sockets on: %w", err), "raise LimitNOFILE= of the systemd unit if it is for too many open files"}
	}
	defer func() { _ = theirs.Close() }()
	cmd := &exec.Cmd{
		Path: d.handover.program, Args: append([]string{d.handover.program}, os.Args[1:]...), Env: successorEnv(will),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: append(files[:len(files):len(files)], theirs),
	}
	if err := cmd.Start(); err != nil {
		_ = line.Close()
		return nil, &handoverError{fmt.Errorf("cannot start %s: %w", d.handover.program, cause(err)), "put the program back there, executable, and send SIGUSR2 again"}
	}
	return &successor{cmd: cmd, line: line}, nil
}

// bequeath duplicates the listening sockets. A unix socket whose file somebody
// has removed or replaced is left out: the successor makes a new one.
func (d *Daemon) bequeath() (files []*os.File, will testament, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	will.PID, will.SPID = os.Getpid(), d.logins.auth.SPID
	for _, p := range d.allPorts() {
		if p.socket.endpoint.Kind == Unix && !p.socket.ownsFile() {
			p.gate.log.Warn("the socket's file is not there any more: the new process makes a new one", zap.String("path", p.socket.endpoint.Path))
			continue
		}
		f, err := p.socket.duplicate()
		if err != nil {
			return files, will, fmt.Errorf("%s: %w", p.socket.endpoint, err)
		}
		files, will.Sockets = append(files, f), append(will.Sockets, p.socket.endpoint.String())
	}
	return files, will, nil
}

// duplicate gives another descriptor of the socket. The File method of a
// listener would not do: its result becomes a blocking one on the way to
// another process, and the socket with it, for both.
func (s *socket) duplicate() (*os.File, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var dupErr error
	err = raw.Control(func(original uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, dupErr = syscall.Dup(int(original)); dupErr == nil {
			syscall.CloseOnExec(fd)
		}
	})
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), s.endpoint.String()), nil
}

// connectedPair makes the connection between the two processes.
func connectedPair() (*net.UnixConn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "handover"), os.NewFile(uintptr(fds[1]), "handover")
	defer func() { _ = ours.Close() }()
	line, err := unixConn(ours)
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return line, theirs, nil
}

// unixConn makes an end of it usable. f stays the caller's.
func unixConn(f *os.File) (*net.UnixConn, error) {
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	line, ok := nc.(*net.UnixConn)
	if !ok {
		nc.Close()
		return nil, fmt.Errorf("the line to the other process is a %T", nc)
	}
	return line, nil
}

// successorEnv is our environment without what was meant for this process
// alone: with our WATCHDOG_PID in it the successor would not feed the watchdog.
func successorEnv(will testament) []string {
	var env []string
	for _, v := range os.Environ() {
		switch name, _, _ := strings.Cut(v, "="); name {
		case handoverVariable, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "WATCHDOG_PID":
		default:
			env = append(env, v)
		}
	}
	text, _ := json.Marshal(will) // of a number and strings: cannot fail
	return append(env, handoverVariable+"="+string(text))
}
