package keyring

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// FileError says why a key file is not used.
type FileError struct {
	Path   string // as the row has it
	Reason Reason // Missing or Unreadable
	Text   string // one clause
	remedy string
	folder bool // it is the same for all files
}

func newFileError(path string, reason Reason, text, remedy string) *FileError {
	return &FileError{Path: path, Reason: reason, Text: text, remedy: remedy}
}

// Error returns one line.
func (e *FileError) Error() string { return fmt.Sprintf("key file %s: %s", e.Path, e.Text) }

// Remedy returns one sentence that says what to do.
func (e *FileError) Remedy() string { return e.remedy }

// maxKeyFile is many times what a key of 8,192 bits needs.
const maxKeyFile = 64 << 10

// stamp tells versions of a file apart; the zero stamp is of no file.
type stamp struct {
	modified, changed int64 // nanoseconds; chmod shows in the second
	size              int64
	inode             uint64
}

func stampOf(info fs.FileInfo) stamp {
	st := stamp{modified: info.ModTime().UnixNano(), size: info.Size()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		st.inode, st.changed = sys.Ino, sys.Ctim.Nano()
	}
	return st
}

// folder reads below one folder.
type folder struct {
	dir  string
	root *os.Root
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &folder{dir, root}, nil
}

func (d *folder) close() { _ = d.root.Close() }

// inside returns the name below the folder that a row's path means: an absolute
// one must lead there, any other is taken as from there. The folder itself may
// be named through symbolic links.
func (d *folder) inside(path string) (string, error) {
	name := filepath.Clean(path)
	if filepath.IsAbs(name) {
		name = ""
		dirs := []string{d.dir}
		if real, err := filepath.EvalSymlinks(d.dir); err == nil && real != d.dir {
			dirs = append(dirs, real)
		}
		for _, dir := range dirs {
			if below, err := filepath.Rel(dir, filepath.Clean(path)); err == nil && filepath.IsLocal(below) {
				name = below
				break
			}
		}
	}
	if name == "" || name == "." || !filepath.IsLocal(name) {
		return "", newFileError(path, Unreadable, "is not below dkim.key_dir, "+d.dir, "move the key there and correct the path in the database, or set dkim.key_dir to the folder that holds the keys")
	}
	return name, nil
}

// read returns the DER of a key, nil if the file is the one that was was made
// of. The error is a *FileError.
func (d *folder) read(path string, was stamp) (der []byte, is stamp, err error) {
	name, err := d.inside(path)
	if err != nil {
		return nil, stamp{}, err
	}
	info, err := d.look(path, name)
	if err != nil {
		return nil, stamp{}, err
	}
	if is = stampOf(info); is == was {
		return nil, is, nil
	}
	// O_NONBLOCK: what has become a pipe meanwhile must not hold us up.
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, stamp{}, openError(path, err)
	}
	defer func() { _ = f.Close() }()
	opened, err := f.Stat()
	if err != nil {
		return nil, stamp{}, openError(path, err)
	}
	if !os.SameFile(info, opened) { // replaced between two system calls: look again later
		return nil, stamp{}, newFileError(path, Unreadable, "is being replaced", "none needed: it is read again in a moment")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, stamp{}, openError(path, err)
	}
	if len(text) > maxKeyFile {
		return nil, is, newFileError(path, Unreadable, "is too long for a key", "store the private key alone, in PEM")
	}
	der, err = dkim.PrivateDER(text)
	if err != nil {
		return nil, is, damagedKey(path, err)
	}
	return der, stampOf(opened), nil
}

func damagedKey(path string, err error) *FileError {
	return newFileError(path, Unreadable, err.Error(), "have the key made again (\"vmapd dkim generate\", or in Modoboa), or restore it from a backup")
}

// look refuses what must not be trusted: symbolic links, whatever is no plain
// file, and what everybody may read or change.
func (d *folder) look(path, name string) (info fs.FileInfo, err error) {
	parts := strings.Split(name, string(filepath.Separator))
	for i := range parts {
		part := filepath.Join(parts[:i+1]...)
		if info, err = d.root.Lstat(part); err != nil {
			return nil, openError(path, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil, newFileError(path, Unreadable, part+" is a symbolic link", "put the key itself below dkim.key_dir: links are not followed, for whoever may make one could have any file read")
		}
	}
	if !info.Mode().IsRegular() {
		return nil, newFileError(path, Unreadable, "is no plain file", "store the private key there, in PEM")
	}
	if bits := info.Mode().Perm() & 0o006; bits != 0 {
		what := "may be read by everybody"
		if bits&0o002 != 0 {
			what = "may be changed by everybody"
		}
		return nil, newFileError(path, Unreadable, what, "chmod o-rwx "+path+"; who could read it can sign in the domain's name, so think of making another key")
	}
	return info, nil
}

func openError(path string, err error) *FileError {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newFileError(path, Missing, "does not exist", "restore it from a backup, or have another key made (\"vmapd dkim generate\", or in Modoboa)")
	case errors.Is(err, fs.ErrPermission):
		return newFileError(path, Unreadable, "may not be read", fmt.Sprintf("let vmapd's user (id %d) read it by the group of the file, chmod g+r, and all folders above it; not everybody", os.Geteuid()))
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return newFileError(path, Unreadable, err.Error(), "see whether the file system is well")
}

// folderError says why the folder cannot be read at all.
func folderError(dir, path string, err error) *FileError {
	e := openError(path, err)
	e.folder = true
	e.Text = fmt.Sprintf("dkim.key_dir, %s: %s", dir, e.Text)
	if e.Reason == Missing {
		e.remedy = "set dkim.key_dir to the folder that holds the keys"
	}
	return e
}

// writeKey stores a key in a new file below dir, mode 0600, and returns its
// path. The name bears the fingerprint: no file is ever written over.
func writeKey(dir, domain, selector string, private crypto.Signer) (string, error) {
	text, err := dkim.MarshalPrivate(private)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("dkim.key_dir: %w", err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	mark := dkim.Fingerprint(private.Public())
	path := filepath.Join(dir, domain+"."+selector+"."+mark+".pem")
	if len(path) > maxPath || len(filepath.Base(path)) > 200 || strings.ContainsRune(domain+selector, filepath.Separator) {
		path = filepath.Join(dir, mark+".pem")
	}
	if len(path) > maxPath {
		return "", fmt.Errorf("dkim.key_dir: the database has room for %d bytes of path, %s has %d: use a folder with a shorter name", maxPath, path, len(path))
	}
	err = store.ReplaceFile(path, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
	return path, err
}

// maxPath is the length of admin_domain.dkim_private_key_path.
const maxPath = 254

// ReadKey reads one key, as a Ring does. The error is a *FileError, or about
// the names.
func ReadKey(dir, domain, selector, path string) (*dkim.Key, error) {
	d, err := openFolder(dir)
	if err != nil {
		return nil, folderError(dir, path, err)
	}
	defer d.close()
	der, _, err := d.read(path, stamp{})
	if err != nil {
		return nil, err
	}
	private, err := dkim.ParsePrivate(der)
	if err != nil {
		return nil, damagedKey(path, err)
	}
	return dkim.NewKey(domain, selector, private)
}
