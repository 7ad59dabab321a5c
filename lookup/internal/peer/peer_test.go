package peer

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// wrapped is a connection in another, as a server's bookkeeping makes them.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

func TestOf(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	want := Cred{PID: os.Getpid(), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	for _, c := range []net.Conn{nc, wrapped{wrapped{nc}}} {
		if got, ok := Of(c); !ok || got != want {
			t.Errorf("%T: %+v, %v, want %+v", c, got, ok, want)
		}
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if got, ok := Of(a); ok {
		t.Errorf("a pipe has the credentials %+v", got)
	}
}
