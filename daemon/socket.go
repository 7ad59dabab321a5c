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
	file     os.FileInfo // Unix: what we bound, to unlink nothing else
}

// Inherited holds the sockets that systemd handed to this process.
type Inherited map[string][]net.Listener

// Inherit takes the sockets of sd_listen_fds(3) over. It empties the
// variables that name them: a second call gets none.
func Inherit() (Inherited, error) {
	l, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("sockets from systemd: %w", err)
	}
	return l, nil
}

// open binds the socket of a listener. The error names the address, the cause
// and what to do.
func (in Inherited) open(l *Listen) (*socket, error) {
	var s *socket
	var err error
	switch l.endpoint.Kind {
	case Unix:
		s, err = bindUnix(l)
	case Inet:
		s, err = bindInet(l)
	default:
		s, err = in.take(l)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", l.endpoint, err)
	}
	if err := s.setBacklog(l.Backlog); err != nil {
		s.Close()
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

// take gives the inherited socket of a name away.
func (in Inherited) take(l *Listen) (*socket, error) {
	name := l.endpoint.Name
	list := in[name]
	switch {
	case len(list) == 0:
		return nil, fmt.Errorf("systemd handed over no socket of that name (there are: %s): set FileDescriptorName=%s in the .socket unit and start vmapd by it", in.names(), name)
	case len(list) > 1:
		return nil, fmt.Errorf("systemd handed over %d sockets of that name: give each .socket unit its own FileDescriptorName=", len(list))
	}
	s, ok := list[0].(stream)
	if !ok {
		return nil, fmt.Errorf("is a %T: want ListenStream= with a path or a TCP port", list[0])
	}
	if a, err := netip.ParseAddrPort(s.Addr().String()); err == nil && !a.Addr().Unmap().IsLoopback() && len(l.allow) == 0 {
		return nil, fmt.Errorf("%s is not a loopback address: give allow = [\"network\"] with those who may connect", a)
	}
	delete(in, name)
	return &socket{stream: s, endpoint: l.endpoint}, nil
}

func (in Inherited) names() string {
	if len(in) == 0 {
		return "none"
	}
	var names []string
	for n := range in {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// close closes what no listener took, and names it.
func (in Inherited) close() (unused []string) {
	for name, list := range in {
		for _, l := range list {
			l.Close()
		}
		unused = append(unused, name)
		delete(in, name)
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
	if s.file != nil {
		if st, err := os.Lstat(s.endpoint.Path); err == nil && os.SameFile(st, s.file) {
			os.Remove(s.endpoint.Path)
		}
	}
	return s.stream.Close()
}
