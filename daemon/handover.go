package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// handoverLimit is how long a new process may take until it serves.
const handoverLimit = 2 * time.Minute

// handover is the side of the process that goes: on SIGUSR2 it starts its
// successor, which inherits the listening sockets (inheritance.go), and ends
// when that one serves. Whatever goes wrong before, it stays. The other side is
// in takeover.go.
type handover struct {
	program string        // the path this process was started from; what stands there now is started
	limit   time.Duration // until the successor must serve
	busy    atomic.Bool   // an attempt is under way, or has succeeded
	heir    *os.Process   // serves in our place; guarded by Daemon.reload
	legacy  legacy        // what is left to it
}

// findProgram gives the absolute path that this process was started by. Unlike
// os.Executable it follows no link: an upgrade may point it elsewhere.
func findProgram() string {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		path, _ = os.Executable()
	}
	return path
}

// beforeHandover brings to disk what a successor can begin with.
func (d *Daemon) beforeHandover(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.handover.limit)
	defer cancel()
	d.store.Save(ctx) //nolint:errcheck // logged by loads.file; the successor reads the database then
}

// requestHandover has the task of hand-overs begin one. It never waits.
func (d *Daemon) requestHandover(requests chan<- struct{}) {
	if !d.handover.busy.CompareAndSwap(false, true) {
		d.log.Warn("SIGUSR2 ignored: a new process is taking over already")
		return
	}
	requests <- struct{}{}
}

// handovers hands over whenever it is asked to, one attempt at a time, and
// calls leave when a successor serves.
func (d *Daemon) handovers(ctx context.Context, requests <-chan struct{}, leave func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-requests:
			if d.handOver(ctx) {
				leave()
				return
			}
			d.handover.busy.Store(false)
		}
	}
}

// handOver starts a successor and reports whether it serves. The listeners
// cannot change meanwhile: a reload waits for the end of the attempt.
func (d *Daemon) handOver(ctx context.Context) bool {
	d.reload.Lock()
	defer d.reload.Unlock()
	if ctx.Err() != nil {
		return false
	}
	if os.Getpid() == 1 {
		d.log.Error("SIGUSR2 ignored: this is process 1 of a container, which ends with it", zap.String("remedy", "restart the container"))
		return false
	}
	d.beforeHandover(ctx)
	s, err := d.startSuccessor()
	if err == nil {
		d.log.Info("started a new process; this one serves until that one does", zap.String("program", d.handover.program), zap.Int("new_pid", s.pid()))
		err = s.await(ctx, d.handover.limit)
	}
	if err != nil {
		if s != nil {
			_ = s.line.Close()
		}
		d.stay(ctx, err)
		return false
	}
	d.handover.heir = s.cmd.Process
	s.line.SetDeadline(time.Now().Add(heritageLimit)) //nolint:errcheck // writing says it
	d.handover.legacy.begin(s.line)
	d.disown()
	d.notify(fmt.Sprintf("MAINPID=%d", s.pid()))
	d.quiet.Store(true)
	d.log.Info("the new process serves: handing over", zap.Int("new_pid", s.pid()))
	return true
}

// stay undoes what a successor that failed may have changed.
func (d *Daemon) stay(ctx context.Context, err error) {
	d.mu.Lock()
	for _, p := range d.allPorts() {
		if adjustErr := p.socket.adjust(&p.cfg); adjustErr != nil {
			p.gate.log.Error("cannot give the socket its permissions back", zap.Error(adjustErr), zap.String("remedy", "set them by hand, or restart vmapd"))
		}
	}
	d.mu.Unlock()
	if ctx.Err() != nil {
		d.log.Info("the new process ends too")
		return
	}
	d.log.Error("the restart failed, this process goes on serving", zap.Error(err), zap.String("remedy", remedyOf(err)))
	d.notify("STATUS=a restart failed, the old process goes on: " + err.Error())
}

// disown leaves the files of the sockets to the successor.
func (d *Daemon) disown() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.allPorts() {
		p.socket.file = nil
	}
}

// passOn gives a signal to the process that has taken over: whoever sent it
// here cannot know of that one.
func (d *Daemon) passOn(s os.Signal) {
	if d.handover.heir == nil {
		return
	}
	d.log.Info("passing the signal on to the new process", zap.Stringer("signal", s), zap.Int("new_pid", d.handover.heir.Pid))
	d.handover.heir.Signal(s) //nolint:errcheck // it may have ended
}

// passOnRest passes on what came after drain had its last look.
func (d *Daemon) passOnRest(signals <-chan os.Signal) {
	for {
		select {
		case s := <-signals:
			if s != syscall.SIGUSR2 {
				d.passOn(s)
			}
		default:
			return
		}
	}
}

// handoverError is a reason to stay, with a remedy.
type handoverError struct {
	error
	remedy string
}

func (e *handoverError) Remedy() string { return e.remedy }

// patience is how long a process that ends may take before the next stronger
// signal.
const patience = 3 * time.Second

// await waits until the successor says that it serves and lets it have the
// sockets for good. If anything else happens it makes the successor end.
func (s *successor) await(ctx context.Context, limit time.Duration) error {
	_ = s.line.SetReadDeadline(time.Now().Add(limit)) // reading says it
	defer context.AfterFunc(ctx, func() { _ = s.line.SetReadDeadline(time.Unix(1, 0)) })()
	word := make([]byte, len(readyWord))
	_, err := io.ReadFull(s.line, word)
	switch {
	case err == nil && string(word) == readyWord && ctx.Err() == nil:
		if _, err = io.WriteString(s.line, yoursWord); err == nil {
			return nil
		}
	case isTimeout(err):
		s.dismiss(0)
		return &handoverError{
			fmt.Errorf("the new process %d did not serve within %v and was ended", s.pid(), limit),
			"its own log lines say how far it came: it serves when it has read the database; then send SIGUSR2 again",
		}
	}
	s.dismiss(patience)
	return &handoverError{
		fmt.Errorf("the new process %d ended before it served: %v", s.pid(), s.cmd.ProcessState),
		"its own log lines say why: correct that (vmapd config check) and send SIGUSR2 again",
	}
}

// dismiss waits for the end of the process and hastens it after a while, first
// gently: it then removes the sockets that it has made.
func (s *successor) dismiss(wait time.Duration) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.cmd.Wait() //nolint:errcheck // ProcessState has it
	}()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-ended:
			return
		case <-time.After(wait):
		}
		if err := s.cmd.Process.Signal(signal); errors.Is(err, os.ErrProcessDone) {
			break
		}
		wait = patience
	}
	<-ended
}
