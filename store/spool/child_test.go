package spool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// The test binary runs again as a child when this is in the environment.
const (
	childMode = "SPOOL_TEST_CHILD" // "load" or "obey"
	childPath = "SPOOL_TEST_PATH"
	childURL  = "SPOOL_TEST_URL" // of Modoboa's tables
)

func child() int {
	if err := childMain(os.Getenv(childMode)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func childMain(mode string) error {
	d, err := db.Open(os.Getenv(childURL), db.Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	s, err := spool.Open(os.Getenv(childPath), spool.Options{Gather: 1})
	if err != nil {
		return err
	}
	if mode == "load" {
		go s.Run(context.Background(), &modoboa.WriteBack{DB: d})
		return childLoad(s)
	}
	return childObey(s, &modoboa.WriteBack{DB: d})
}

// childLoad writes as fast as it can, until killed, numbers above the one that
// its standard input says, and says what was acknowledged: "user number".
func childLoad(s *spool.Spool) error {
	var base int64
	if _, err := fmt.Scan(&base); err != nil {
		return err
	}
	errs := make(chan error)
	for u := range loadUsers {
		go func() {
			for n := base + 1; ; n++ {
				if err := s.Put(context.Background(), quota(u, n)); err != nil {
					errs <- err
					return
				}
				fmt.Printf("%d %d\n", u, n) // one write(2), so whole lines
			}
		}()
	}
	return <-errs
}

// childObey does what its standard input says, and answers each line.
func childObey(s *spool.Spool, sink spool.Sink) error {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGXFSZ) // write(2) then says EFBIG
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var err error
		var user int
		var n int64
		answer := "ok"
		word, rest, _ := strings.Cut(in.Text(), " ")
		_, _ = fmt.Sscan(rest, &user, &n)
		switch word {
		case "put":
			err = s.Put(ctx, quota(user, n))
		case "get":
			w, _ := s.Get(modoboa.KindQuota, fmt.Sprintf("u%d@example.test", user))
			answer = string(w.Value)
		case "pending":
			answer = fmt.Sprint(s.Stats().Pending)
		case "limit":
			limit := syscall.Rlimit{Cur: uint64(user), Max: 1 << 40}
			err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		case "run":
			running.Go(func() { _ = s.Run(ctx, sink) })
		default:
			err = errors.New("what?")
		}
		if err != nil {
			answer = err.Error()
		}
		fmt.Println(answer)
	}
	cancel()
	running.Wait()
	return errors.Join(s.Close(), in.Err())
}

// process is a child of the test.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startChild(t *testing.T, mode, path, url string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childMode+"="+mode, childPath+"="+path, childURL+"="+url)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	p := &process{t, cmd, in, bufio.NewReader(out)}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return p
}

// ask gives an order to a child that obeys.
func (p *process) ask(format string, args ...any) string {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the child ended: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *process) end() {
	p.t.Helper()
	_ = p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatal(err)
	}
}
