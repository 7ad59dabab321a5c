//go:build bench

package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
)

// nothingSocket and nothingSays are the environment variables that turn this test
// program into the do-nothing server.
const (
	nothingSocket = "VMAPD_BENCH_NOTHING"
	nothingSays   = "VMAPD_BENCH_SAYS"
)

// says is what the do-nothing server says. The zero says is that of socketmap;
// else requests are lines.
type says struct {
	Greeting string // at first
	Silent   int    // how many of the first lines get no answer
	Answer   string // to each line after those
	End      string // of a request, if that is not the end of a line
}

// TestNothingServer is the do-nothing server when startNothing runs it: it reads
// a netstring or a line, looks at nothing but where it ends, and writes one fixed
// answer. It is as good as a server in Go can be that has nothing to say.
func TestNothingServer(t *testing.T) {
	path := os.Getenv(nothingSocket)
	if path == "" {
		t.Skip("TestBench runs it")
	}
	var s says
	if err := json.Unmarshal([]byte(os.Getenv(nothingSays)), &s); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	for {
		nc, err := ln.Accept()
		switch {
		case err != nil:
			t.Fatal(err)
		case s.Answer == "":
			go answerNothing(nc)
		default:
			go s.answerLines(nc)
		}
	}
}

// answerLines is answerNothing for lines.
func (s says) answerLines(nc net.Conn) {
	defer nc.Close()
	if _, err := nc.Write([]byte(s.Greeting)); err != nil {
		return
	}
	answer, buf := []byte(s.Answer), make([]byte, 4096)
	stop := []byte(cmp.Or(s.End, "\n"))
	cut := func(b []byte) int {
		if at := bytes.Index(b, stop); at >= 0 {
			return at + len(stop)
		}
		return 0
	}
	for have, lines := 0, 0; ; {
		n, err := nc.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		end := cut(buf[:have])
		for ; end > 0; end = cut(buf[:have]) {
			have = copy(buf, buf[end:have])
			if lines++; lines <= s.Silent {
				continue
			}
			if _, err := nc.Write(answer); err != nil {
				return
			}
		}
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

// nothing is a running do-nothing server.
type nothing struct {
	socket string
	pid    int
}

// startNothing runs the do-nothing server in a process of its own, its socket
// beside that of vmapd, until the test ends.
func startNothing(t *testing.T, dir string, what says) *nothing {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "nothing")
	text, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestNothingServer$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), nothingSocket+"="+socket, nothingSays+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); os.Remove(socket) })
	drill.Await(t, time.Minute, "the do-nothing server listens", func() bool { return listening(socket) })
	return &nothing{socket, cmd.Process.Pid}
}

// benchNothing compares requests in a second with those of the do-nothing
// server, and counts the allocations of vmapd's side.
func benchNothing(t *testing.T, h *benchHost, r *report) {
	v := h.start(t)
	idle := startNothing(t, filepath.Dir(v.socket), says{})
	c := v.clients("aliases", h.size.mailboxKeys(20_000), 4, "OK ").at(idle)
	noise, _ := compareRates(t, c, c)
	r.tell("do-nothing server against itself, 4 connections (noise)", "%.2f", noise)
	for _, table := range []struct {
		name, label string
		keys        []string
		want        string
	}{
		{"aliases", "aliases", h.size.mailboxKeys(20_000), "OK "},
		{"aliases", "aliases, not found", h.size.strangeKeys(20_000), "NOTFOUND "},
		{"sender-login", "sender-login", h.size.mailboxKeys(20_000), "OK "},
		{"domains", "domains", h.size.domainKeys(20_000), "OK "},
	} {
		var cpu samples
		for _, conns := range []int{1, 4, 16} {
			c := v.clients(table.name, table.keys, conns, table.want)
			rates, costs := compareRates(t, c, c.at(idle))
			r.atLeast(fmt.Sprintf("%s: requests/s ÷ do-nothing server's, %d connections", table.label, conns), "%.2f", rates, 0.9)
			cpu = append(cpu, costs...)
		}
		r.tell(table.label+": processor time of a request ÷ do-nothing server's", "%.2f", cpu)
		c := v.clients(table.name, table.keys, 4, table.want)
		r.atMost(table.label+": allocations per lookup", "%.3f", samples{v.allocations(t, c)}, 0.05)
	}
}

// compareRates lets two sets of clients take turns and returns, one a round,
// the ratios of a's rate to b's and of what a request costs the servers. A
// round is many short turns, each with connections of its own: which processor
// a client and its server are put on decides for the life of a connection how
// soon they hear from each other.
func compareRates(t *testing.T, a, b *clients) (rates, costs samples) {
	t.Helper()
	const rounds, turns, each = 7, 10, 100 * time.Millisecond
	a.runFor(t, each) // caches
	b.runFor(t, each)
	for range rounds {
		var x, y tally
		for range turns {
			x.add(a.runFor(t, each))
			y.add(b.runFor(t, each))
		}
		rates = append(rates, x.rate()/y.rate())
		costs = append(costs, (x.cpu.Seconds()/float64(x.n))/(y.cpu.Seconds()/float64(y.n)))
	}
	return rates, costs
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
