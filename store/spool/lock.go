package spool

import (
	"errors"
	"os"
	"syscall"
)

// lock is an advisory lock on a file of its own (flock(2)): SQLite's locks on
// the spool file are POSIX ones, which closing any descriptor of that file
// would drop. The kernel releases it when the process ends, however it ends.
type lock struct{ f *os.File }

func openLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &lock{f}, nil
}

// share waits for a shared lock.
func (l *lock) share() error { return l.flock(syscall.LOCK_SH) }

// try takes the lock alone, or returns false if others hold it.
func (l *lock) try() (bool, error) {
	err := l.flock(syscall.LOCK_EX | syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func (l *lock) flock(how int) error {
	for {
		err := syscall.Flock(int(l.f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (l *lock) close() { _ = l.f.Close() }
