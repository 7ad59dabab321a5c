package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func checkSocketMissing() Check {
	return Check{
		Name: "socket-missing", Group: "sockets",
		Text: "Sockets of the configuration that are not there, or on which nobody listens: Postfix and Dovecot put mail and logins off.",
		Do:   "Start vmapd, or reload it after a change of its configuration.",
		look: look{host: func(r *run, h *Host) {
			for _, s := range h.Sockets {
				r.lookSocket(&s)
			}
		}},
	}
}

func (r *run) lookSocket(s *Socket) {
	const remedy = "start vmapd (systemctl start vmapd), or have it take over a changed configuration (systemctl reload vmapd)"
	if s.TCP != "" {
		if refused("tcp", s.TCP) {
			r.say(Error, s.TCP, remedy, "nobody listens on the port of %s", s.Protocol)
		}
		return
	}
	st, err := os.Lstat(s.Path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		r.say(Info, s.Path, "run vmapd doctor as root", "the socket of %s cannot be looked at: %v", s.Protocol, err)
	case err != nil:
		r.say(Error, s.Path, remedy, "the socket of %s is not there", s.Protocol)
	case st.Mode().Type() != fs.ModeSocket:
		r.say(Error, s.Path, "move the file away, and start vmapd again", "what should be the socket of %s is no socket", s.Protocol)
	case refused("unix", s.Path):
		r.say(Error, s.Path, remedy, "nobody listens on the socket of %s", s.Protocol)
	}
}

// refused reports whether nobody listens on a socket. Whoever may not connect
// does not know.
func refused(network, address string) bool {
	c, err := net.DialTimeout(network, address, 2*time.Second)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func checkSocketAccess() Check {
	return Check{
		Name: "socket-access", Group: "sockets",
		Text: "Sockets that Postfix or Dovecot may not connect to: their mode or group keeps the user out, or one of the folders above them does. Mail and logins are put off.",
		Do:   "Set group and mode in the [[listen]] section, or chmod the folder.",
		look: look{host: func(r *run, h *Host) {
			for _, s := range h.Sockets {
				for _, c := range s.Clients { // none of TCP
					r.lookAccess(&s, &c)
				}
			}
		}},
	}
}

// lookAccess looks at all folders above a socket, then at the socket.
func (r *run) lookAccess(s *Socket, c *Client) {
	for _, dir := range foldersAbove(s.Path) {
		st, err := os.Stat(dir)
		if err != nil {
			return // socket-missing tells of it
		}
		if !c.may(st, dir, 0o1) {
			r.say(Error, s.Path, fmt.Sprintf("chmod o+x %s, or put the socket into a folder that %s may enter", dir, c.Name),
				"%s may not enter the folder %s (%s), and so not connect to the socket of %s", c.Name, dir, describe(st), s.Protocol)
			return
		}
	}
	st, err := os.Lstat(s.Path)
	if err != nil || c.may(st, s.Path, 0o2) {
		return
	}
	r.say(Error, s.Path, fmt.Sprintf("in the [[listen]] section with this address set group to one that %s is in, and mode = \"0660\"; then systemctl reload vmapd", c.Name),
		"%s may not connect to the socket of %s (%s)", c.Name, s.Protocol, describe(st))
}

func foldersAbove(path string) (dirs []string) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
		if dir == filepath.Dir(dir) {
			slices.Reverse(dirs)
			return dirs
		}
	}
}

// may reports whether mode, owner and group give a client a bit of rwx. A file
// with an access list gives what the list says, which is not looked at.
func (c *Client) may(st fs.FileInfo, path string, bit fs.FileMode) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || c.UID == 0 || hasList(path) {
		return true
	}
	switch mode := st.Mode().Perm(); {
	case int(sys.Uid) == c.UID:
		return mode>>6&bit != 0
	case slices.Contains(c.GIDs, int(sys.Gid)):
		return mode>>3&bit != 0
	default:
		return mode&bit != 0
	}
}

// hasList reports whether a file has an access control list.
func hasList(path string) bool {
	n, err := syscall.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}

func describe(st fs.FileInfo) string {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return st.Mode().String()
	}
	return fmt.Sprintf("mode %04o, owner %s, group %s", st.Mode().Perm(), userName(int(sys.Uid)), groupName(int(sys.Gid)))
}

func checkWarnings() Check {
	return Check{
		Name: "config-warning", Group: "files",
		Text: "What \"vmapd config check\" warns of: values that are allowed but unwise.",
		Do:   "Change the value in vmapd.toml, or the mode of the file that it names.",
		look: look{host: func(r *run, h *Host) {
			for _, w := range h.Warnings {
				key, text, ok := strings.Cut(w, ": ")
				if !ok {
					key, text = "vmapd.toml", w
				}
				r.say(Warning, key, "change it in vmapd.toml, or do what the warning says; \"vmapd config check\" shows whether it is gone", "%s", text)
			}
		}},
	}
}
