package daemon

import (
	"context"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

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
