package sendlimit

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// journal is the file of an engine: all that was known at some time, and after
// it whatever has changed since.
type journal struct {
	path string
	tell func(error) // each failure, once

	mu      sync.Mutex
	lock    *lock    // nil: another process has the file, or there is none
	f       *os.File // nil: nothing can be appended
	size    int64    // of what is whole
	began   int64    // size when it was rewritten last
	unsaved bool     // bytes are not on the disk yet
	lost    bool     // something is not in the file: it has to be rewritten
	told    bool     // the present failure was told
	tee     []byte   // records since rewriting began
	teeing  bool
	closed  bool

	commits
}

func newJournal(path string, tell func(error)) *journal {
	j := &journal{path: path, tell: tell}
	j.turn.L = &j.mu
	return j
}

// report tells a failure, and the end of one.
func (j *journal) report(err error) {
	if err == nil {
		return
	}
	j.mu.Lock()
	news := !j.told
	j.told = true
	j.mu.Unlock()
	if news {
		j.tell(&StorageError{j.path, err})
	}
}

// sync brings to the disk what was appended.
func (j *journal) sync() error {
	j.mu.Lock()
	f, unsaved := j.f, j.unsaved
	j.unsaved = false
	j.mu.Unlock()
	if f == nil || !unsaved {
		return nil
	}
	err := f.Sync()
	if err == nil || errors.Is(err, os.ErrClosed) { // replaced meanwhile: that is on the disk
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lost = true // nobody knows what of it
	return err
}

// due reports whether the file is to be rewritten.
func (j *journal) due() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lock != nil && !j.closed && (j.lost || j.size > 2*j.began+rewriteAt)
}

// rewriteAt is how many bytes may be appended, and as many as there were, before
// the file is rewritten.
const rewriteAt = 4 << 20

// replace puts a new file in place of the old one. write is called with no lock
// held, and gives all that is known; what is appended meanwhile comes after it.
func (j *journal) replace(write func(io.Writer) error) error {
	j.mu.Lock()
	j.tee, j.teeing = nil, true
	j.mu.Unlock()
	f, err := j.writeNew(write)
	j.mu.Lock()
	if err == nil {
		j.pause()
		err = j.adopt(f)
	}
	j.tee, j.teeing = nil, false
	j.mu.Unlock()
	if err == nil {
		return syncFolder(j.path)
	}
	if f != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	return err
}

// writeNew writes all that is known, and what was appended while that took its
// time, so that little of it is left.
func (j *journal) writeNew(write func(io.Writer) error) (*os.File, error) {
	f, err := os.OpenFile(j.path+"-new", os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	err = write(f)
	j.mu.Lock()
	tee := j.tee
	j.tee = nil
	j.mu.Unlock()
	_, more := f.Write(tee)
	return f, errors.Join(err, more, f.Sync())
}

// adopt makes a new file the one that is appended to. Nobody waits for the disk
// here: what is left goes there with what is appended next. j.mu is held.
func (j *journal) adopt(f *os.File) error {
	if _, err := f.Write(j.tee); err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), j.path); err != nil {
		return err
	}
	if j.f != nil {
		_ = j.f.Close()
	}
	j.f, j.size, j.began, j.unsaved, j.lost, j.told = f, size, size, len(j.tee) > 0, false, false
	j.settle() // what waits is in the new file
	return nil
}

// close gives the file up. Nobody may be counting any more.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.writeUpTo(j.last)
	if j.f != nil {
		err = errors.Join(err, j.f.Sync(), j.f.Close())
	}
	j.lock.release()
	j.f, j.lock, j.closed = nil, nil, true
	return err
}

// setAside moves a damaged file away, and gives its new name; empty if that
// failed.
func setAside(path string, at time.Time) string {
	to := path + ".damaged-" + at.UTC().Format("20060102T150405.000")
	if err := os.Rename(path, to); err != nil {
		return ""
	}
	return to
}

// syncFolder makes a rename last.
func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
