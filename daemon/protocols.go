package daemon

import (
	"slices"
)

// protocol is one thing a listener can speak.
type protocol struct {
	name  string
	serve func(d *Daemon, l *Listen) (service, error)
}

// protocols lists what [[listen]] may name: giving an entry its server makes
// it available.
func protocols() []protocol {
	return []protocol{
		{"socketmap", (*Daemon).socketmap},
		{"tcp_table", (*Daemon).tcpTable},
		{"http", (*Daemon).http},
		{"policy", (*Daemon).policy},
		{"dict", (*Daemon).dict},
		{"auth", (*Daemon).authClient},
		{"auth-master", (*Daemon).authMaster},
		{"milter", (*Daemon).milter},
	}
}

// findProtocol gives the entry of the list, or nil.
func findProtocol(name string) *protocol {
	list := protocols()
	if i := slices.IndexFunc(list, func(p protocol) bool { return p.name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

// Protocols gives the names of the protocols that can be served.
func Protocols() []string {
	var names []string
	for _, p := range protocols() {
		names = append(names, p.name)
	}
	return names
}
