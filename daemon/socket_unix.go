package daemon

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// bindUnix binds a unix socket so that nobody ever meets it with the wrong
// permissions or in a half-made state: under a name of its own beside the
// final one, then chown and chmod, then rename over what a crash left there.
func bindUnix(l *Listen) (*socket, error) {
	path := l.endpoint.Path
	if err := makeParent(path); err != nil {
		return nil, err
	}
	if err := checkFree(path); err != nil {
		return nil, err
	}
	temp, err := tempPath(path)
	if err != nil {
		return nil, err
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return nil, bindError(err, path)
	}
	ln.SetUnlinkOnClose(false) // by name, whoever's the file is: see socket.Close
	s := &socket{stream: ln, endpoint: l.endpoint}
	if err := s.finish(temp, l); err != nil {
		_ = os.Remove(temp)
		_ = ln.Close()
		return nil, err
	}
	return s, nil
}

// finish gives the socket its permissions and its name.
func (s *socket) finish(temp string, l *Listen) error {
	if err := permit(temp, l); err != nil {
		return err
	}
	if err := os.Rename(temp, s.endpoint.Path); err != nil {
		return err
	}
	var err error
	s.file, err = os.Lstat(s.endpoint.Path)
	return err
}

// permit sets mode, owner and group of a socket.
func permit(path string, l *Listen) error {
	uid, err := lookupUser(l.Owner)
	if err != nil {
		return err
	}
	gid, err := lookupGroup(l.Group)
	if err != nil {
		return err
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Chown(path, uid, gid); err != nil {
			return fmt.Errorf("cannot give the socket to owner %q, group %q: %w: vmapd must run as root or, for a group, be a member of it", l.Owner, l.Group, cause(err))
		}
	}
	if err := os.Chmod(path, fs.FileMode(l.Mode)); err != nil {
		return fmt.Errorf("cannot set mode %s: %w", l.Mode, cause(err))
	}
	return nil
}

// makeParent makes the run folder if that is where the socket goes. Any other
// folder is somebody else's: a mistyped path shall not grow a tree.
func makeParent(path string) error {
	dir := filepath.Dir(path)
	st, err := os.Stat(dir)
	switch {
	case err == nil && !st.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist) && dir == runDir():
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot make the run folder: %w: make it for the user that runs vmapd, or set RuntimeDirectory=vmapd in the systemd unit", err)
		}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s does not exist: make it (mkdir -p %s) or choose another path", dir, dir)
	default:
		return fmt.Errorf("the folder %s cannot be used: %w", dir, cause(err))
	}
}

// checkFree makes sure that a path is unused or holds a socket nobody
// answers on.
func checkFree(path string) error {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("a file that is not a socket has that name: remove it or choose another path")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		c.Close()
		return errors.New("another process answers there, perhaps a second vmapd: stop it or choose another path")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil // stale: its process is gone
	case errors.Is(err, syscall.EPROTOTYPE):
		return errors.New("a socket of another type has that name: remove it or choose another path")
	default:
		return fmt.Errorf("another process seems to answer there (%w): stop it or choose another path", cause(err))
	}
}

// tempPath gives a name beside path that fits into sun_path; it begins with a
// dot and the name, which ss(8) will show for ever.
func tempPath(path string) (string, error) {
	dir, base := filepath.Split(path)
	const random = 6
	room := maxSocketPath - len(dir) - len(".") - random
	if room < 1 {
		return "", fmt.Errorf("the folder's path is too long by %d bytes: choose a shorter one", 1-room)
	}
	return dir + "." + base[:min(len(base), room)] + rand.Text()[:random], nil
}

func bindError(err error, path string) error {
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("no permission to make a socket in %s: the user that runs vmapd must be able to write there", dir)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s is read-only: add it to ReadWritePaths= of the systemd unit", dir)
	}
	return fmt.Errorf("cannot make a socket in %s: %w", dir, cause(err))
}

// cause takes the path and the operation off an error of the os package: the
// message around it names them already.
func cause(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	var se *os.SyscallError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	case errors.As(err, &se):
		return se.Err
	}
	return err
}
