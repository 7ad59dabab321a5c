package mailops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// copyTree copies a folder to a file system that a rename cannot reach, and has
// it on disk: folders, files and symbolic links, with owners, permissions and
// times of change, which to Dovecot are times of arrival. Sockets and pipes hold
// nothing and are left out.
func (w *work) copyTree(from, to spot) error {
	src, err := openDir(from.dir, from.name)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	if err := w.copyDir(src, to, 0); err != nil {
		return err
	}
	// If another process has removed the original meanwhile, the copy is not whole.
	var was unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &was); err != nil {
		return err
	}
	if is, err := from.stat(); err != nil || is.Ino != was.Ino {
		return errors.Join(err, w.removeTree(to))
	}
	return to.dir.Sync()
}

func (w *work) copyDir(src *os.File, to spot, depth int) error {
	if depth > maxDepth {
		return tooDeep(src, "")
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: src.Name(), Err: err}
	}
	if err := unix.Mkdirat(int(to.dir.Fd()), to.name, 0o700); err != nil {
		return pathError("mkdir", to.dir, to.name, err)
	}
	dst, err := openDir(to.dir, to.name)
	if err != nil {
		return err
	}
	defer func() { _ = dst.Close() }()
	if err := eachName(src, func(name string) error { return w.copyEntry(src, dst, name, depth) }); err != nil {
		return err
	}
	if err := dress(dst, &st); err != nil {
		return err
	}
	if err := setTimes(to, &st); err != nil {
		return err
	}
	return dst.Sync()
}

func (w *work) copyEntry(src, dst *os.File, name string, depth int) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	w.step("copy")
	from, to := spot{src, name}, spot{dst, name}
	st, err := from.stat()
	if err != nil {
		return err
	}
	switch uint32(st.Mode) & unix.S_IFMT {
	case unix.S_IFDIR:
		dir, err := openDir(src, name)
		if err != nil {
			return err
		}
		defer func() { _ = dir.Close() }()
		return w.copyDir(dir, to, depth+1)
	case unix.S_IFREG:
		return copyFile(from, to)
	case unix.S_IFLNK:
		return copyLink(from, to, &st)
	}
	return nil
}

func copyFile(from, to spot) error {
	in, err := openFile(from, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(int(in.Fd()), &st); err != nil {
		return err
	}
	out, err := openFile(to, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	n, err := io.Copy(out, in)
	if err != nil {
		return err
	}
	if n != st.Size {
		return fmt.Errorf("%s changed while it was copied", shown(from.path()))
	}
	if err := dress(out, &st); err != nil {
		return err
	}
	if err := setTimes(to, &st); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	return out.Close()
}

func openFile(s spot, flags int, mode uint32) (*os.File, error) {
	fd, err := unix.Openat(int(s.dir.Fd()), s.name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	if err != nil {
		return nil, pathError("open", s.dir, s.name, err)
	}
	return os.NewFile(uintptr(fd), s.path()), nil
}

func copyLink(from, to spot, st *unix.Stat_t) error {
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(from.dir.Fd()), from.name, target)
	if err != nil {
		return pathError("readlink", from.dir, from.name, err)
	}
	if err := unix.Symlinkat(string(target[:n]), int(to.dir.Fd()), to.name); err != nil {
		return pathError("symlink", to.dir, to.name, err)
	}
	if err := unix.Fchownat(int(to.dir.Fd()), to.name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil && !errors.Is(err, unix.EPERM) {
		return pathError("chown", to.dir, to.name, err)
	}
	return setTimes(to, st)
}

// setTimes gives an entry the times of another. It is that of the last change
// that counts; when it was last read is as good.
func setTimes(s spot, like *unix.Stat_t) error {
	times := []unix.Timespec{like.Atim, like.Mtim}
	if err := unix.UtimesNanoAt(int(s.dir.Fd()), s.name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return pathError("utimes", s.dir, s.name, err)
	}
	return nil
}
