package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// maxSocketPath is the number of bytes that fit into sun_path of unix(7)
// with its closing NUL; Postfix ends with a fatal error on a longer one.
const maxSocketPath = 107

// EndpointKind says what an Endpoint is.
type EndpointKind uint8

// The kinds of endpoints.
const (
	Unix    EndpointKind = iota // a unix stream socket
	Inet                        // a TCP socket
	Systemd                     // a socket inherited from systemd, by name
)

// Endpoint is where a protocol is served, in Postfix's notation.
type Endpoint struct {
	Kind EndpointKind
	Path string // Unix: absolute path
	Host string // Inet: name or address, without brackets
	Port uint16 // Inet: 0 lets the system choose (tests)
	Name string // Systemd: FileDescriptorName= of the socket unit
}

// ParseEndpoint reads "unix:/path", "inet:host:port" (an IPv6 address in
// brackets) or "systemd:NAME". Its errors say what was expected.
func ParseEndpoint(s string) (Endpoint, error) {
	kind, rest, ok := strings.Cut(s, ":")
	if ok {
		switch kind {
		case "unix":
			return parseUnix(rest)
		case "inet":
			return parseInet(rest)
		case "systemd":
			return parseSystemd(rest)
		}
	}
	if strings.HasPrefix(s, "/") {
		return Endpoint{}, fmt.Errorf("endpoint %q: want unix:%s", s, s)
	}
	return Endpoint{}, fmt.Errorf("endpoint %q: want unix:/path, inet:host:port or systemd:NAME", s)
}

func parseUnix(path string) (Endpoint, error) {
	if !filepath.IsAbs(path) {
		return Endpoint{}, fmt.Errorf("socket path %q is not absolute (Postfix's own notation is relative to its queue directory, often /var/spool/postfix)", path)
	}
	if strings.ContainsRune(path, 0) {
		return Endpoint{}, fmt.Errorf("socket path %q has a NUL byte", path)
	}
	if strings.HasSuffix(path, "/") {
		return Endpoint{}, fmt.Errorf("socket path %q names a directory: add the name of the socket", path)
	}
	path = filepath.Clean(path)
	if len(path) > maxSocketPath {
		return Endpoint{}, fmt.Errorf("socket path %q has %d bytes, at most %d are possible: choose a shorter one", path, len(path), maxSocketPath)
	}
	return Endpoint{Kind: Unix, Path: path}, nil
}

func parseInet(s string) (Endpoint, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return Endpoint{}, fmt.Errorf("endpoint %q: want inet:host:port, an IPv6 address in brackets", "inet:"+s)
	}
	if host == "" {
		return Endpoint{}, fmt.Errorf("endpoint %q: no host (127.0.0.1 for this machine, 0.0.0.0 or [::] for all addresses)", "inet:"+s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Endpoint{}, fmt.Errorf("endpoint %q: port %q is not a number below 65536", "inet:"+s, port)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.String()
	}
	return Endpoint{Kind: Inet, Host: host, Port: uint16(n)}, nil
}

func parseSystemd(name string) (Endpoint, error) {
	if name == "" || strings.ContainsAny(name, ": \t\n") {
		return Endpoint{}, fmt.Errorf("endpoint %q: want systemd:NAME, the FileDescriptorName= of a socket unit", "systemd:"+name)
	}
	return Endpoint{Kind: Systemd, Name: name}, nil
}

// String gives the endpoint in the notation ParseEndpoint reads.
func (e Endpoint) String() string {
	switch e.Kind {
	case Unix:
		return "unix:" + e.Path
	case Inet:
		return "inet:" + e.hostPort()
	default:
		return "systemd:" + e.Name
	}
}

// Network gives the network and address to hand to net.Dial. A systemd
// endpoint has none: its address is known to systemd alone.
func (e Endpoint) Network() (network, address string, err error) {
	switch e.Kind {
	case Unix:
		return "unix", e.Path, nil
	case Inet:
		return "tcp", e.hostPort(), nil
	default:
		return "", "", fmt.Errorf("endpoint %s: only systemd knows its address (systemctl show --property=Listen)", e)
	}
}

// Loopback reports whether only this machine can reach the endpoint. Names
// other than localhost are not looked up and count as reachable from outside.
func (e Endpoint) Loopback() bool {
	switch e.Kind {
	case Unix:
		return true
	case Inet:
		a, err := netip.ParseAddr(e.Host)
		return err == nil && a.Unmap().IsLoopback() || strings.EqualFold(e.Host, "localhost")
	default:
		return false
	}
}

func (e Endpoint) hostPort() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}
