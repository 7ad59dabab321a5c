package alarm

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// The test binary runs again as a child when these are in the environment.
const (
	childPath = "ALARM_TEST_PATH"
	childURL  = "ALARM_TEST_URL"
)

// child opens and closes alarms without end, until it is killed. It says which
// are open for good once the file has them: "domain number".
func child() int {
	d, err := db.Open(os.Getenv(childURL), db.Options{MustExist: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	b := New(Options{Path: os.Getenv(childPath), Database: func() *db.DB { return d }, Tick: time.Millisecond})
	go b.Run(context.Background())
	for i := 0; ; i++ {
		kind := fmt.Sprintf("domain_mx_in_dnsbl_%d.%d", os.Getpid(), i)
		b.Open(kind, "one.test", kind, "")
		b.Open("flapping", "two.test", "t", "")
		for !b.kept(kind) {
			time.Sleep(time.Millisecond)
		}
		fmt.Println(kind) // one write(2)
		b.Close("flapping", "two.test")
	}
}

// kept reports whether the file has an alarm of a kind.
func (b *Book) kept(kind string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.held[key{kind, "one.test"}]
	return r != nil && r.number > 0
}

// TestKilled kills the process again and again, at any moment. Each alarm that
// the file had becomes one row, whether the database was there or not.
func TestKilled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := fill(t, url)
		dir := t.TempDir()
		var said []string
		for round := range 6 {
			away := round%2 == 1
			u := url
			if away {
				u = "postgres://nobody@127.0.0.1:1/away"
			}
			said = append(said, runChild(t, dir+"/alarms.db", u, time.Duration(100+rand.IntN(300))*time.Millisecond)...)
		}
		if len(said) == 0 {
			t.Fatal("no child has said anything")
		}
		n := start(t, dir, just(d))
		defer n.stop()
		for len(n.writer.jobs()) > 0 {
			if err := again(n); err != nil {
				t.Fatal(err)
			}
		}
		rows, open := map[string]int{}, 0
		for _, r := range rowsOf(t, d) {
			kind, rest, _ := strings.Cut(r, " ")
			rows[kind]++
			if kind == "flapping" && strings.HasSuffix(rest, " 1") {
				open++
			}
		}
		for _, kind := range said {
			if rows[kind] != 1 {
				t.Errorf("%s: %d rows", kind, rows[kind])
			}
		}
		if open > 1 {
			t.Errorf("%d open rows of one alarm", open)
		}
	})
}

// runChild runs a child for a while and returns the kinds that it said.
func runChild(t *testing.T, path, url string, d time.Duration) (said []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path, childURL+"="+url)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if lines.Scan() { // it is at work
		said = append(said, lines.Text())
	}
	time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	_ = cmd.Wait()
	return said
}
