package db

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// fileLock is a lock on a file that is there for nothing else: the kernel ends
// it with the process.
type fileLock struct {
	f    *os.File
	info os.FileInfo
}

// lockFile locks the file at path, which gets the owner of another one if it is
// root that makes it.
func lockFile(path, like string) (holder, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(like); err == nil && os.Geteuid() == 0 {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(sys.Uid), int(sys.Gid)) // who cannot open it says so
		}
	}
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	l := &fileLock{f: f}
	if err == nil {
		l.info, err = f.Stat()
	}
	if err == nil {
		err = l.same()
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return l, nil
}

// same is an error if there is another file by now, which others would lock.
func (l *fileLock) same() error {
	now, err := os.Stat(l.f.Name())
	if err == nil && !os.SameFile(now, l.info) {
		err = errors.New("the file was replaced")
	}
	return err
}

func (l *fileLock) check(context.Context) error { return l.same() }

func (l *fileLock) release() { _ = l.f.Close() }
