package drill_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
)

// echo is a server that sends back what it gets; ask speaks to it through a
// proxy.
func echo(t *testing.T) *drill.Proxy {
	t.Helper()
	addrs := mailtest.LoopbackAddrs(t, 2)
	ln, err := net.Listen("tcp", addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	return drill.NewProxy(t, addrs[1], addrs[0])
}

func connect(t *testing.T, p *drill.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends four bytes and returns how many come back within a moment, and
// what ended the reading.
func ask(c net.Conn) (n int, err error) {
	_ = c.SetDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := c.Write([]byte("ping")); err != nil {
		return 0, err
	}
	return io.ReadFull(c, make([]byte, 4))
}

func wantAnswer(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := ask(c); n != 4 || err != nil {
		t.Fatalf("%d bytes came back, %v", n, err)
	}
}

func wantSilence(t *testing.T, c net.Conn, bytes int) {
	t.Helper()
	if n, err := ask(c); n != bytes || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes came back, %v; want %d and a connection that hangs", n, err, bytes)
	}
}

func TestProxyStallsAndResumes(t *testing.T) {
	p := echo(t)
	c := connect(t, p)
	wantAnswer(t, c)
	p.Stall()
	wantSilence(t, c, 0)
	late := connect(t, p)
	wantSilence(t, late, 0)
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{c, late} {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatalf("what was held up does not arrive: %v", err)
		}
		wantAnswer(t, c)
	}
}

func TestProxyStallsInTheMiddle(t *testing.T) {
	p := echo(t)
	c := connect(t, p)
	spent := p.StallAfter(6)
	wantAnswer(t, c)
	wantSilence(t, c, 2)
	select {
	case <-spent:
	default:
		t.Error("the proxy does not say that it stalls")
	}
}

func TestProxyCutsAndRefuses(t *testing.T) {
	p := echo(t)
	c := connect(t, p)
	wantAnswer(t, c)
	p.Stall() // a cut goes before a stall
	p.Cut()
	if _, err := ask(c); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a cut connection ends with %v", err)
	}
	if _, err := net.Dial("tcp", p.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connecting while cut: %v", err)
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, connect(t, p))
}

func TestProxyForgets(t *testing.T) {
	p := echo(t)
	c := connect(t, p)
	wantAnswer(t, c)
	p.Forget()
	wantSilence(t, c, 0)
	wantAnswer(t, connect(t, p))
	p.Cut()
	wantSilence(t, c, 0)
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	wantSilence(t, c, 0)
}
