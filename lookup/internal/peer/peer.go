// Package peer says which process is at the other end of a unix socket.
package peer

import (
	"net"
	"syscall"
)

// Cred is what the kernel knows of the process that made a connection, at the
// time it was made (SO_PEERCRED, unix(7)).
type Cred struct {
	PID      int
	UID, GID uint32
}

// Of gives the credentials of the client of a connection to a unix socket. ok
// is false for any other connection, of which nothing is known.
func Of(nc net.Conn) (c Cred, ok bool) {
	for {
		wrapped, isWrapped := nc.(interface{ NetConn() net.Conn })
		if !isWrapped {
			break
		}
		nc = wrapped.NetConn()
	}
	s, isSocket := nc.(syscall.Conn)
	if !isSocket || nc.LocalAddr() == nil || nc.LocalAddr().Network() != "unix" {
		return Cred{}, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return Cred{}, false
	}
	var cred *syscall.Ucred
	if ctl := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); ctl != nil || err != nil {
		return Cred{}, false
	}
	return Cred{PID: int(cred.Pid), UID: cred.Uid, GID: cred.Gid}, true
}
