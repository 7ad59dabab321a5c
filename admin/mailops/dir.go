package mailops

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openDir opens a folder in a folder, and no symbolic link.
func openDir(dir *os.File, name string) (*os.File, error) {
	for {
		fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name)), nil
		case !errors.Is(err, unix.EINTR):
			return nil, pathError("open", dir, name, err)
		}
	}
}

// makeDir makes a folder with the permissions of like, and opens it. One that
// somebody else made meanwhile will do.
func makeDir(dir *os.File, name string, like *unix.Stat_t) (*os.File, error) {
	err := unix.Mkdirat(int(dir.Fd()), name, 0o700)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, pathError("mkdir", dir, name, err)
	}
	made := err == nil
	f, err := openDir(dir, name)
	if err != nil || !made {
		return f, err
	}
	if err := dress(f, like); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, dir.Sync()
}

// dress gives an open file or folder the owner and permissions of another.
// Only root can give the owner, others the groups they are in: what cannot be
// given stays, without the bits that would mean something else then.
func dress(f *os.File, like *unix.Stat_t) error {
	mode := uint32(like.Mode) & 0o7777
	if err := unix.Fchown(int(f.Fd()), int(like.Uid), int(like.Gid)); err != nil {
		if err := unix.Fchown(int(f.Fd()), -1, int(like.Gid)); err != nil {
			mode &^= 0o6070
		}
	}
	if err := unix.Fchmod(int(f.Fd()), mode); err != nil {
		return &fs.PathError{Op: "chmod", Path: f.Name(), Err: err}
	}
	return nil
}

// spot is an entry of an open folder, which may not be there.
type spot struct {
	dir  *os.File
	name string
}

// stat looks at the entry itself, not at what it may point to.
func (s spot) stat() (st unix.Stat_t, err error) {
	if err = unix.Fstatat(int(s.dir.Fd()), s.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		err = pathError("stat", s.dir, s.name, err)
	}
	return st, err
}

// isThere reports whether there is a folder; whatever else is there is an error.
func (s spot) isThere() (bool, error) {
	st, err := s.stat()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !isDir(&st):
		return false, refuse(s.path(), "see what it is, and put the mailbox itself there, or remove it: vmapd neither follows nor moves symbolic links", "is a symbolic link or no folder")
	}
	return true, nil
}

func (s spot) path() string { return filepath.Join(s.dir.Name(), s.name) }

// move gives a folder another place, on the same file system, and has that on
// disk. An empty folder there gives way; for one that is not the error is
// unix.ENOTEMPTY or unix.EEXIST, as POSIX has it for folders: nothing is ever
// covered, so no flag of renameat2(2) is needed, which not all file systems know.
func (s spot) move(to spot) error {
	if err := unix.Renameat(int(s.dir.Fd()), s.name, int(to.dir.Fd()), to.name); err != nil {
		return &os.LinkError{Op: "rename", Old: s.path(), New: to.path(), Err: err}
	}
	if err := to.dir.Sync(); err != nil || s.dir == to.dir {
		return err
	}
	return s.dir.Sync()
}

// mark makes an empty folder, and has that on disk.
func (s spot) mark() error {
	if err := unix.Mkdirat(int(s.dir.Fd()), s.name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return pathError("mkdir", s.dir, s.name, err)
	}
	return s.dir.Sync()
}

func isDir(st *unix.Stat_t) bool { return uint32(st.Mode)&unix.S_IFMT == unix.S_IFDIR }

func pathError(op string, dir *os.File, name string, err error) error {
	return &fs.PathError{Op: op, Path: filepath.Join(dir.Name(), name), Err: err}
}

// chunk is how many names of a folder are in memory at a time.
const chunk = 512

// eachName calls f for the names in a folder, a chunk at a time. Names that
// come or go meanwhile may be seen or not.
func eachName(dir *os.File, f func(name string) error) error {
	if _, err := dir.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for {
		names, err := dir.Readdirnames(chunk)
		for _, name := range names {
			if err := f(name); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(names) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
