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
	path   string
	tell   func(error) // each failure, once
	mapped bool        // files are mapped if possible; tests have it false, too

	mu     sync.Mutex
	lock   *lock  // nil: another process has the file, or there is none
	lost   bool   // something is not in the file: it has to be rewritten
	told   bool   // the present failure was told
	tee    []byte // records since rewriting began
	teeing bool
	closed bool

	// Two locks are held to change which file it is, one of them to use it.
	out *output // nil: nothing can be appended

	commits
	unsaved bool  // bytes are not on the disk yet; of appending
	began   int64 // size when it was rewritten last; of appending
}

func newJournal(path string, tell func(error)) *journal {
	return &journal{path: path, tell: tell, mapped: true}
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

// sync brings to the disk what was appended. Most of it goes there before anybody
// has to wait for the disk.
func (j *journal) sync() error {
	sent := j.send()
	o, err := j.beginSync()
	if o == nil {
		return nil
	}
	if err = errors.Join(err, sent); err == nil {
		err = o.sync()
	}
	if err == nil {
		err = j.endSync(o)
	}
	if err == nil || errors.Is(err, os.ErrClosed) { // replaced meanwhile: that is on the disk
		return nil
	}
	j.loses() // nobody knows what of it
	return err
}

// beginSync gives the file if something of it is to be brought to the disk, and
// what is wrong with it.
func (j *journal) beginSync() (*output, error) {
	j.appending.Lock()
	defer j.appending.Unlock()
	o := j.out
	if o == nil {
		return nil, nil
	}
	o.tire()
	j.noteRoom()
	if !j.unsaved {
		return nil, nil
	}
	j.unsaved = false
	return o, o.whole()
}

func (j *journal) endSync(o *output) error {
	j.appending.Lock()
	defer j.appending.Unlock()
	defer j.noteRoom()
	o.relax()
	return o.prepare(o.size)
}

// send sends pages to the disk, as long as they are many, but not for ever: others
// fill new ones.
func (j *journal) send() error {
	for range 3 {
		j.appending.Lock()
		o := j.out
		if o == nil || !o.mapped || pageOf(o.size)-o.sent < sendFrom {
			j.appending.Unlock()
			return nil
		}
		to := pageOf(o.size)
		j.appending.Unlock()
		if err := o.send(to); err != nil {
			return err
		}
	}
	return nil
}

// sendFrom is how many bytes are many.
const sendFrom = 256 << 10

// due reports whether the file is to be rewritten.
func (j *journal) due() bool {
	j.appending.Lock()
	defer j.appending.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	grown := j.out != nil && j.out.size > 2*j.began+rewriteAt
	return j.lock != nil && !j.closed && (j.lost || grown)
}

// rewriteAt is how many bytes may be appended, and as many as there were, before
// the file is rewritten.
const rewriteAt = 4 << 20

// replace puts a new file in place of the old one. write is called with no lock
// held, and gives all that is known; what is appended meanwhile comes after it.
func (j *journal) replace(write func(io.Writer) error) error {
	j.startTee(true)
	o, err := j.writeNew(write)
	var old *output
	if err == nil {
		old, err = j.adopt(o)
	}
	j.startTee(false)
	if old != nil {
		old.close() // with no lock: the disk takes back all of its blocks
	}
	if err == nil {
		return syncFolder(j.path)
	}
	if o != nil {
		o.close()
		_ = os.Remove(o.f.Name())
	}
	return err
}

// startTee begins to keep what is put, for a new file, or ends that.
func (j *journal) startTee(on bool) {
	j.mu.Lock()
	j.tee, j.teeing = nil, on
	j.mu.Unlock()
}

// writeNew writes all that is known, and what was put while that took its time, so
// that little of it is left.
func (j *journal) writeNew(write func(io.Writer) error) (*output, error) {
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
	size, at := f.Seek(0, io.SeekCurrent)
	err = errors.Join(err, more, at, f.Sync())
	return newOutput(f, size, j.mapped && err == nil), err
}

// adopt makes a new file the one that is appended to, and gives the one that was,
// if any. Nobody waits for the disk here: what is left goes there with what is
// appended next.
func (j *journal) adopt(o *output) (old *output, err error) {
	j.appending.Lock()
	defer j.appending.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	began := o.size
	if err := o.append(j.tee); err != nil {
		return nil, err
	}
	if err := os.Rename(o.f.Name(), j.path); err != nil {
		return nil, err
	}
	old, j.out = j.out, o
	j.noteRoom()
	j.began, j.unsaved, j.lost, j.told = o.size, o.size > began, false, false
	j.settle() // what waits is in the new file
	return old, nil
}

// close gives the file up. Nobody may be counting any more.
func (j *journal) close() error {
	j.appending.Lock()
	defer j.appending.Unlock()
	err := j.appendAll()
	if o := j.out; o != nil {
		err = errors.Join(err, o.trim(), o.sync(), o.f.Close())
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lock.release()
	j.out, j.lock, j.closed = nil, nil, true
	j.noteRoom()
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
