package daemon

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func unixListen(path string) *Listen {
	l := defaultListen()
	l.Protocol, l.endpoint = "socketmap", Endpoint{Kind: Unix, Path: path}
	return &l
}

// bind opens a socket and closes it at the end of the test.
func bind(t *testing.T, l *Listen) *socket {
	t.Helper()
	s, err := Inherited{}.open(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestParseEndpoint(t *testing.T) {
	tests := []struct{ in, out string }{
		{"unix:/run/vmapd/socketmap", ""},
		{"unix:/run//vmapd/../vmapd/s", "unix:/run/vmapd/s"},
		{"inet:127.0.0.1:8025", ""},
		{"inet:[::1]:8025", ""},
		{"inet:[0:0:0:0:0:0:0:1]:8025", "inet:[::1]:8025"},
		{"inet:localhost:1", ""},
		{"systemd:vmapd-socketmap", ""},
		{"unix:" + "/" + strings.Repeat("x", 106), ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			e, err := ParseEndpoint(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.out
			if want == "" {
				want = tt.in
			}
			if e.String() != want {
				t.Errorf("got %s, want %s", e, want)
			}
		})
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"unix:/a", "inet:[::1]:1", "inet:h:65535", "systemd:x", "inet:::1:1", "unix:", "tcp:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEndpoint(s)
		if err != nil {
			return
		}
		again, err := ParseEndpoint(e.String())
		if err != nil || again != e {
			t.Errorf("%q became %q, which is read as %+v, %v", s, e, again, err)
		}
	})
}

func TestLoopback(t *testing.T) {
	for in, want := range map[string]bool{
		"unix:/a": true, "inet:127.0.0.1:1": true, "inet:127.8.9.1:1": true, "inet:[::1]:1": true, "inet:localhost:1": true,
		"inet:[::ffff:127.0.0.1]:1": true, "inet:0.0.0.0:1": false, "inet:[::]:1": false, "inet:192.0.2.1:1": false, "inet:mail.example.com:1": false, "systemd:a": false,
	} {
		e, err := ParseEndpoint(in)
		if err != nil {
			t.Fatal(err)
		}
		if e.Loopback() != want {
			t.Errorf("%s: %v, want %v", in, e.Loopback(), want)
		}
	}
}

func TestUnixPermissions(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to give a socket away")
	}
	group := "nogroup"
	if _, err := user.LookupGroup(group); err != nil {
		group = "65534"
	}
	l := unixListen(filepath.Join(shortDir(t), "s"))
	l.Mode, l.Owner, l.Group = 0o620, "65533", group
	bind(t, l)
	st, err := os.Lstat(l.endpoint.Path)
	if err != nil {
		t.Fatal(err)
	}
	sys := st.Sys().(*syscall.Stat_t)
	if st.Mode().Perm() != 0o620 || sys.Uid != 65533 || strconv.Itoa(int(sys.Gid)) != "65534" {
		t.Errorf("mode %v, owner %d, group %d", st.Mode(), sys.Uid, sys.Gid)
	}
	entries, err := os.ReadDir(filepath.Dir(l.endpoint.Path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}

// A socket below Postfix's queue directory: private/ is 0700 and postfix's.
func TestUnixInPrivateFolder(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to own a folder for somebody else")
	}
	private := filepath.Join(shortDir(t), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(private, 65533, 65534); err != nil {
		t.Fatal(err)
	}
	bind(t, unixListen(filepath.Join(private, "vmapd")))
	c, err := net.Dial("unix", filepath.Join(private, "vmapd"))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close() // as after a crash: the file stays, nobody answers
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	bind(t, unixListen(path))
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestCloseUnlinksOnlyItsOwn(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	first, err := Inherited{}.open(unixListen(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	bind(t, unixListen(path))
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the other socket is gone: %v", err)
	}
}

func TestCannotBind(t *testing.T) {
	dir := shortDir(t)
	alive := bind(t, unixListen(filepath.Join(dir, "alive")))
	tcp := defaultListen()
	tcp.endpoint = Endpoint{Kind: Inet, Host: "127.0.0.1"}
	taken := bind(t, &tcp).Addr().(*net.TCPAddr).AddrPort().Port()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, strings.Repeat("d", 103-len(dir)-1))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	full := unixListen(filepath.Join(dir, "owner"))
	full.Owner = "no-such-user-here"
	tests := []struct {
		name string
		l    *Listen
		want string
	}{
		{"alive", unixListen(alive.endpoint.Path), "another process answers there, perhaps a second vmapd: stop it or choose another path"},
		{"file", unixListen(filepath.Join(dir, "file")), "a file that is not a socket has that name: remove it or choose another path"},
		{"no folder", unixListen(filepath.Join(dir, "none", "s")), "the folder " + dir + "/none does not exist: make it (mkdir -p " + dir + "/none) or choose another path"},
		{"folder is a file", unixListen(filepath.Join(dir, "file", "s")), dir + "/file is not a folder"},
		{"path too long for the temporary name", unixListen(filepath.Join(long, "s")), "the folder's path is too long by"},
		{"proc", unixListen("/proc/s"), "cannot make a socket in /proc"},
		{"owner", full, `there is no user "no-such-user-here" on this machine`},
		{"port taken", &Listen{endpoint: Endpoint{Kind: Inet, Host: "127.0.0.1", Port: taken}}, "another process listens there: stop it, or choose another port (ss -tlnp shows it)"},
		{"not our address", &Listen{endpoint: Endpoint{Kind: Inet, Host: "192.0.2.1", Port: 1}}, "this machine does not have that address"},
		{"not inherited", &Listen{endpoint: Endpoint{Kind: Systemd, Name: "x"}}, "systemd handed over no socket of that name (there are: none): set FileDescriptorName=x in the .socket unit and start vmapd by it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Inherited{}.open(tt.l)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if want := "listen on " + tt.l.endpoint.String() + ": " + tt.want; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}

func TestRunFolderIsMade(t *testing.T) {
	run := filepath.Join(shortDir(t), "run", "vmapd")
	t.Setenv("RUNTIME_DIRECTORY", run)
	bind(t, unixListen(filepath.Join(run, "socketmap")))
	if st, err := os.Stat(run); err != nil || st.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", st, err)
	}
}

// The queue of connections that wait to be accepted is as long as the system
// allows, and as short as asked for.
func TestBacklog(t *testing.T) {
	limit := 4096
	if text, err := os.ReadFile("/proc/sys/net/core/somaxconn"); err == nil {
		limit, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	waits := func(backlog, tries int) int {
		l := unixListen(filepath.Join(shortDir(t), "s"))
		l.Backlog = backlog
		bind(t, l)
		n := 0
		for range tries {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Close(fd)
			if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: l.endpoint.Path}); errors.Is(err, syscall.EAGAIN) {
				return n
			} else if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	if n := waits(5, 20); n != 6 {
		t.Errorf("backlog 5 lets %d connections wait, want 6 (Linux adds one)", n)
	}
	if n, want := waits(0, 600), min(limit+1, 600); n != want {
		t.Errorf("backlog 0 lets %d connections wait, want %d", n, want)
	}
}

func TestSocketGoesToAnotherLoop(t *testing.T) {
	s := bind(t, unixListen(filepath.Join(shortDir(t), "s")))
	p := &port{socket: s, gate: newGate(s.stream, defaultListen(), discard.Logger, newMetrics()), service: &lines{}}
	p.start()
	p.stop()
	c, err := net.Dial("unix", s.endpoint.Path) // waits in the backlog
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.SetDeadline(time.Now().Add(time.Minute))
	got, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got.Close()
	if _, err := os.Lstat(s.endpoint.Path); errors.Is(err, fs.ErrNotExist) {
		t.Error("stop removed the socket")
	}
}
