package mailops

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// removal removes one tree, however deep and wide it is, in constant memory and
// with three open files: what lies deeper than two folders is brought up first.
// Symbolic links are removed, not followed.
type removal struct {
	ctx  context.Context
	step func(point string)
	top  *os.File
	n    int // folders brought up
}

// removeTree removes a folder and has that on disk. One that is not there, or
// that somebody else removes at the same time, is no error.
func (w *work) removeTree(s spot) error {
	top, err := openDir(s.dir, s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = top.Close() }()
	r := &removal{ctx: w.ctx, step: w.step, top: top}
	if err := r.all(); err != nil {
		return err
	}
	w.step("rmdir")
	if err := removeDir(s.dir, s.name); err != nil {
		return err
	}
	return s.dir.Sync()
}

func (r *removal) all() error {
	if err := writable(r.top); err != nil {
		return err
	}
	for again := true; again; {
		again = false
		err := eachName(r.top, func(name string) error {
			again = true
			return r.entry(name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// entry removes what is in the uppermost folder.
func (r *removal) entry(name string) error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	r.step("remove")
	isFull, err := removeOne(r.top, name)
	if err != nil || !isFull {
		return err
	}
	dir, err := openDir(r.top, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := writable(dir); err != nil {
		return err
	}
	if err := eachName(dir, func(name string) error { return r.inner(dir, name) }); err != nil {
		return err
	}
	_, err = removeOne(r.top, name) // if something came, the next pass sees it
	return err
}

// inner removes what is in a folder of the uppermost one, or brings it up.
func (r *removal) inner(dir *os.File, name string) error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	isFull, err := removeOne(dir, name)
	for err == nil && isFull {
		r.n++
		err = unix.Renameat(int(dir.Fd()), name, int(r.top.Fd()), fmt.Sprintf("%s%d", ownPrefix, r.n))
		switch {
		case err == nil || errors.Is(err, unix.ENOENT):
			return nil
		case errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTDIR):
			err = nil // that number is taken
		default:
			err = pathError("rename", dir, name, err)
		}
	}
	return err
}

// removeOne removes what is no folder, or an empty one.
func removeOne(dir *os.File, name string) (isFull bool, err error) {
	err = unix.Unlinkat(int(dir.Fd()), name, 0)
	switch {
	case err == nil || errors.Is(err, unix.ENOENT):
		return false, nil
	case !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM): // POSIX says EPERM of a folder
		return false, pathError("unlink", dir, name, err)
	}
	if err = removeDir(dir, name); errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		return true, nil
	}
	return false, err
}

func removeDir(dir *os.File, name string) error {
	if err := unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return pathError("rmdir", dir, name, err)
	}
	return nil
}

// writable lets its owner remove what is in a folder that is to be removed.
func writable(dir *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return err
	}
	if uint32(st.Mode)&0o300 == 0o300 {
		return nil
	}
	return unix.Fchmod(int(dir.Fd()), 0o700)
}
