package daemon

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/vmapd/vmapd/lookup/auth"
)

// When systemd restarts the service, one process ends before the next one is
// started. What an old process leaves to its successor in a hand-over
// (heritage.go) is kept by systemd meanwhile, in its file descriptor store
// (sd_notify(3), FDSTORE=1): the connections, which the next process is given
// like listening sockets, and a file in memory with the estate.

// storeName names all that we keep there (FDNAME=).
const storeName = "vmapd"

// estate is what belongs to the connections in the store, as JSON.
type estate struct {
	SPID   uint32           `json:"spid"` // by which clients of auth sockets know us
	Logins []auth.KeptLogin `json:"logins"`
	Conns  []keptConn       `json:"conns"`

	files map[uint64]*os.File // the connections, by inode
}

// keptConn is a connection in the store.
type keptConn struct {
	Inode  uint64       `json:"inode"` // of its socket
	Socket string       `json:"socket"`
	State  *auth.Passed `json:"state"`
}

// fdStore is systemd's store while this process ends.
type fdStore struct {
	nc   *net.UnixConn
	will estate
}

// openStore returns the store, nil if there is none: no systemd, or a unit
// without FileDescriptorStoreMax=.
func openStore(path string) (*fdStore, error) {
	nc, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	f := &fdStore{nc: nc}
	kept, err := f.keeps()
	if err != nil || !kept {
		_ = nc.Close()
		return nil, err
	}
	return f, nil
}

// send tells systemd something, with a descriptor.
func (f *fdStore) send(text string, fd uintptr) error {
	if err := f.nc.SetWriteDeadline(time.Now().Add(notifyPatience)); err != nil {
		return err
	}
	raw, err := f.nc.SyscallConn()
	if err != nil {
		return err
	}
	// The net package sends no descriptors over a connected datagram socket.
	waited := raw.Write(func(to uintptr) bool {
		err = unix.Sendmsg(int(to), []byte(text), unix.UnixRights(int(fd)), nil, 0)
		return !errors.Is(err, unix.EAGAIN)
	})
	return cmp.Or(waited, os.NewSyscallError("sendmsg", err))
}

// keeps finds out whether anything that is put into the store stays there: the
// end of a pipe that systemd has closed again says that it does not.
func (f *fdStore) keeps() (bool, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return false, err
	}
	defer func() { _ = r.Close() }()
	err = f.send("FDSTORE=1\nFDPOLL=0\nFDNAME="+storeName+"-probe", w.Fd())
	_ = w.Close()
	if err == nil {
		err = f.barrier()
	}
	if err != nil {
		return false, err
	}
	defer f.nc.Write([]byte("FDSTOREREMOVE=1\nFDNAME=" + storeName + "-probe")) //nolint:errcheck // systemd closes it with the service otherwise
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		return false, err
	}
	_, err = r.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded), nil
}

// barrier waits until systemd has read all that was sent: it knows the sender
// of what it reads only as long as that lives (sd_notify_barrier(3)).
func (f *fdStore) barrier() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	err = f.send("BARRIER=1", w.Fd())
	_ = w.Close()
	if err != nil {
		return err
	}
	if err := r.SetReadDeadline(time.Now().Add(5 * notifyPatience)); err != nil {
		return err
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("systemd does not read what it is told: %w", err)
	}
	return nil
}

// leave puts an heirloom into the store, with the descriptor of nc if that is
// not nil.
func (f *fdStore) leave(what *heirloom, nc net.Conn) error {
	if nc == nil {
		f.will.Logins = what.Logins
		return nil
	}
	return withDescriptor(nc, func(fd uintptr) error {
		var st unix.Stat_t
		if err := unix.Fstat(int(fd), &st); err != nil {
			return err
		}
		if err := f.send("FDSTORE=1\nFDNAME="+storeName, fd); err != nil {
			return err
		}
		f.will.Conns = append(f.will.Conns, keptConn{st.Ino, what.Socket, what.State})
		return nil
	})
}

// end puts the estate into the store, and waits until systemd has everything.
func (f *fdStore) end() error {
	defer func() { _ = f.nc.Close() }()
	text, err := json.Marshal(&f.will)
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("vmapd-estate", unix.MFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "estate")
	defer func() { _ = file.Close() }()
	if _, err := file.Write(text); err != nil {
		return err
	}
	if err := f.send("FDSTORE=1\nFDNAME="+storeName, file.Fd()); err != nil {
		return err
	}
	return f.barrier()
}

// keepConns makes ready to leave connections in systemd's store, if this process
// ends because it was told to and no other serves.
func (d *Daemon) keepConns() {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" || d.quiet.Load() || d.handover.heir != nil {
		return
	}
	f, err := openStore(path)
	if err != nil {
		d.log.Warn("connections cannot be kept by systemd: they are closed", zap.Error(err))
		return
	}
	if f != nil {
		f.will.SPID = d.logins.auth.SPID
		d.handover.legacy.keep(f)
	}
}

// readEstate reads what a process before this one has left in the store. The
// files are the caller's no more. Connections without an estate are closed: that
// process did not come to its end.
func readEstate(files []*os.File) (*estate, error) {
	e := &estate{files: map[uint64]*os.File{}}
	found := false
	var bad error
	for _, file := range files {
		var st unix.Stat_t
		err := unix.Fstat(int(file.Fd()), &st)
		switch {
		case err == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK:
			e.files[st.Ino] = file
			continue
		case err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG:
			err = json.NewDecoder(io.NewSectionReader(file, 0, st.Size)).Decode(e)
			found = found || err == nil
		}
		_ = file.Close()
		bad = errors.Join(bad, err)
	}
	if !found {
		e.close()
		return nil, bad
	}
	return e, bad
}

// close closes the connections that nobody has taken.
func (e *estate) close() {
	for _, file := range e.files {
		_ = file.Close()
	}
}

// adoptEstate serves the connections of the process before, and has systemd
// forget them.
func (d *Daemon) adoptEstate() {
	e := d.estate
	d.estate = nil
	if e == nil {
		return
	}
	defer d.notify("FDSTOREREMOVE=1\nFDNAME=" + storeName)
	defer e.close()
	for _, c := range e.Conns {
		file, p := e.files[c.Inode], d.heirOf(c.Socket)
		if file == nil || p == nil || c.State == nil {
			continue // its client has gone, or its listener
		}
		nc, err := net.FileConn(file)
		if err != nil {
			d.log.Warn("cannot take over a connection; it is closed", zap.String("address", c.Socket), zap.Error(err))
			continue
		}
		p.adopt(nc, c.State)
	}
}
