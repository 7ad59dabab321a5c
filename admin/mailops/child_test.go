package mailops_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/store/db"
)

// The test binary runs again as a child when these are in the environment.
const (
	childURL  = "MAILOPS_TEST_URL"
	childRoot = "MAILOPS_TEST_ROOT"
	childStop = "MAILOPS_TEST_STOP" // the step at which it is killed, 0 = never
	childFree = "MAILOPS_TEST_FREE" // without the lock
)

// child carries out what there is, and kills itself at a step.
func child() int {
	d, err := db.Open(os.Getenv(childURL), db.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer d.Close()
	root := os.Getenv(childRoot)
	k := &killer{files: &mailops.Files{Root: root, Depth: 2}}
	k.stop, _ = strconv.Atoi(os.Getenv(childStop))
	k.files.SetStep(func(string) { k.step() })
	if os.Getenv(childFree) != "" {
		k.files.SetUnlocked()
	}
	o := options(d, root, k)
	o.Report = func(r mailops.Result) { k.step(); fmt.Println(r.ID, r.Done, r.Text) }
	if _, err := mailops.NewRunner(o).Run(context.Background(), false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// killer counts steps: those on disk, between the disk and the row, and after
// the row.
type killer struct {
	files   *mailops.Files
	n, stop int
}

func (k *killer) step() {
	if k.n++; k.n == k.stop {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (k *killer) Open(ctx context.Context) (mailops.Session, error) {
	s, err := k.files.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &killerSession{s, k}, nil
}

type killerSession struct {
	mailops.Session
	k *killer
}

func (s *killerSession) Carry(ctx context.Context, op *mailops.Operation, f mailops.Facts, dry bool) (string, error) {
	text, err := s.Session.Carry(ctx, op, f, dry)
	s.k.step()
	return text, err
}

func (s *killerSession) Tidy(ctx context.Context, pending func(int64) bool) ([]mailops.Result, error) {
	return s.Session.(interface {
		Tidy(context.Context, func(int64) bool) ([]mailops.Result, error)
	}).Tidy(ctx, pending)
}

// startChild starts one on a world.
func (w *world) startChild(stop int, free bool) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childURL+"="+w.url, childRoot+"="+w.root, childStop+"="+strconv.Itoa(stop))
	if free {
		cmd.Env = append(cmd.Env, childFree+"=1")
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return cmd
}

// killAt runs a child that is killed at a step, and reports whether it came to
// that.
func (w *world) killAt(stop int) bool {
	w.t.Helper()
	err := w.startChild(stop, false).Wait()
	if err == nil {
		return false
	}
	status, ok := err.(*exec.ExitError).Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		w.t.Fatalf("the child ended otherwise: %v", err)
	}
	return true
}
