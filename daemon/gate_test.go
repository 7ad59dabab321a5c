package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/vmapd/vmapd/lookup/socketmap"
)

// serverFunc is a Server made of a function.
type serverFunc func(ctx context.Context, c net.Conn) error

func (f serverFunc) ServeConn(ctx context.Context, c net.Conn) error { return f(ctx, c) }

// echo answers each byte with itself, as a line protocol that drains.
var echo = serverFunc(func(ctx context.Context, c net.Conn) error {
	b := make([]byte, 1)
	for ctx.Err() == nil {
		if _, err := io.ReadFull(c, b); err != nil {
			return nil
		}
		if _, err := c.Write(b); err != nil {
			return err
		}
	}
	return nil
})

// testPort is a port on a socket in a folder of its own.
func testPort(t *testing.T, l Listen, s Server) (*port, *logBuffer) {
	t.Helper()
	l.Protocol = "socketmap"
	if l.endpoint == (Endpoint{}) {
		l.endpoint = Endpoint{Kind: Unix, Path: filepath.Join(shortDir(t), "s")}
	}
	log := &logBuffer{}
	sock, err := Inherited{}.open(&l)
	if err != nil {
		t.Fatal(err)
	}
	p := servicePort(l, sock, &lines{server: s}, testLogger(log).Logger, newMetrics(), nil)
	p.start()
	t.Cleanup(func() {
		p.stop()
		sock.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p.drain(ctx)
	})
	return p, log
}

func dial(t *testing.T, p *port) net.Conn {
	t.Helper()
	c, err := net.Dial(p.socket.Addr().Network(), dialAddress(p))
	for errors.Is(err, syscall.EAGAIN) { // the flood is faster than the accept loop: the backlog is full
		time.Sleep(time.Millisecond)
		c, err = net.Dial(p.socket.Addr().Network(), dialAddress(p))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func dialAddress(p *port) string {
	if p.cfg.endpoint.Kind == Unix {
		return p.cfg.endpoint.Path
	}
	return p.socket.Addr().String()
}

// echoes reports whether the connection is served.
func echoes(c net.Conn) bool {
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte("x")); err != nil {
		return false
	}
	b := make([]byte, 1)
	_, err := io.ReadFull(c, b)
	return err == nil
}

// closed waits until the other side has closed a connection.
func closed(c net.Conn) bool {
	c.SetDeadline(time.Now().Add(time.Minute))
	_, err := c.Read(make([]byte, 1))
	return err != nil && !isTimeout(err)
}

func TestOutOfFiles(t *testing.T) {
	p, log := testPort(t, defaultListen(), echo)
	conns := []net.Conn{dial(t, p)}
	if !echoes(conns[0]) {
		t.Fatal("not served")
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	fds := 0
	for fd := range 4096 {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) == nil {
			fds = fd + 1
		}
	}
	// Room for this side of one more connection, not for the daemon's.
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	low := syscall.Rlimit{Cur: uint64(max(fds, fd+1)), Max: old.Max}
	for extra := range fds { // fill the gaps below the limit
		_ = extra
		d, err := syscall.Dup(fd)
		if err != nil || d >= int(low.Cur) {
			syscall.Close(d)
			break
		}
		defer syscall.Close(d)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	restore := sync.OnceFunc(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
	defer restore()
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: p.cfg.endpoint.Path}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "the lack of files is logged", func() bool { return log.count("cannot accept a connection") > 0 })
	if !echoes(conns[0]) {
		t.Error("a connection that was open is not served")
	}
	time.Sleep(500 * time.Millisecond)
	restore()
	syscall.Write(fd, []byte("x"))
	b := make([]byte, 1)
	if n, err := syscall.Read(fd, b); n != 1 || err != nil {
		t.Errorf("the connection that waited was not served: %d, %v", n, err)
	}
	// One a second, and one at the beginning. The clock was read after that.
	if n, took := log.count("cannot accept a connection"), time.Since(began); n > 2+int(took/time.Second) {
		t.Errorf("%d log lines in %v", n, took)
	}
	if !strings.Contains(log.String(), "LimitNOFILE=") {
		t.Error("no remedy in the log")
	}
}

func TestPanicCostsOneConnection(t *testing.T) {
	p, log := testPort(t, defaultListen(), serverFunc(func(ctx context.Context, c net.Conn) error {
		b := make([]byte, 1)
		if _, err := c.Read(b); err != nil {
			return nil
		}
		if b[0] == '!' {
			panic("boom")
		}
		c.Write(b)
		return nil
	}))
	bad := dial(t, p)
	if _, err := bad.Write([]byte("!")); err != nil {
		t.Fatal(err)
	}
	if !closed(bad) {
		t.Error("the connection stayed open")
	}
	if !echoes(dial(t, p)) {
		t.Error("others are not served")
	}
	if !strings.Contains(log.String(), "boom") || !strings.Contains(log.String(), "gate_test.go") {
		t.Errorf("no panic with a stack in the log: %s", log)
	}
	if got := testutil.ToFloat64(p.gate.metrics.panics); got != 1 {
		t.Errorf("counted %v panics", got)
	}
}

func TestAllow(t *testing.T) {
	for _, tt := range []struct {
		network string
		served  bool
	}{{"127.0.0.0/8", true}, {"192.0.2.0/24", false}} {
		l := defaultListen()
		l.endpoint = Endpoint{Kind: Inet, Host: "127.0.0.1"}
		l.allow = []netip.Prefix{netip.MustParsePrefix(tt.network)}
		p, log := testPort(t, l, echo)
		if got := echoes(dial(t, p)); got != tt.served {
			t.Errorf("allow %s: served %v", tt.network, got)
		}
		if n := log.count("is in no network of allow"); (n == 0) != tt.served {
			t.Errorf("allow %s: %d log lines", tt.network, n)
		}
	}
}

// A peer that breaks the protocol again and again gets one line a second.
func TestHostileLinesAreLimited(t *testing.T) {
	s := &socketmap.Server{Lookup: func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) { return dst, false, nil }}
	p, log := testPort(t, defaultListen(), s)
	began := time.Now()
	for range 300 {
		c := dial(t, p)
		if _, err := c.Write([]byte("99999999999999:")); err != nil {
			t.Fatal(err)
		}
		if !closed(c) {
			t.Fatal("stayed open")
		}
		c.Close()
	}
	eventually(t, "all are counted", func() bool {
		return testutil.ToFloat64(p.gate.metrics.protocolErrors.WithLabelValues("socketmap")) == 300
	})
	n := log.count("what came in is not the protocol")
	if allowed := int(time.Since(began)/time.Second) + 1; n < 1 || n > allowed {
		t.Errorf("%d lines, at most %d seconds", n, allowed)
	}
}

// A normal end of the stream is no event.
func TestNormalEndIsSilent(t *testing.T) {
	s := &socketmap.Server{Lookup: func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) { return dst, false, nil }}
	p, log := testPort(t, defaultListen(), s)
	c := dial(t, p)
	if _, found, err := socketmap.NewClient(c).Lookup(t.Context(), "aliases", "a"); found || err != nil {
		t.Fatal(found, err)
	}
	c.Close()
	eventually(t, "the connection ends", func() bool { return p.gate.open() == 0 })
	if log.String() != "" {
		t.Errorf("logged %s", log)
	}
}
