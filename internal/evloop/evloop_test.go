//go:build linux

package evloop

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts loops that end with the test.
func start(t *testing.T, n int) *Loops {
	t.Helper()
	before := runtime.GOMAXPROCS(0)
	l, err := New(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		l.Close()
		if got := runtime.GOMAXPROCS(0); got != before {
			t.Errorf("GOMAXPROCS is %d after loops, %d before", got, before)
		}
	})
	if got := runtime.GOMAXPROCS(0); got != before+n {
		t.Errorf("GOMAXPROCS is %d with loops, %d before", got, before)
	}
	return l
}

// pair is a connection over a network, both ends of package net.
func pair(t testing.TB, network string) (a, b net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if a, err = net.Dial(network, ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// taken is pair, with the second end taken by a loop.
func taken(t *testing.T, l *Loops, network string) (client net.Conn, c *Conn) {
	t.Helper()
	client, server := pair(t, network)
	c, err := l.Take(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		c.Close()
	})
	return client, c
}

// TestConn has x/net judge whether a Conn is a net.Conn.
func TestConn(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			l := start(t, 2)
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				a, b := pair(t, network)
				if c1, err = l.Take(a); err != nil {
					return nil, nil, nil, err
				}
				if c2, err = l.Take(b); err != nil {
					return nil, nil, nil, err
				}
				return c1, c2, func() { c1.Close(); c2.Close() }, nil
			})
		})
	}
}

// echo serves a connection from its loop until it ends, and counts how often the
// goroutine had it. What is to be called on the loop is called each time.
func echo(c *Conn, onLoop ...func()) (times int, err error) {
	buf := make([]byte, 16)
	for ; ; times++ {
		for {
			n, err := c.TryRead(buf)
			if err != nil {
				return times, err
			}
			if n == 0 {
				break
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return times, err
			}
		}
		err := c.Run(func() bool {
			for _, f := range onLoop {
				f()
			}
			n, err := c.TryRead(buf)
			if n == 0 {
				return err == nil
			}
			m, err := c.TryWrite(buf[:n])
			return m == n && err == nil && n < len(buf)
		})
		if err != nil {
			return times, err
		}
	}
}

// TestRun asks and asks, now with little, now with more than fits.
func TestRun(t *testing.T) {
	l := start(t, 2)
	var wg sync.WaitGroup
	for _, network := range []string{"unix", "tcp"} {
		for range 3 {
			client, c := taken(t, l, network)
			wg.Go(func() {
				times, err := echo(c)
				if !errors.Is(err, io.EOF) {
					t.Errorf("echo: %v", err)
				}
				if times > 120 {
					t.Errorf("the goroutine had the connection %d times: the loop does not serve it", times)
				}
			})
			wg.Go(func() {
				defer client.Close()
				for i := range 1000 {
					ask := "short"
					if i%25 == 24 {
						ask = strings.Repeat("long", 1000)
					}
					io.WriteString(client, ask)
					got := make([]byte, len(ask))
					if _, err := io.ReadFull(client, got); err != nil || string(got) != ask {
						t.Errorf("%.40q, %v for %.40q", got, err, ask)
						return
					}
				}
			})
		}
	}
	wg.Wait()
}

// TestRunEnds ends it by a deadline, before and during it, and by Close.
func TestRunEnds(t *testing.T) {
	l := start(t, 1)
	never := func() bool { t.Error("f was called"); return true }
	_, c := taken(t, l, "unix")
	c.SetReadDeadline(time.Now().Add(-time.Second))
	if err := c.Run(never); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline passed before: %v", err)
	}
	c.SetReadDeadline(time.Now().Add(time.Hour))
	time.AfterFunc(10*time.Millisecond, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	if err := c.Run(never); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline moved: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	time.AfterFunc(10*time.Millisecond, func() { c.Close() })
	if err := c.Run(never); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := c.Run(never); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed before: %v", err)
	}
}

// TestRunWaitsForItsFunction moves the deadline while f is at work: Run returns
// after f, not before.
func TestRunWaitsForItsFunction(t *testing.T) {
	l := start(t, 1)
	client, c := taken(t, l, "unix")
	begun, ended := make(chan struct{}), false
	go func() {
		<-begun
		c.SetReadDeadline(time.Unix(1, 0))
	}()
	time.AfterFunc(10*time.Millisecond, func() { io.WriteString(client, "x") })
	err := c.Run(func() bool {
		close(begun)
		time.Sleep(20 * time.Millisecond)
		ended = true
		return true
	})
	if !errors.Is(err, os.ErrDeadlineExceeded) || !ended {
		t.Errorf("Run: %v, f has ended: %t", err, ended)
	}
}

// TestEndOfStream sees the end of the stream together with the last bytes.
func TestEndOfStream(t *testing.T) {
	l := start(t, 1)
	for _, network := range []string{"unix", "tcp"} {
		for range 50 {
			client, c := taken(t, l, network)
			go func() {
				io.WriteString(client, "last")
				client.Close()
			}()
			if _, err := echo(c); !errors.Is(err, io.EOF) && !isBroken(err) {
				t.Fatalf("%s: %v", network, err)
			}
		}
	}
}

// isBroken reports whether the peer had closed before it was answered.
func isBroken(err error) bool {
	return strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "reset by peer")
}

// TestTakeRefuses what has no descriptor.
func TestTakeRefuses(t *testing.T) {
	l := start(t, 1)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := l.Take(a); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Take of a pipe: %v", err)
	}
}

// TestDescriptors opens and closes connections: none is left, of either kind.
func TestDescriptors(t *testing.T) {
	l := start(t, 2)
	before := open(t)
	for range 100 {
		a, b := pair(t, "unix")
		c, err := l.Take(b)
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		c.Close()
	}
	if now := open(t); now != before {
		t.Errorf("%d descriptors are open, %d were before", now, before)
	}
	for _, one := range l.loops {
		if len(one.conns) > 0 {
			t.Errorf("a loop remembers %d connections", len(one.conns))
		}
	}
}

func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func BenchmarkEcho(b *testing.B) {
	l, err := New(1)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	client, nc := pair(b, "unix")
	c, err := l.Take(nc)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); echo(c) }()
	buf := make([]byte, 5)
	for b.Loop() {
		io.WriteString(client, "hello")
		io.ReadFull(client, buf)
	}
	client.Close()
	<-done
	c.Close()
}
