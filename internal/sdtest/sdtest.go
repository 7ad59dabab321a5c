// Package sdtest is the side of systemd that a service talks to, for tests: it
// hears notifications, owns listening sockets, and keeps file descriptors for a
// service from one process to the next (sd_notify(3), sd_listen_fds(3)).
package sdtest

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// Systemd is a service manager with one service.
type Systemd struct {
	Notify  string      // NOTIFY_SOCKET
	NoStore atomic.Bool // nothing is kept: FileDescriptorStoreMax=0

	t     testing.TB
	dir   string
	heard func(string)
	inbox *net.UnixConn

	mu      sync.Mutex
	sockets []*os.File // with the names of the sockets
	kept    []*os.File // with their FDNAME as names
}

// New listens until the test ends. heard is told every notification, from one
// goroutine; it may be nil.
func New(t testing.TB, heard func(string)) *Systemd {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd-") // short: the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Systemd{Notify: filepath.Join(dir, "notify"), t: t, dir: dir, heard: heard}
	if s.inbox, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.Notify, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); s.listen() }()
	t.Cleanup(func() {
		s.inbox.Close()
		<-done
		for _, f := range append(s.sockets, s.kept...) {
			f.Close()
		}
	})
	return s
}

// Listen opens a socket for the service, as a socket unit with that
// FileDescriptorName= does. An empty path is one in the folder.
func (s *Systemd) Listen(name, path string) string {
	s.t.Helper()
	if path == "" {
		path = filepath.Join(s.dir, "sd-"+name)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { ln.Close() })
	if err := os.Chmod(path, 0o666); err != nil {
		s.t.Fatal(err)
	}
	f, err := ln.File()
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = append(s.sockets, s.copy(f, name))
	return path
}

// copy duplicates a file, under a name.
func (s *Systemd) copy(f *os.File, name string) *os.File {
	s.t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		s.t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name)
}

// Next makes what the next process gets: its descriptors from 3 on, which the
// caller closes when it runs, and what it is told beside LISTEN_PID, which it must
// be told by a shell that becomes it.
func (s *Systemd) Next() (files []*os.File, env []string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, f := range append(append([]*os.File{}, s.sockets...), s.kept...) {
		files, names = append(files, s.copy(f, f.Name())), append(names, f.Name())
	}
	return files, []string{"NOTIFY_SOCKET=" + s.Notify, "LISTEN_FDS=" + strconv.Itoa(len(names)), "LISTEN_FDNAMES=" + strings.Join(names, ":")}
}

// listen reads notifications as they come: a socket holds a few only.
func (s *Systemd) listen() {
	text, rights := make([]byte, 4096), make([]byte, syscall.CmsgSpace(4*16))
	for {
		n, oobn, _, _, err := s.inbox.ReadMsgUnix(text, rights)
		if err != nil {
			return
		}
		said := map[string]string{}
		for line := range strings.Lines(string(text[:n])) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			said[name] = value
		}
		files := received(rights[:oobn], said["FDNAME"])
		switch {
		case said["FDSTORE"] == "1" && !s.NoStore.Load():
			s.mu.Lock()
			s.kept = append(s.kept, files...)
			s.mu.Unlock()
			files = nil
		case said["FDSTOREREMOVE"] == "1":
			s.remove(said["FDNAME"])
		}
		for _, f := range files { // of a BARRIER: its end says that we have come so far
			f.Close()
		}
		if s.heard != nil {
			s.heard(string(text[:n]))
		}
	}
}

func received(rights []byte, name string) (files []*os.File) {
	messages, _ := syscall.ParseSocketControlMessage(rights)
	for i := range messages {
		fds, _ := syscall.ParseUnixRights(&messages[i])
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), name))
		}
	}
	return files
}

func (s *Systemd) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []*os.File
	for _, f := range s.kept {
		if f.Name() == name {
			f.Close()
		} else {
			rest = append(rest, f)
		}
	}
	s.kept = rest
}

// Kept returns how many descriptors are kept.
func (s *Systemd) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}
