package doctor

import (
	"slices"
	"strings"
)

// Dovecot is how Dovecot is wired, and how it should be.
type Dovecot struct {
	Missing string // why nothing can be said of it, "" if something can

	Version string            // such as "2.3.19"
	Conf    *Section          // what doveconf -n prints
	Files   map[string]string // the files that passdb and userdb blocks name, by path

	// What "vmapd doveconf" prints for this version and route; nil if it prints
	// nothing, since there are no sockets for Dovecot.
	Want      *Section
	WantFiles []string // likewise, the files for passdb and userdb

	Dict, Auth, Master string // paths of our sockets, "" if there is none
	LMTP               string // path of the socket where Postfix delivers, "" if it is none
	Delimiter          string
	UID, GID           int // of mail processes
}

// Routes by which Dovecot asks vmapd about logins (docs/dovecot.md).
const (
	NoRoute     = ""
	DictRoute   = "dict"
	ServerRoute = "server"
)

// Route tells by which way Dovecot asks vmapd about logins.
func (d *Dovecot) Route() string {
	if d.Master != "" && d.Conf.Values["auth_socket_path"] == d.Master {
		return ServerRoute
	}
	if slices.ContainsFunc(d.Conf.find("passdb"), d.asksDict) {
		return DictRoute
	}
	return NoRoute
}

// asksDict reports whether a passdb or userdb asks the dict of vmapd.
func (d *Dovecot) asksDict(s *Section) bool {
	return s.Values["driver"] == "dict" && d.Dict != "" && strings.Contains(d.Files[s.Values["args"]], ":"+d.Dict+":")
}

// ArgsFiles names the files that passdb and userdb blocks refer to.
func (d *Dovecot) ArgsFiles() (paths []string) {
	for _, s := range slices.Concat(d.Conf.find("passdb"), d.Conf.find("userdb")) {
		if args := s.Values["args"]; strings.HasPrefix(args, "/") && !slices.Contains(paths, args) && (s.Values["driver"] == "dict" || s.Values["driver"] == "sql") {
			paths = append(paths, args)
		}
	}
	return paths
}

// Protocols lists those of the protocols of "vmapd doveconf" that are served.
func (d *Dovecot) Protocols() []string {
	known := []string{"imap", "pop3", "lmtp", "sieve", "submission"}
	on := d.Conf.protocols()
	return slices.DeleteFunc(known, func(p string) bool { return !slices.Contains(on, p) })
}

// Release is the version as "vmapd doveconf --version" wants it.
func (d *Dovecot) Release() string {
	if strings.HasPrefix(d.Version, "2.4") {
		return "2.4"
	}
	return "2.3"
}

// show is the command that prints what should be there.
func (d *Dovecot) show() string {
	command := "vmapd doveconf --version " + d.Release()
	if route := d.Route(); route != NoRoute {
		command += " --auth " + route
	}
	return command
}

// mentions reports whether Dovecot's configuration names a socket.
func (d *Dovecot) mentions(file string) bool {
	if d.Conf.mentions(file) {
		return true
	}
	for _, text := range d.Files {
		if strings.Contains(text, file) {
			return true
		}
	}
	return false
}

// ClientsOf returns the users of Dovecot that connect to a socket.
func (d *Dovecot) ClientsOf(protocol, file string) []Client {
	if d == nil || d.Missing != "" || !d.mentions(file) {
		return nil
	}
	switch protocol {
	case "dict", "auth-master":
		return []Client{{Name: "Dovecot's mail processes (user " + userName(d.UID) + ")", UID: d.UID, GIDs: []int{d.GID}}}
	case "auth":
		name := d.Conf.Values["default_login_user"]
		if name == "" {
			name = "dovenull"
		}
		if c, ok := Account(name); ok {
			return []Client{c}
		}
	}
	return nil
}
