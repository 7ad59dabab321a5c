package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// spoolDrills have a process put quota usage into the daemon's spool, as the
// protocols do that take it, and compare the database with what was
// acknowledged.
func spoolDrills(servers string) []failureDrill {
	return []failureDrill{
		{"writes, database killed", servers, "postgres", func(g *stage) { g.writes(g.kill, g.startServer) }},
		{"writes, database hangs", servers, "", func(g *stage) { g.writes(g.pause, g.resume) }},
		{"writes, network stalls", servers, "", func(g *stage) { g.writes(func() { g.proxy.Stall() }, g.mend) }},
		{"writes, everything killed", servers, "", everythingKilled},
	}
}

// putting is the environment variable that makes this test program a putter:
// the file of the spool.
const putting = "VMAPD_DRILL_SPOOL"

// putKeys is how many mailboxes have their usage reported, again and again.
const putKeys = 100

// putPause keeps the load of the writes the same, some 1,500 in a second, while
// the database takes none of the processor: rates of answers are compared.
const putPause = 2 * time.Millisecond

func putKey(i int) string { return fmt.Sprintf("u%d@d%d.drill.test", 1+i%10, 1+i/10) }

// TestSpoolPutter puts growing quotas into a spool, when a drill runs it, and
// prints each that was acknowledged: which mailbox, how many bytes.
func TestSpoolPutter(t *testing.T) {
	path := os.Getenv(putting)
	if path == "" {
		t.Skip("a drill runs it")
	}
	s, err := spool.Open(path, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the drill
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	var all sync.WaitGroup
	for first := range 4 {
		all.Go(func() {
			for n, i := int64(time.Now().UnixMicro()), first; ; n, i = n+1, (i+4)%putKeys {
				if err := s.Put(t.Context(), modoboa.QuotaWrite(putKey(i), n, n%1000, time.Now())); err != nil {
					fmt.Println("failed", err)
					continue
				}
				// One write: lines do not mix.
				_, _ = os.Stdout.WriteString(fmt.Sprintf("ack %d %d\n", i, n))
				time.Sleep(putPause)
			}
		})
	}
	all.Wait()
}

// putter is a process that puts, and what it was told is safe.
type putter struct {
	cmd  *exec.Cmd
	done chan error

	mu    sync.Mutex
	acked map[int]int64
	n     int
}

// startPutter puts into the spool of a daemon until it is killed; acked is what
// was acknowledged before.
func (g *stage) startPutter(acked map[int]int64) *putter {
	g.Helper()
	program, err := os.Executable()
	if err != nil {
		g.Fatal(err)
	}
	p := &putter{cmd: exec.Command(program, "-test.run=^TestSpoolPutter$", "-test.timeout=0"), done: make(chan error, 1), acked: acked}
	p.cmd.Env = append(os.Environ(), putting+"="+g.v.State+"/spool.db")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		g.Fatal(err)
	}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		g.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		g.Fatal(err)
	}
	read := make(chan struct{})
	go func() { defer close(read); p.read(bufio.NewScanner(out)) }()
	go func() { <-read; p.done <- p.cmd.Wait() }()
	g.Cleanup(func() { in.Close(); p.kill() })
	return p
}

func (p *putter) read(lines *bufio.Scanner) {
	for lines.Scan() {
		var i int
		var n int64
		if _, err := fmt.Sscanf(lines.Text(), "ack %d %d", &i, &n); err == nil {
			p.mu.Lock()
			p.acked[i], p.n = n, p.n+1
			p.mu.Unlock()
		}
	}
}

// kill ends the putter in the midst of what it does, and returns what was
// acknowledged.
func (p *putter) kill() map[int]int64 {
	_ = p.cmd.Process.Kill()
	err := <-p.done
	p.done <- err
	return p.acked
}

// count is the number of writes that were acknowledged.
func (p *putter) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// writes has quotas reported while the database goes away and comes back: all
// that was acknowledged is in the database in the end, and reporting goes on
// meanwhile.
func (g *stage) writes(away, back func()) {
	g.set()
	g.run()
	p := g.startPutter(map[int]int64{})
	drill.Await(g.T, time.Minute, "writes are acknowledged", func() bool { return p.count() > 100 })
	g.fault(away, func() {
		before := p.count()
		drill.Await(g.T, time.Minute, "writes are acknowledged without a database", func() bool { return p.count() > before })
		g.rises("vmapd_spool_pending", 0)
	})
	back()
	began := time.Now()
	g.recover(began, g.v)
	g.acknowledged(p.kill())
	g.Logf("%d writes; all that was acknowledged is in the database %v after its return", p.count(), time.Since(began))
	g.judge("after the fault", g.clients.Turn())
	g.metric("vmapd_spool_pending", 0)
	g.metric("vmapd_spool_dead", 0)
	g.end()
}

// everythingKilled kills who writes, the daemon and the database, while the
// spool is full.
func everythingKilled(g *stage) {
	g.set()
	g.run()
	acked := map[int]int64{}
	for range 3 {
		p := g.startPutter(acked)
		drill.Await(g.T, time.Minute, "writes are acknowledged", func() bool { return p.count() > 200 })
		g.kill()
		more := p.count() + 200
		drill.Await(g.T, time.Minute, "writes are acknowledged without a database", func() bool { return p.count() > more })
		g.v.Kill()
		acked = p.kill()
		g.v.Start(g.T)
		drill.Await(g.T, time.Minute, "the snapshot on disk is served", g.v.Ready)
		g.start(g.T)
		began := time.Now()
		g.acknowledged(acked)
		g.Logf("all that was acknowledged is in the database %v after its return", time.Since(began))
		g.recover(time.Now(), g.v)
	}
	g.judge("between the kills", g.clients.Turn(), broken)
	g.end()
}

// acknowledged waits until the database has all that was acknowledged, or what
// was reported later.
func (g *stage) acknowledged(acked map[int]int64) {
	g.Helper()
	if len(acked) < putKeys {
		g.Fatalf("only %d mailboxes have had a write acknowledged", len(acked))
	}
	var missing []string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if missing = g.missing(acked); len(missing) == 0 {
			return
		}
	}
	g.Errorf("%d acknowledged writes are not in the database, such as %q", len(missing), missing[:min(len(missing), 5)])
}

func (g *stage) missing(acked map[int]int64) (missing []string) {
	g.Helper()
	cast := map[string]string{"mariadb": "cast(bytes as char)"}[g.engine]
	if cast == "" {
		cast = "cast(bytes as text)"
	}
	query := "select username || ' ' || " + cast + " from admin_quota where username like '%.drill.test'"
	if g.engine == "mariadb" {
		query = "select concat(username, ' ', " + cast + ") from admin_quota where username like '%.drill.test'"
	}
	bytes := map[string]int64{}
	for _, row := range g.column(query) {
		name, value, _ := strings.Cut(row, " ")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			g.Fatal(errors.Join(fmt.Errorf("row %q", row), err))
		}
		bytes[name] = n
	}
	for i, n := range acked {
		if got := bytes[putKey(i)]; got < n {
			missing = append(missing, fmt.Sprintf("%s: %d, has %d", putKey(i), n, got))
		}
	}
	return missing
}
