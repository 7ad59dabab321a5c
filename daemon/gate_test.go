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
	p := servicePort(l, sock, &lines{server: s}, testLogger(log).Logger, newMetrics())
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

func TestBusyConnectionsAreNotEvicted(t *testing.T) {
	l := defaultListen()
	l.MaxConnections = 2
	release := make(chan struct{})
	p, log := testPort(t, l, serverFunc(func(ctx context.Context, c net.Conn) error {
		b := make([]byte, 1)
		if _, err := c.Read(b); err != nil {
			return nil
		}
		<-release // answering takes long
		c.Write(b)
		return nil
	}))
	first, second := dial(t, p), dial(t, p)
	for _, c := range []net.Conn{first, second} {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both requests are read", func() bool {
		n := 0
		for _, c := range p.gate.list() {
			if c.state.Load() == busy {
				n++
			}
		}
		return n == 2
	})
	for range 50 {
		if !closed(dial(t, p)) {
			t.Fatal("a connection above the cap was let in")
		}
	}
	close(release)
	for i, c := range []net.Conn{first, second} {
		if b, err := io.ReadAll(c); err != nil || string(b) != "x" {
			t.Errorf("connection %d got %q, %v", i, b, err)
		}
	}
	if got := testutil.ToFloat64(p.gate.metrics.refusals.WithLabelValues("socketmap", "too_many")); got != 50 {
		t.Errorf("counted %v refusals, want 50", got)
	}
	if n := log.count("refused a connection"); n < 1 || n > 3 {
		t.Errorf("%d log lines for 50 refusals", n)
	}
}

// Ten thousand connections that never say a word: those that do are served
// all the same, below the cap and, by eviction, at the cap.
func TestIdleConnectionsLockNobodyOut(t *testing.T) {
	n := 10000
	for _, tt := range []struct {
		name  string
		limit int
	}{{"below the cap", 20000}, {"at the cap", 1000}} {
		t.Run(tt.name, func(t *testing.T) {
			n := min(n, openFiles(t, n))
			l := defaultListen()
			l.MaxConnections = tt.limit
			p, log := testPort(t, l, echo)
			served := dial(t, p)
			if !echoes(served) {
				t.Fatal("not served before the flood")
			}
			for range n {
				dial(t, p)
			}
			eventually(t, "all are accepted", func() bool { return p.gate.open() >= min(n+1, tt.limit) })
			if !echoes(served) {
				t.Error("a connection that was served before is not any more")
			}
			if !echoes(dial(t, p)) {
				t.Error("a new connection is not served")
			}
			if open := p.gate.open(); open > tt.limit {
				t.Errorf("%d connections are open, more than %d", open, tt.limit)
			}
			t.Logf("%d idle connections, %d open; %d log lines", n, p.gate.open(), log.count("{"))
		})
	}
}

// openFiles makes room for n connections with both ends in this process, and
// says how many there is room for.
func openFiles(t *testing.T, n int) int {
	t.Helper()
	want := uint64(2*n + 500)
	limit := syscall.Rlimit{Cur: want, Max: want}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if old.Cur >= want {
		return n
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
		return n
	}
	t.Logf("only %d files may be open: fewer connections", old.Cur)
	return int(old.Cur-500) / 2
}

// Connections that asked once and then fall silent give way too.
func TestSilentConnectionsGiveWay(t *testing.T) {
	l := defaultListen()
	l.MaxConnections = 3
	p, _ := testPort(t, l, echo)
	var old []net.Conn
	for range 3 {
		c := dial(t, p)
		if !echoes(c) {
			t.Fatal("not served")
		}
		old = append(old, c)
	}
	eventually(t, "a new connection is served", func() bool {
		c, err := net.Dial("unix", p.cfg.endpoint.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return echoes(c)
	})
	gone := 0
	for _, c := range old {
		if !echoes(c) {
			gone++
		}
	}
	if gone == 0 || gone == 3 {
		t.Errorf("%d of 3 silent connections were closed", gone)
	}
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
	if n := log.count("cannot accept a connection"); n > 2 {
		t.Errorf("%d log lines", n)
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

func TestLimiter(t *testing.T) {
	var l limiter
	now := time.Unix(1000, 0)
	for i, want := range []struct {
		after      time.Duration
		suppressed int
		ok         bool
	}{{0, 0, true}, {0, 0, false}, {999 * time.Millisecond, 0, false}, {time.Second, 2, true}, {time.Second, 0, false}, {2 * time.Second, 1, true}} {
		if n, ok := l.allow(now.Add(want.after)); n != want.suppressed || ok != want.ok {
			t.Errorf("step %d: %d, %v", i, n, ok)
		}
	}
}

// A request that was read gets its answer although the daemon ends; a
// connection that waits ends at once.
func TestDrain(t *testing.T) {
	for _, kind := range []EndpointKind{Unix, Inet} {
		l := defaultListen()
		if kind == Inet {
			l.endpoint = Endpoint{Kind: Inet, Host: "127.0.0.1"}
		}
		asked, answer := make(chan struct{}), make(chan struct{})
		s := &socketmap.Server{Lookup: func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) {
			close(asked)
			<-answer
			return append(dst, strings.Repeat("x", 50000)...), true, nil
		}}
		p, _ := testPort(t, l, s)
		idle, slow := dial(t, p), dial(t, p)
		result := make(chan string, 1)
		go func() {
			v, _, err := socketmap.NewClient(slow).Lookup(context.Background(), "aliases", "a")
			if err != nil {
				v = err.Error()
			}
			result <- v
		}()
		<-asked
		drained := make(chan struct{})
		p.stop()
		p.socket.Close()
		go func() {
			defer close(drained)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			p.drain(ctx)
		}()
		if !closed(idle) {
			t.Error("an idle connection stayed open")
		}
		if _, err := net.Dial(p.socket.Addr().Network(), dialAddress(p)); err == nil {
			t.Error("a new connection was accepted")
		}
		close(answer)
		if got := <-result; len(got) != 50000 {
			t.Errorf("got %.80q of %d bytes", got, len(got))
		}
		<-drained
	}
}

// A handler that does not end is cut off when the time is over.
func TestDrainTimeout(t *testing.T) {
	forever := make(chan struct{})
	entered := make(chan struct{})
	p, log := testPort(t, defaultListen(), serverFunc(func(_ context.Context, c net.Conn) error {
		close(entered)
		<-forever
		return nil
	}))
	c := dial(t, p)
	<-entered
	p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	p.drain(ctx)
	if !closed(c) {
		t.Error("the connection stayed open")
	}
	if log.count("did not end in time") != 1 {
		t.Errorf("log: %s", log)
	}
	close(forever)
}
