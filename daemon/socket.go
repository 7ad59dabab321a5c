package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// stream is what all our listening sockets are: *net.UnixListener or
// *net.TCPListener. The deadline stops an accept loop without closing the
// socket, which then can go to another loop.
type stream interface {
	net.Listener
	syscall.Conn
	deadliner
}

// socket is one listening socket. It outlives the accept loop on it when a
// reload changes the settings of its listener but not its address.
type socket struct {
	stream
	endpoint Endpoint
	file     os.FileInfo // Unix: what we bound, to unlink nothing else; nil while it is not ours to unlink
}

// Inherited holds the sockets that this process was started with, by systemd
// or by the process whose place it takes, until listeners take them.
type Inherited map[Endpoint][]*socket

// Inherit takes over the sockets of sd_listen_fds(3), and what a process before
// has put into the store of file descriptors. It empties the variables that name
// them: a second call gets none.
func Inherit() (in Inherited, kept []*os.File, err error) {
	in = Inherited{}
	for _, f := range activation.Files(true) {
		if f.Name() == storeName {
			kept = append(kept, f)
			continue
		}
		s, err := inheritListener(f)
		if err != nil {
			return nil, nil, fmt.Errorf("socket %s from systemd: %w", f.Name(), err)
		}
		s.endpoint = Endpoint{Kind: Systemd, Name: f.Name()}
		in[s.endpoint] = append(in[s.endpoint], s)
	}
	return in, kept, nil
}

// inheritListener makes a socket of a file, which it closes.
func inheritListener(f *os.File) (*socket, error) {
	defer func() { _ = f.Close() }()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("want ListenStream= with a path or a TCP port: %w", err)
	}
	s, ok := ln.(stream)
	if !ok {
		ln.Close()
		return nil, fmt.Errorf("is a %T: want ListenStream= with a path or a TCP port", ln)
	}
	return &socket{stream: s}, nil
}

// open binds the socket of a listener. The error names the address, the cause
// and what to do.
func (in Inherited) open(l *Listen) (*socket, error) {
	var s *socket
	var err error
	switch {
	case l.endpoint.Kind == Systemd:
		s, err = in.take(l)
	case len(in[l.endpoint]) > 0:
		s, err = in.adopt(l)
	case l.endpoint.Kind == Unix:
		s, err = bindUnix(l)
	default:
		s, err = bindInet(l)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", l.endpoint, err)
	}
	if err := s.setBacklog(l.Backlog); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("listen on %s: %w", l.endpoint, err)
	}
	return s, nil
}

func bindInet(l *Listen) (*socket, error) {
	_, address, err := l.endpoint.Network()
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, errors.New("another process listens there: stop it, or choose another port (ss -tlnp shows it)")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, errors.New("this machine does not have that address")
	case errors.Is(err, syscall.EACCES):
		return nil, errors.New("permission denied: a port below 1024 needs CAP_NET_BIND_SERVICE")
	case err != nil:
		return nil, err
	}
	return &socket{stream: ln.(*net.TCPListener), endpoint: l.endpoint}, nil
}

// adopt gives the first socket that a predecessor had at an address away,
// with the permissions that it is to have now.
func (in Inherited) adopt(l *Listen) (*socket, error) {
	s := in[l.endpoint][0]
	if err := s.adjust(l); err != nil {
		return nil, err
	}
	if in[l.endpoint] = in[l.endpoint][1:]; len(in[l.endpoint]) == 0 {
		delete(in, l.endpoint)
	}
	return s, nil
}

// take gives the socket that systemd made for a name away.
func (in Inherited) take(l *Listen) (*socket, error) {
	name := l.endpoint.Name
	list := in[l.endpoint]
	switch {
	case len(list) == 0:
		return nil, fmt.Errorf("systemd handed over no socket of that name (there are: %s): set FileDescriptorName=%s in the .socket unit and start vmapd by it", in.names(), name)
	case len(list) > 1:
		return nil, fmt.Errorf("systemd handed over %d sockets of that name: give each .socket unit its own FileDescriptorName=", len(list))
	}
	s := list[0]
	if a, err := netip.ParseAddrPort(s.Addr().String()); err == nil && !a.Addr().Unmap().IsLoopback() && len(l.allow) == 0 {
		return nil, fmt.Errorf("%s is not a loopback address: give allow = [\"network\"] with those who may connect", a)
	}
	delete(in, l.endpoint)
	return s, nil
}

func (in Inherited) names() string {
	var names []string
	for e := range in {
		if e.Kind == Systemd {
			names = append(names, e.Name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// close closes what no listener took, and names it.
func (in Inherited) close() (unused []string) {
	for e, list := range in {
		for _, s := range list {
			_ = s.Close()
		}
		unused = append(unused, e.String())
		delete(in, e)
	}
	slices.Sort(unused)
	return unused
}

// setBacklog changes the length of the queue of connections that wait. The
// standard library asks for net.core.somaxconn, which is the upper limit
// (Postfix fails at once when a queue is full), so 0 changes nothing.
func (s *socket) setBacklog(n int) error {
	if n == 0 {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	if err := raw.Control(func(fd uintptr) { listenErr = syscall.Listen(int(fd), n) }); err != nil {
		return err
	}
	return listenErr
}

// Close closes the socket and removes the file of a unix socket if it is
// still the one that was bound.
func (s *socket) Close() error {
	if s.ownsFile() {
		_ = os.Remove(s.endpoint.Path) // the next one that binds it replaces it
	}
	return s.stream.Close()
}

// ownsFile reports whether the file of a unix socket is there, and ours.
func (s *socket) ownsFile() bool {
	if s.file == nil {
		return false
	}
	st, err := os.Lstat(s.endpoint.Path)
	return err == nil && os.SameFile(st, s.file)
}
