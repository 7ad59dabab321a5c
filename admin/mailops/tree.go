package mailops

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxDepth is how deep folders may lie in a mailbox to be looked through or
// copied; each level costs a few open files.
const maxDepth = 100

// errFound ends a walk.
var errFound = errors.New("found")

// eachEntry calls f for all that is in a tree, folders before what they hold.
func eachEntry(ctx context.Context, dir *os.File, depth int, f func(dir *os.File, name string, st *unix.Stat_t) error) error {
	return eachName(dir, func(name string) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		st, err := spot{dir, name}.stat()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = f(dir, name, &st)
		}
		if err != nil || !isDir(&st) {
			return err
		}
		if depth >= maxDepth {
			return tooDeep(dir, name)
		}
		sub, err := openDir(dir, name)
		if err != nil {
			return err
		}
		defer func() { _ = sub.Close() }()
		return eachEntry(ctx, sub, depth+1, f)
	})
}

func tooDeep(dir *os.File, name string) error {
	return refuse(filepath.Join(dir.Name(), name), "move it by hand", "lies more than %d folders deep", maxDepth)
}

// find returns the first entry of a tree that is wanted, "" if there is none.
func (w *work) find(s spot, wanted func(name string, st *unix.Stat_t) bool) (path string, err error) {
	dir, err := openDir(s.dir, s.name)
	if err != nil {
		return "", err
	}
	defer func() { _ = dir.Close() }()
	err = eachEntry(w.ctx, dir, 0, func(dir *os.File, name string, st *unix.Stat_t) error {
		if !wanted(name, st) {
			return nil
		}
		path = filepath.Join(dir.Name(), name)
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return path, err
}

// content finds something in a home that Dovecot did not make by itself.
func (w *work) content(s spot) (string, error) {
	return w.find(s, func(name string, st *unix.Stat_t) bool {
		return !isDir(st) && (uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG || !madeByDovecot(name))
	})
}

// madeByDovecot reports whether a file is one that a login without any mail
// leaves behind (Dovecot src/lib-storage: the indexes and logs, the lists of UIDs,
// the subscriptions to automatic folders).
func madeByDovecot(name string) bool {
	switch name {
	case "subscriptions", "maildirfolder", "maildirsize", "dovecot-keywords", "dovecot.mailbox.log":
		return true
	}
	for _, begin := range []string{"dovecot.index", "dovecot.list.index", "dovecot.map.index", "dovecot-uidlist", "dovecot-uidvalidity", "dovecot.autoexpunge"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

// touched finds something in a home that was made or changed after a time.
func (w *work) touched(s spot, since time.Time) (string, error) {
	limit := since.UnixNano()
	return w.find(s, func(_ string, st *unix.Stat_t) bool {
		if isDir(st) {
			return nanoseconds(st.Mtim) > limit
		}
		return nanoseconds(st.Ctim) > limit
	})
}

func nanoseconds(t unix.Timespec) int64 { return t.Nano() }
