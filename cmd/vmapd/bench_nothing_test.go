//go:build bench

package main_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// nothingSocket is the environment variable that turns this test program into
// the do-nothing server.
const nothingSocket = "VMAPD_BENCH_NOTHING"

// TestNothingServer is the do-nothing server when startNothing runs it: it
// reads a netstring, looks at nothing but where it ends, and writes one fixed
// answer. It is as good as a server in Go can be that has nothing to say.
func TestNothingServer(t *testing.T) {
	path := os.Getenv(nothingSocket)
	if path == "" {
		t.Skip("TestBench runs it")
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	for {
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		go answerNothing(nc)
	}
}

func answerNothing(nc net.Conn) {
	defer nc.Close()
	reply := []byte("25:OK somebody@bench.example,")
	buf := make([]byte, 1024)
	for have := 0; ; {
		n, err := nc.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		colon, size := bytes.IndexByte(buf[:have], ':'), 0
		for _, c := range buf[:max(colon, 0)] {
			size = size*10 + int(c-'0')
		}
		if colon < 0 || have < colon+size+2 {
			continue
		}
		have = 0 // a client has one request in flight
		if _, err := nc.Write(reply); err != nil {
			return
		}
	}
}

// startNothing runs the do-nothing server in a process of its own.
func startNothing(t *testing.T, dir string) (socket string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "nothing")
	cmd := exec.Command(program, "-test.run=^TestNothingServer$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), nothingSocket+"="+socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !listening(socket) {
		if ctx.Err() != nil {
			t.Fatal("the do-nothing server does not listen")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return socket
}

// benchNothing compares requests in a second with those of the do-nothing
// server, and counts the allocations of vmapd's side.
func benchNothing(t *testing.T, h *benchHost, r *report) {
	const rounds, each = 7, time.Second
	v := h.start(t)
	nothing := startNothing(t, v.dir)
	c := newClients(v.socket, "aliases", h.size.mailboxKeys(20_000), 4, 'O').at(nothing)
	r.tell("do-nothing server against itself, 4 connections (noise)", "%.2f", compareRates(t, c, c, rounds, each))
	for _, table := range []struct {
		name, label string
		keys        []string
		first       byte
	}{
		{"aliases", "aliases", h.size.mailboxKeys(20_000), 'O'},
		{"aliases", "aliases, not found", h.size.strangeKeys(20_000), 'N'},
		{"sender-login", "sender-login", h.size.mailboxKeys(20_000), 'O'},
		{"domains", "domains", h.size.domainKeys(20_000), 'O'},
	} {
		for _, conns := range []int{1, 4, 16} {
			c := newClients(v.socket, table.name, table.keys, conns, table.first)
			name := fmt.Sprintf("%s: requests/s ÷ do-nothing server's, %d connections", table.label, conns)
			r.atLeast(name, "%.2f", compareRates(t, c, c.at(nothing), rounds, each), 0.9)
		}
		c := newClients(v.socket, table.name, table.keys, 4, table.first)
		r.atMost(table.label+": allocations per lookup", "%.3f", samples{v.allocations(t, c)}, 0.05)
	}
}

// compareRates lets two sets of clients take turns and returns the ratios of
// a's rate to b's, one a round.
func compareRates(t *testing.T, a, b *clients, rounds int, each time.Duration) samples {
	t.Helper()
	a.runFor(t, each/10) // caches
	b.runFor(t, each/10)
	var ratios samples
	for range rounds {
		x := a.runFor(t, each).rate()
		ratios = append(ratios, x/b.runFor(t, each).rate())
	}
	return ratios
}

// allocations returns the heap objects that vmapd makes for one request.
func (v *benchDaemon) allocations(t *testing.T, c *clients) float64 {
	t.Helper()
	const mallocs = "go_memstats_mallocs_total"
	c.runFor(t, 200*time.Millisecond)
	zero := v.metric(t, mallocs)
	before := v.metric(t, mallocs)
	n := c.runFor(t, 2*time.Second).n
	after := v.metric(t, mallocs)
	return max(0, (after-before)-(before-zero)) / float64(n) // less those of the question itself
}
