package mailops

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ownPrefix begins the names of folders on which an operation is at work.
const ownPrefix = ".vmapd-"

// The states of a folder that is not at its place; see the package comment.
const (
	aside   = "aside"
	deleted = "deleted"
	moving  = "moving"
	copying = "copying"
	copied  = "copied"
	done    = "done"
)

// place is a home below the root.
type place struct {
	path    string   // as it is stored
	parents []string // names from the root to the folder above
	name    string   // of the home itself
}

// below is the path from the root.
func (p *place) below() string { return filepath.Join(append(p.parents, p.name)...) }

// own names the folder that an operation on this place works on.
func (p *place) own(state string, id int64) string {
	return fmt.Sprintf("%s%s-%d-%08x", ownPrefix, state, id, crc32.ChecksumIEEE([]byte(p.below())))
}

// root is the folder of all mail, opened.
type root struct {
	dir   string // as it is configured
	real  string // without symbolic links
	depth int    // components of a home below it
	f     *os.File
}

// openRoot opens the folder of all mail, which may itself be named through
// symbolic links; homes lie depth folders below it.
func openRoot(dir string, depth int) (*root, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(real, os.O_RDONLY|unix.O_DIRECTORY, 0); err == nil {
			return &root{dir: filepath.Clean(dir), real: real, depth: depth, f: f}, nil
		}
	}
	return nil, fmt.Errorf("mailboxes.root: %w: it must be the folder that holds all mail", err)
}

func (r *root) close() { _ = r.f.Close() }

// locate finds the place that a path names, or refuses it.
func (r *root) locate(path string) (*place, error) {
	const remedy = "correct or delete the row in admin_mailboxoperation; what it meant must be done by hand"
	switch {
	case path == "":
		return nil, refuse(path, remedy, "is no path")
	case strings.ContainsRune(path, 0):
		return nil, refuse(path, remedy, "has a NUL byte in it")
	case !filepath.IsAbs(path):
		return nil, refuse(path, remedy, "is not an absolute path")
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "..":
			return nil, refuse(path, remedy, "has \"..\" in it")
		case strings.HasPrefix(part, ownPrefix):
			return nil, refuse(path, remedy, "has a name in it that begins with %s, which vmapd gives to folders it works on", ownPrefix)
		}
	}
	below, ok := r.below(filepath.Clean(path))
	if !ok {
		return nil, refuse(path, remedy+"; if mail lies there, correct mailboxes.root", "is not below mailboxes.root, %s", r.dir)
	}
	parts := strings.Split(below, "/")
	switch n := len(parts); {
	case below == ".":
		return nil, refuse(path, remedy, "is mailboxes.root itself")
	case n < r.depth:
		return nil, refuse(path, remedy, "is a folder that holds mailboxes (by dovecot.home a mailbox lies %d folders below mailboxes.root), not one mailbox", r.depth)
	case n > r.depth:
		return nil, refuse(path, remedy, "is a folder within a mailbox (by dovecot.home a mailbox lies %d folders below mailboxes.root)", r.depth)
	}
	return &place{path: path, parents: parts[:len(parts)-1], name: parts[len(parts)-1]}, nil
}

func (r *root) below(path string) (string, bool) {
	for _, dir := range []string{r.dir, r.real} {
		if below, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(below) {
			return below, true
		}
	}
	return "", false
}

// open opens the folder above a place. The error is fs.ErrNotExist if there is
// none, and a *Refusal if the way leads through what is no folder.
func (r *root) open(p *place) (*os.File, error) {
	return r.walk(p, func(dir *os.File, name string) (*os.File, error) { return openDir(dir, name) })
}

// openOrMake is open, making what is missing with the permissions of like.
func (r *root) openOrMake(p *place, like *unix.Stat_t) (*os.File, error) {
	return r.walk(p, func(dir *os.File, name string) (*os.File, error) {
		f, err := openDir(dir, name)
		if !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
		return makeDir(dir, name, like)
	})
}

func (r *root) walk(p *place, step func(dir *os.File, name string) (*os.File, error)) (*os.File, error) {
	f, err := openDir(r.f, ".")
	for i := 0; err == nil && i < len(p.parents); i++ {
		var next *os.File
		next, err = step(f, p.parents[i])
		_ = f.Close()
		f = next
		if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
			err = refuse(p.path, "put the folder itself there, or mount it there (mount --bind): symbolic links are not followed, for whoever may make one could have any folder removed",
				"leads through %s, which is a symbolic link or no folder", shown(filepath.Join(p.parents[:i+1]...)))
		}
	}
	return f, err
}
