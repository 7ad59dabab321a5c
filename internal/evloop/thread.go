//go:build linux

package evloop

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// threadControl is what is done to the thread of a loop.
type threadControl interface {
	processor() int                 // where it runs, -1 if that is not to be known
	allowed() *unix.CPUSet          // where it may run
	enter(processor int) error      // begins to run as in a sprint
	move() error                    // goes to another processor and stays there
	leave() error                   // runs as before
	waited() (time.Duration, error) // for a processor, since it began
	release()                       // the goroutine may go to other threads
}

// letGo has a thread run as before, and its goroutine may go to others. If the system
// refuses that the thread stays this goroutine's: nobody else shall have it.
func letGo(t threadControl) error {
	err := t.leave()
	if err == nil {
		t.release()
	}
	return err
}

// thread is that of a goroutine which does not leave it until release.
type thread struct {
	set   unix.CPUSet
	stats int // descriptor of schedstat, proc(5); -1: not open
}

// holdThread keeps the goroutine on its thread. It returns nil under a policy that
// somebody has chosen, and where that is not to be known.
func holdThread() threadControl {
	runtime.LockOSThread()
	policy, _, errno := unix.RawSyscall(unix.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
	t := &thread{stats: -1}
	if errno != 0 || policy != schedOther || unix.SchedGetaffinity(0, &t.set) != nil {
		t.release()
		return nil
	}
	return t
}

func (t *thread) release() {
	if t.stats >= 0 {
		_ = unix.Close(t.stats)
	}
	runtime.UnlockOSThread()
}

func (t *thread) processor() int {
	var n uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&n)), 0, 0); errno != 0 {
		return -1
	}
	return int(n)
}

func (t *thread) allowed() *unix.CPUSet { return &t.set }

func (t *thread) enter(processor int) error {
	if err := stay(processor); err != nil {
		return err
	}
	return setPolicy(schedBatch)
}

func (t *thread) move() error {
	others := t.set
	others.Clear(t.processor())
	if err := unix.SchedSetaffinity(0, &others); err != nil { // EINVAL: there is no other
		return err
	}
	if others.Count() == 1 {
		return nil
	}
	return stay(t.processor())
}

// stay confines the thread to a processor.
func stay(processor int) error {
	var one unix.CPUSet
	one.Set(processor)
	return unix.SchedSetaffinity(0, &one)
}

func (t *thread) leave() error {
	if err := unix.SchedSetaffinity(0, &t.set); err != nil {
		return err
	}
	return setPolicy(schedOther)
}

// The policies, sched(7).
const (
	schedOther = 0
	schedBatch = 3
)

func setPolicy(policy uintptr) error {
	var priority int32
	if _, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, policy, uintptr(unsafe.Pointer(&priority))); errno != 0 {
		return os.NewSyscallError("sched_setscheduler", errno)
	}
	return nil
}

// waited reads the second number: nanoseconds on the run queue.
func (t *thread) waited() (time.Duration, error) {
	var b [128]byte
	if t.stats < 0 {
		var err error
		if t.stats, err = unix.Open("/proc/thread-self/schedstat", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return 0, os.NewSyscallError("open schedstat", err)
		}
	}
	n, err := unix.Pread(t.stats, b[:], 0)
	if err != nil {
		return 0, os.NewSyscallError("read schedstat", err)
	}
	_, rest, _ := bytes.Cut(b[:n], []byte(" "))
	number, _, _ := bytes.Cut(rest, []byte(" "))
	ns, err := strconv.ParseInt(string(number), 10, 64)
	return time.Duration(ns), err
}
