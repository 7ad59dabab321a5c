package dict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

// many is a Dict of a million users, and counts how many were asked for.
type many struct {
	*memory
	yielded *atomic.Int64
}

func (many) key(dst []byte, i int) []byte {
	return fmt.Appendf(dst, "shared/userdb/user%07d@d1.test", i)
}

func (d many) Iterate(_ context.Context, _ *IterateRequest, yield func(key, value []byte) bool) error {
	var key []byte
	for i := range 1000000 {
		if d.yielded != nil {
			d.yielded.Add(1)
		}
		if key = d.key(key[:0], i); !yield(key, nil) {
			return nil
		}
	}
	return nil
}

// listen serves s on a unix socket until the test ends, when every connection
// must have ended. It returns how to dial, and what the connections end with.
func listen(t *testing.T, s *Server) (dial func() net.Conn, ends <-chan error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 1000)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer nc.Close()
				results <- s.ServeConn(context.Background(), nc)
			})
		}
	})
	var dialed []net.Conn
	t.Cleanup(func() {
		ln.Close()
		for _, nc := range dialed {
			nc.Close()
		}
		conns.Wait()
	})
	return func() net.Conn {
		t.Helper()
		nc, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		nc.SetDeadline(time.Now().Add(time.Minute))
		dialed = append(dialed, nc)
		return nc
	}, results
}

// TestAbuse has clients that misbehave, and one that must not feel it.
func TestAbuse(t *testing.T) {
	for name, abuse := range map[string]string{
		"garbage":      strings.Repeat("\xff\x00\n\x01", 1000),
		"half a hello": "H3\t2",
		"half a line":  hello + "Lshared/emp",
		"no line":      hello + strings.Repeat("x", 3<<20),
		"large field":  hello + "Lshared/" + strings.Repeat("\x01t", 500000) + "\t\n",
		"empty fields": "H2\t2\t0\t\tx\nI0\t0" + strings.Repeat("\t", 1000000) + "\n",
		"many begins":  hello + strings.Repeat("B1\t\nB2\t\n", 10000),
		"many writes":  hello + "B1\t\n" + strings.Repeat("S1\tshared/a\tb\n", 100000),
		"never reads":  hello + "I0\t0\tshared/userdb/\t\n",
	} {
		t.Run(name, func(t *testing.T) {
			d := many{memory: newMemory()}
			dial, _ := listen(t, &Server{Open: func(*Client) (Dict, error) { return d, nil }})
			for range 10 {
				bad := dial()
				sent := make(chan struct{})
				go func() { io.WriteString(bad, abuse); close(sent) }()
				t.Cleanup(func() { <-sent })
			}
			good := dial()
			io.WriteString(good, hello)
			for range 100 {
				io.WriteString(good, "Lshared/bytes\t\n")
				read(t, good, "Otab\x01there\x01nnewline\x01rcr\x011soh\n")
			}
		})
	}
}

// TestManyLookups sends 10,000 lookups before it reads the first reply.
func TestManyLookups(t *testing.T) {
	dial, ends := listen(t, testServer())
	nc := dial()
	go func() {
		io.WriteString(nc, hello+strings.Repeat("Lshared/userdb/ann@d1.test\t\n", 10000))
		nc.(*net.UnixConn).CloseWrite()
	}()
	out, err := io.ReadAll(nc)
	if want := strings.Repeat("O{\"uid\": 5000}\n", 10000); string(out) != want || err != nil {
		t.Errorf("%d bytes of replies, want %d, %v", len(out), len(want), err)
	}
	if err := <-ends; err != nil {
		t.Error(err)
	}
}

// TestNeverReads asks for a million rows and reads none: the iteration stops,
// and little of it was made.
func TestNeverReads(t *testing.T) {
	var yielded atomic.Int64
	dial, ends := listen(t, &Server{
		Open:         func(*Client) (Dict, error) { return many{newMemory(), &yielded}, nil },
		WriteTimeout: 50 * time.Millisecond,
	})
	io.WriteString(dial(), hello+"I0\t0\tshared/userdb/\t\n")
	if err := <-ends; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ServeConn: %v", err)
	}
	if n := yielded.Load(); n == 0 || n > 100000 {
		t.Errorf("%d rows were asked for", n)
	}
}

// TestBackpressure reads a million rows, with a pause in which it looks at the
// memory that they take.
func TestBackpressure(t *testing.T) {
	dial, _ := listen(t, &Server{Open: func(*Client) (Dict, error) { return many{memory: newMemory()}, nil }})
	nc := dial()
	io.WriteString(nc, hello+"I0\t0\tshared/userdb/\t\n")
	before := heap()
	buf, rows, last := make([]byte, 64<<10), 0, byte(0)
	for i := 0; ; i++ {
		n, err := nc.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		rows += bytes.Count(buf[:n], []byte("\n"))
		if n == 1 && buf[0] == '\n' && last == '\n' || n > 1 && bytes.HasSuffix(buf[:n], []byte("\n\n")) {
			break
		}
		last = buf[n-1]
		if i == 20 {
			time.Sleep(10 * time.Millisecond) // it fills what there is to fill
			if grown := heap() - before; grown > 1<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		}
	}
	if rows != 1000001 {
		t.Errorf("%d lines, want a million rows and the end", rows)
	}
}

// heap is what is in use of it.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAllocs asks over a pipe in steady state.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	for _, first := range []string{hello, "H2\t2\t0\tann@d1.test\tx\n"} {
		client, _, done := connect(t, &Server{}, echo{})
		io.WriteString(client, first)
		for _, tc := range []struct{ name, request, reply string }{
			{"short", "Lshared/a\tann@d1.test\n", "Oshared/a\n"},
			{"not found", "Lpriv/a\tann@d1.test\n", "N\n"},
			{"escapes", "Lshared/\x01ta\tann@d1.test\n", "Oshared/\x01ta\n"},
			{"pipelined", strings.Repeat("Lshared/a\tann@d1.test\n", 20), strings.Repeat("Oshared/a\n", 20)},
			{"long value", "Lshared/long\tann@d1.test\n", "O" + longValue + "\n"},
		} {
			t.Run(tc.name, func(t *testing.T) { linetest.Allocs(t, client, 0, tc.request, tc.reply) })
		}
		client.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// longValue is longer than what gathers before a write.
var longValue = strings.Repeat("v", 50000)

// echo finds every shared/ key, as its own value.
type echo struct{ *memory }

func (echo) Lookup(_ context.Context, r *Request, dst []byte) ([]byte, bool, error) {
	if string(r.Key) == "shared/long" {
		return append(dst, longValue...), true, nil
	}
	return append(dst, r.Key...), bytes.HasPrefix(r.Key, []byte("shared/")), nil
}
