//go:build linux

package line

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/internal/evloop"
)

// talker answers a line with itself. It says where it was asked, and does what the
// line says.
type talker struct {
	echo
	line   []byte
	quit   bool
	thread map[string]bool // names of goroutines: "loop" and "own"
	mu     sync.Mutex
}

var errQuit = errors.New("quit")

func (p *talker) Cut(b []byte) (int, error) {
	n, err := p.echo.Cut(b)
	p.line = b[:n]
	return n, err
}

func (p *talker) Prompt() bool { return !bytes.HasPrefix(p.line, []byte("wait")) }

func (p *talker) Answer(_ context.Context, dst, request []byte) []byte {
	stack := make([]byte, 4096)
	where := "own"
	if bytes.Contains(stack[:runtime.Stack(stack, false)], []byte("answerThere")) {
		where = "loop"
	}
	p.mu.Lock()
	p.thread[where] = true
	p.mu.Unlock()
	switch {
	case bytes.HasPrefix(request, []byte("panic")):
		panic("as I was told")
	case bytes.HasPrefix(request, []byte("quit")):
		p.quit = true
		return dst
	case bytes.HasPrefix(request, []byte("big")):
		return append(dst, strings.Repeat("x", 1<<20)...)
	}
	return append(dst, request...)
}

func (p *talker) Quit() error {
	if p.quit {
		return errQuit
	}
	return nil
}

// looping is an evloop.Conn as line wants it.
type looping struct{ *evloop.Conn }

func (looping) OnLoop() bool { return true }

// startLooped serves one end of a unix connection on an event loop.
func startLooped(t *testing.T, l Limits) (client net.Conn, p *talker, drain func(), done <-chan error) {
	t.Helper()
	loops, err := evloop.New(1)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("unix", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	taken, err := loops.Take(nc)
	if err != nil {
		t.Fatal(err)
	}
	l.MaxFrame = 20000
	l.RequestTimeout, l.WriteTimeout = OrDefault(l.RequestTimeout, time.Hour), OrDefault(l.WriteTimeout, time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	ended := make(chan struct{})
	p = &talker{echo: echo{20000}, thread: map[string]bool{}}
	var pool Pool
	go func() {
		defer close(ended)
		defer taken.Close()
		defer func() {
			if v := recover(); v != nil {
				result <- errors.New(v.(interface{ String() string }).String())
			}
		}()
		result <- Serve(ctx, looping{taken}, p, l, &pool)
	}()
	t.Cleanup(func() {
		cancel()
		client.Close()
		<-ended
		loops.Close()
	})
	client.SetDeadline(time.Now().Add(time.Minute)) // instead of hanging
	return client, p, func() { cancel(); taken.SetReadDeadline(time.Now()) }, result
}

// want asks for lines on an event loop, and sees where they were answered.
func want(t *testing.T, p *talker, where ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range where {
		if !p.thread[w] {
			t.Errorf("nothing was answered by %q: %v", w, p.thread)
		}
	}
	if len(p.thread) != len(where) {
		t.Errorf("answered by %v, want %v", p.thread, where)
	}
}

// settle asks until the goroutine has gone to the loop, so that what comes is read
// there, and forgets who answered.
func settle(t *testing.T, client net.Conn, p *talker) {
	t.Helper()
	for {
		ask(t, client, "hello\n")
		p.mu.Lock()
		looped := p.thread["loop"]
		clear(p.thread)
		p.mu.Unlock()
		if looped {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestLoop(t *testing.T) {
	client, p, _, done := startLooped(t, Limits{})
	settle(t, client, p)
	for range 100 {
		ask(t, client, "hello\n")
		ask(t, client, "one\ntwo\nthree\n")
	}
	want(t, p, "loop")
	ask(t, client, "one\nwait\nthree\n")
	ask(t, client, "hello\n")
	want(t, p, "loop", "own")
	for _, n := range []int{1, 1022, 1023, 1024, 1025, 1, 8191, 8192, 8193, 16384, 19999, 20000, 1} {
		ask(t, client, strings.Repeat("x", n-1)+"\n")
	}
	io.WriteString(client, "in two ")
	time.Sleep(20 * time.Millisecond) // else both may be read at once, which is no harm
	ask2(t, client, "pieces\n", "in two pieces\n")
	client.Close()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// ask2 sends one thing and wants another back.
func ask2(t *testing.T, client net.Conn, said, back string) {
	t.Helper()
	io.WriteString(client, said)
	buf := make([]byte, len(back))
	if _, err := io.ReadFull(client, buf); err != nil || string(buf) != back {
		t.Fatalf("sent %.40q, got %.40q, %v", said, buf, err)
	}
}

// TestLoopEnds ends it in all the ways there are.
func TestLoopEnds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limits Limits
		do     func(client net.Conn, drain func())
		want   string // "" for no error
	}{
		{"idle", Limits{Idle: 2 * time.Second}, func(net.Conn, func()) {}, ""},
		{"drain", Limits{Idle: time.Hour}, func(_ net.Conn, drain func()) { drain() }, ""},
		{"within a request", Limits{}, func(c net.Conn, _ func()) { io.WriteString(c, "hel"); c.Close() }, "after 3 bytes of a request"},
		{"slow request", Limits{RequestTimeout: 30 * time.Millisecond}, func(c net.Conn, _ func()) { io.WriteString(c, "hel") }, "not the rest within 30ms"},
		{"too long", Limits{}, func(c net.Conn, _ func()) { go io.WriteString(c, strings.Repeat("x", 20001)) }, errLong.Error()},
		{"quit", Limits{}, func(c net.Conn, _ func()) { io.WriteString(c, "quit\n") }, "quit"},
		{"panic", Limits{}, func(c net.Conn, _ func()) { io.WriteString(c, "panic\n") }, "as I was told"},
		{"client does not read", Limits{WriteTimeout: 20 * time.Millisecond}, func(c net.Conn, _ func()) { io.WriteString(c, "big\n") }, "bytes of replies and not the rest within 20ms"},
		{"client leaves", Limits{}, func(c net.Conn, _ func()) { c.Close() }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client, p, drain, done := startLooped(t, tc.limits)
			settle(t, client, p)
			tc.do(client, drain)
			err := <-done
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("Serve: %v, want %q", err, tc.want)
			}
			if tc.name == "panic" && !strings.Contains(err.Error(), "looped_test.go") {
				t.Errorf("the stack of the panic is lost: %v", err)
			}
		})
	}
}

// TestLoopIdle keeps asking on a loop for longer than Idle. A machine that lets the
// client wait for half of that tries again, with a longer one.
func TestLoopIdle(t *testing.T) {
	for idle := 80 * time.Millisecond; ; idle *= 2 {
		client, p, _, done := startLooped(t, Limits{Idle: idle})
		if err := keepAsking(client, idle); err == nil {
			client.Close()
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
			if !p.thread["loop"] {
				t.Error("nothing was answered on the loop")
			}
			return
		} else if !errors.Is(err, errSlow) || idle > 10*time.Second {
			t.Fatal(err)
		}
	}
}

var errSlow = errors.New("the machine is too busy to tell")

// keepAsking asks again and again, until five times idle have passed.
func keepAsking(client net.Conn, idle time.Duration) error {
	buf := make([]byte, len("hello\n"))
	for end, last := time.Now().Add(5*idle), time.Now(); time.Now().Before(end); time.Sleep(idle / 16) {
		_, asked := io.WriteString(client, "hello\n")
		_, answered := io.ReadFull(client, buf)
		if time.Since(last) > idle/2 {
			return errSlow
		}
		if err := errors.Join(asked, answered); err != nil {
			return err
		}
		last = time.Now()
	}
	return nil
}

// TestLoopBigReply has a reply that does not fit taken in time.
func TestLoopBigReply(t *testing.T) {
	client, p, _, _ := startLooped(t, Limits{})
	settle(t, client, p)
	for range 3 {
		ask2(t, client, "hello\nbig\nend\n", "hello\n"+strings.Repeat("x", 1<<20)+"end\n")
	}
}
