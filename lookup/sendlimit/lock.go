package sendlimit

import (
	"errors"
	"os"
	"syscall"
)

// lock is an advisory lock on a file of its own (flock(2)): the file of counts
// is replaced now and then. The kernel releases it when the process ends, however
// it ends.
type lock struct{ f *os.File }

// tryLock takes the lock; nil if another process has it.
func tryLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return &lock{f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	return nil, err
}

func (l *lock) release() {
	if l != nil {
		_ = l.f.Close()
	}
}
