//go:build bench

package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// clients asks a server over several connections, with one request in flight on
// each, as Postfix does.
type clients struct {
	socket   string
	pid      int // of the server; 0 if its processor time does not matter
	conns    int
	requests [][]byte
	want     string // what each answer begins with
	// stamp is where in each request ten digits are that are other ones each
	// time, 0 if requests are sent as they are.
	stamp  int
	stamps *atomic.Uint64
	// greet is what comes before the first request, read takes an answer off the
	// connection.
	greet func(net.Conn) error
	read  func(nc io.Reader, buf []byte) ([]byte, error)
}

// clients prepares the requests for a table of the socketmap, so that making them
// costs nothing later.
func (v *benchDaemon) clients(table string, keys []string, conns int, want string) *clients {
	c := &clients{socket: v.socket, pid: v.cmd.Process.Pid, conns: conns, want: want, greet: noGreeting, read: readReply}
	for _, k := range keys {
		c.requests = append(c.requests, fmt.Appendf(nil, "%d:%s %s,", len(table)+1+len(k), table, k))
	}
	return c
}

func noGreeting(net.Conn) error { return nil }

// at returns the same clients of another server, whose answers are not looked
// at.
func (c *clients) at(s *nothing) *clients {
	other := *c
	other.socket, other.pid, other.want = s.socket, s.pid, ""
	return &other
}

// tally is what the clients saw.
type tally struct {
	latencies
	took time.Duration
	cpu  time.Duration // that the server used
}

// rate is the number of requests answered in a second.
func (r *tally) rate() float64 { return float64(r.n) / r.took.Seconds() }

// add adds what other clients saw at another time.
func (r *tally) add(other *tally) {
	r.merge(&other.latencies)
	r.took += other.took
	r.cpu += other.cpu
}

// runFor asks for a time.
func (c *clients) runFor(t *testing.T, d time.Duration) *tally {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return c.run(ctx, t)
}

// run asks until ctx ends. A wrong answer fails the test.
func (c *clients) run(ctx context.Context, t *testing.T) *tally {
	t.Helper()
	results, errs := make([]latencies, c.conns), make([]error, c.conns)
	conns := make([]net.Conn, c.conns)
	for i := range conns {
		nc, err := net.Dial("unix", c.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if err := c.greet(nc); err != nil {
			t.Fatal(err)
		}
		conns[i] = nc
	}
	var all sync.WaitGroup
	began, cpu := time.Now(), cpuTime(t, c.pid)
	for i, nc := range conns {
		all.Go(func() { errs[i] = c.ask(ctx.Done(), nc, i*len(c.requests)/c.conns, &results[i]) })
	}
	all.Wait()
	total := &tally{took: time.Since(began), cpu: cpuTime(t, c.pid) - cpu}
	for i := range results {
		total.merge(&results[i])
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return total
}

// ask is one client. It begins with the request number from, so that no two
// ask for the same at the same time.
func (c *clients) ask(done <-chan struct{}, nc net.Conn, from int, seen *latencies) error {
	buf, stamped := make([]byte, 4096), []byte(nil)
	last := time.Now()
	for i := from; ; i++ {
		select {
		case <-done:
			return nil
		default:
		}
		if i == len(c.requests) {
			i = 0
		}
		request := c.requests[i]
		if c.stamp > 0 {
			request = append(stamped[:0], request...)
			stamped = request
			for n, at := c.stamps.Add(1), c.stamp+9; at >= c.stamp; at-- {
				request[at], n = byte('0'+n%10), n/10
			}
		}
		if _, err := nc.Write(request); err != nil {
			return err
		}
		reply, err := c.read(nc, buf)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(reply, []byte(c.want)) {
			return fmt.Errorf("%s is answered %q", c.requests[i], reply)
		}
		now := time.Now()
		seen.add(now.Sub(last))
		last = now
	}
}

// readReply reads one netstring and returns its content.
func readReply(nc io.Reader, buf []byte) ([]byte, error) {
	for n := 0; ; {
		m, err := nc.Read(buf[n:])
		if err != nil {
			return nil, err
		}
		n += m
		colon := bytes.IndexByte(buf[:n], ':')
		if colon < 0 {
			continue
		}
		size := 0
		for _, c := range buf[:colon] {
			size = size*10 + int(c-'0')
		}
		if end := colon + 1 + size; n == end+1 && buf[end] == ',' && size > 0 {
			return buf[colon+1 : end], nil
		} else if n > end {
			return nil, fmt.Errorf("the reply %q is no netstring", buf[:n])
		}
	}
}

// readLine reads one line and returns it with its end.
func readLine(nc io.Reader, buf []byte) ([]byte, error) {
	for n := 0; ; {
		m, err := nc.Read(buf[n:])
		if err != nil {
			return nil, err
		}
		if n += m; buf[n-1] == '\n' {
			return buf[:n], nil
		}
	}
}

// cpuTime returns what a process has used so far: clock_gettime(2) of the clock
// that clock_getcpuclockid(3) names.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	const scheduled = 2 // user and system, to the nanosecond
	var at unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &at); err != nil {
		t.Fatalf("processor time of %d: %v", pid, err)
	}
	return time.Duration(at.Nano())
}
