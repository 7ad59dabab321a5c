package line

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers a line with itself.
type echo struct{ limit int }

var errLong = errors.New("line too long")

func (e echo) Cut(b []byte) (int, error) {
	n := bytes.IndexByte(b, '\n') + 1
	if n > e.limit || n == 0 && len(b) >= e.limit {
		return 0, errLong
	}
	return n, nil
}

func (echo) Answer(_ context.Context, dst, request []byte) []byte { return append(dst, request...) }

// start serves one end of a connection and returns the other, how to drain it,
// and what Serve returned.
func start(t *testing.T, l Limits) (client net.Conn, drain func(), done <-chan error) {
	t.Helper()
	server, client := net.Pipe()
	t.Cleanup(func() { client.Close() })
	l.MaxFrame = 20000
	if l.RequestTimeout == 0 {
		l.RequestTimeout = time.Hour
	}
	if l.WriteTimeout == 0 {
		l.WriteTimeout = time.Hour
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	result := make(chan error, 1)
	var pool Pool
	go func() {
		err := Serve(ctx, server, echo{l.MaxFrame}, l, &pool)
		server.Close()
		result <- err
	}()
	return client, func() { cancel(); server.SetReadDeadline(time.Now()) }, result
}

// ask sends a line and wants it back.
func ask(t *testing.T, client net.Conn, s string) {
	t.Helper()
	go io.WriteString(client, s)
	buf := make([]byte, len(s))
	if _, err := io.ReadFull(client, buf); err != nil || string(buf) != s {
		t.Fatalf("asked %.40q, got %.40q, %v", s, buf, err)
	}
}

func TestIdleEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, done := start(t, Limits{Idle: 20 * time.Millisecond})
		ask(t, client, "hello\n")
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// TestBusyIsNotIdle keeps asking for longer than Idle; every other request
// comes in two pieces, so that all deadlines take turns, and the standing write
// deadline passes several times.
func TestBusyIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = time.Second
		client, _, done := start(t, Limits{Idle: idle, WriteTimeout: idle})
		for end := time.Now().Add(3 * idle); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			ask(t, client, "whole\n")
			io.WriteString(client, "in two ")
			go io.WriteString(client, "pieces\n")
			buf := make([]byte, len("in two pieces\n"))
			if _, err := io.ReadFull(client, buf); err != nil {
				t.Fatal(err)
			}
		}
		client.Close()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// TestSlowDrip sends a byte now and then: the time of the request is counted
// from its first byte.
func TestSlowDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, done := start(t, Limits{RequestTimeout: 30 * time.Millisecond})
		ask(t, client, "hello\n")
		for {
			if _, err := io.WriteString(client, "x"); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		err := <-done
		if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "not the rest within 30ms") {
			t.Errorf("Serve: %v", err)
		}
	})
}

// TestSlowReader never reads its reply.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, done := start(t, Limits{WriteTimeout: 20 * time.Millisecond})
		io.WriteString(client, "hello\n")
		err := <-done
		if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "took 0 of 6 bytes of replies") {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestDrain(t *testing.T) {
	for name, before := range map[string]string{"fresh": "", "idle": "hello\n"} {
		t.Run(name, func(t *testing.T) {
			client, drain, done := start(t, Limits{Idle: time.Hour})
			if before != "" {
				ask(t, client, before)
			}
			drain()
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
	t.Run("within a request", func(t *testing.T) {
		client, drain, done := start(t, Limits{Idle: time.Hour})
		io.WriteString(client, "hel")
		drain()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// TestExpiryIsDrain expires the read without ending ctx.
func TestExpiryIsDrain(t *testing.T) {
	for name, idle := range map[string]time.Duration{"no idle limit": 0, "idle limit": time.Hour} {
		t.Run(name, func(t *testing.T) {
			server, client := net.Pipe()
			defer client.Close()
			done := make(chan error, 1)
			var pool Pool
			go func() {
				done <- Serve(context.Background(), server, echo{100}, Limits{Idle: idle, RequestTimeout: time.Hour, WriteTimeout: time.Hour, MaxFrame: 100}, &pool)
			}()
			ask(t, client, "hello\n")
			for {
				server.SetReadDeadline(time.Now()) // again, in case Serve was about to set its own
				select {
				case err := <-done:
					if err != nil {
						t.Errorf("Serve: %v", err)
					}
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
}

// TestSizes sends lines around the sizes of the buffers, and one too long.
func TestSizes(t *testing.T) {
	client, _, done := start(t, Limits{})
	for _, n := range []int{1, 1022, 1023, 1024, 1025, 1, 8191, 8192, 8193, 16384, 19999, 20000, 1} {
		ask(t, client, strings.Repeat("x", n-1)+"\n")
	}
	go io.WriteString(client, strings.Repeat("x", 20001))
	if err := <-done; !errors.Is(err, errLong) {
		t.Errorf("Serve: %v", err)
	}
}

// TestIdleMemory looks at what connections hold that had large requests and
// replies and wait now.
func TestIdleMemory(t *testing.T) {
	var pool Pool
	c := pool.conn(Limits{})
	c.limits = Limits{RequestTimeout: time.Hour, WriteTimeout: time.Hour, MaxFrame: 70000}
	server, client := net.Pipe()
	c.nc = server
	done := make(chan error, 1)
	go func() { done <- c.serve(context.Background(), echo{70000}) }()
	ask(t, client, strings.Repeat("x", 60000)+"\n")
	ask(t, client, "small\n")
	client.Close()
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if c.borrowed != nil || c.out != nil || len(c.in) != smallSize {
		t.Errorf("input of %d bytes, borrowed %v, out %v", len(c.in), c.borrowed != nil, c.out != nil)
	}
}

// TestManyIdle bounds the memory of ten thousand connections that were used
// once: stacks and buffers together.
func TestManyIdle(t *testing.T) {
	const conns, bytesEach = 10000, 16 << 10 // 1 KiB of it ours; a pipe and two goroutine stacks make the rest
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var pool Pool
	done := make(chan error, conns)
	clients := make([]net.Conn, conns)
	for i := range clients {
		server, client := net.Pipe()
		clients[i] = client
		go func() {
			done <- Serve(context.Background(), server, echo{70000}, Limits{RequestTimeout: time.Hour, WriteTimeout: time.Hour, MaxFrame: 70000}, &pool)
		}()
		ask(t, client, "hello\n")
	}
	runtime.GC()
	runtime.GC() // empties the pool
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) + int64(after.StackInuse) - int64(before.HeapAlloc) - int64(before.StackInuse)) / conns
	t.Logf("%d bytes a connection", each)
	if each > bytesEach {
		t.Errorf("an idle connection holds %d bytes", each)
	}
	for _, c := range clients {
		c.Close()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
