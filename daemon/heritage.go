package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup/auth"
)

// What the old process leaves besides its sockets goes down the line between the
// two, in heirlooms, while it drains; or to systemd, if it ends before the next
// one begins (fdstore.go).
//
// Connections of Dovecot's protocols: its processes keep them, and not all ask
// again when one is closed (an lmtp of 2.3 that asks auth-master fails once, a
// login process may wait for five seconds, a quota that is being told is lost).
// So nothing is closed: each connection goes to the new process, with what its
// client has said that matters for what comes, as soon as nothing is owed to it.
//
// Logins that are between their two steps: a login process has heard on the auth
// socket that the password is right, and a mail process will ask on the
// auth-master socket for the user. They go when nobody asks the old process on
// auth sockets any more. The new one serves the other sockets at once, lets
// whoever asks for an unknown login wait for them, and serves auth sockets
// afterwards: whom it lets in nobody can ask the old one about.
//
// What was sent so far: the old process closes the file of counters once nobody
// asks on its policy sockets, before the logins go. The new one opens it then,
// and serves its policy sockets afterwards: each message is counted by one that
// knows of all before.

// heritageLimit is how long the old process may take for it.
const heritageLimit = DrainTimeout + 5*time.Second

// heirloom is one thing that is left, as JSON.
type heirloom struct {
	// Logins are all that nobody has asked for.
	Logins []auth.KeptLogin `json:"logins,omitempty"`
	// Socket is the endpoint at which a connection came in. Its descriptor comes
	// with the first byte of the heirloom.
	Socket string `json:"socket,omitempty"`
	// State is what the new process has to know of the connection.
	State *auth.Passed `json:"state,omitempty"`
}

// legacy is the end of the line at which things are left.
type legacy struct {
	mu    sync.Mutex
	line  *net.UnixConn // to a process that takes our place; nil if there is none
	store *fdStore      // for a process that will; nil if there is none
}

// leave sends an heirloom, with the descriptor of nc if that is not nil.
func (l *legacy) leave(what *heirloom, nc net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store != nil {
		return l.store.leave(what, nc)
	}
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if nc == nil {
		_, err = l.line.Write(text)
		return err
	}
	// The descriptor goes with one byte: a longer write might go in part.
	if err := l.sendDescriptor(text[:1], nc); err != nil {
		return err
	}
	_, err = l.line.Write(text[1:])
	return err
}

func (l *legacy) sendDescriptor(with []byte, nc net.Conn) error {
	return withDescriptor(nc, func(fd uintptr) error {
		_, _, err := l.line.WriteMsgUnix(with, syscall.UnixRights(int(fd)), nil)
		return err
	})
}

// withDescriptor calls do with the descriptor of a connection.
func withDescriptor(nc net.Conn, do func(fd uintptr) error) error {
	s, ok := nc.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	ctl := raw.Control(func(fd uintptr) { err = do(fd) })
	return errors.Join(err, ctl)
}

// open reports whether there is somebody to leave something to.
func (l *legacy) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.line != nil || l.store != nil
}

// begin lets things be left to a process, for a while.
func (l *legacy) begin(line *net.UnixConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = line
}

// keep lets things be left to systemd.
func (l *legacy) keep(store *fdStore) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store = store
}

// end says that nothing more is left.
func (l *legacy) end() (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line != nil {
		_ = l.line.Close()
		l.line = nil
	}
	if l.store != nil {
		err = l.store.end()
		l.store = nil
	}
	return err
}

// bequeathConn leaves a connection to the next process, if there is one, and
// reports whether it did. Our own descriptor is closed by its owner all the same.
func (d *Daemon) bequeathConn(nc net.Conn, state *auth.Passed) bool {
	c := nc.(*conn)
	if !d.handover.legacy.open() {
		return false
	}
	if err := d.handover.legacy.leave(&heirloom{Socket: c.gate.cfg.endpoint.String(), State: state}, c.Conn); err != nil {
		c.gate.trouble.warn(c.gate.log, "cannot hand over a connection; it is closed", zap.Error(err))
		return false
	}
	c.passed = true
	return true
}

// bequeathLogins leaves the logins that nobody has asked for to the next process.
func (d *Daemon) bequeathLogins() {
	if !d.handover.legacy.open() {
		return
	}
	left := d.logins.auth.Leave()
	err := d.handover.legacy.leave(&heirloom{Logins: append([]auth.KeptLogin{}, left...)}, nil)
	if err != nil {
		d.log.Warn("cannot hand over logins that are under way; they fail once", zap.Int("logins", len(left)), zap.Error(err))
	}
}

// rightsReader reads a line, and keeps the descriptors that come along.
type rightsReader struct {
	line  *net.UnixConn
	files []*os.File
}

// Read reads bytes, and at most one descriptor: the kernel ends a read there.
func (r *rightsReader) Read(b []byte) (int, error) {
	oob := make([]byte, syscall.CmsgSpace(4))
	n, oobn, flags, _, err := r.line.ReadMsgUnix(b, oob)
	if flags&syscall.MSG_CTRUNC != 0 {
		r.files = append(r.files, nil) // one that did not come keeps its place
	}
	if messages, e := syscall.ParseSocketControlMessage(oob[:oobn]); e == nil {
		for i := range messages {
			fds, _ := syscall.ParseUnixRights(&messages[i])
			for _, fd := range fds {
				r.files = append(r.files, os.NewFile(uintptr(fd), "handover"))
			}
		}
	}
	return n, err
}

// conn gives the next connection.
func (r *rightsReader) conn() (net.Conn, error) {
	if len(r.files) == 0 {
		return nil, errors.New("its descriptor is missing")
	}
	f := r.files[0]
	r.files = r.files[1:]
	if f == nil {
		return nil, errors.New("its descriptor did not come along: too many open files")
	}
	defer func() { _ = f.Close() }()
	return net.FileConn(f)
}

func (r *rightsReader) close() {
	for _, f := range r.files {
		_ = f.Close()
	}
}

// inherited is a connection that came down the line.
type inherited struct {
	conn  net.Conn
	state *auth.Passed
}

// adopt takes over what the predecessor leaves, until that has said everything
// or has ended.
func (d *Daemon) adopt(ctx context.Context, line *net.UnixConn) {
	line.SetDeadline(time.Now().Add(heritageLimit))                                           //nolint:errcheck // reading says it
	defer context.AfterFunc(ctx, func() { line.SetReadDeadline(time.Now().Add(patience)) })() //nolint:errcheck // the same
	in := &rightsReader{line: line}
	defer in.close()
	late := map[*port][]inherited{}
	defer d.adoptLogins(nil, late) // whatever happens, auth sockets are served in the end
	for decoder, adopted := json.NewDecoder(in), false; ; {
		var what heirloom
		err := decoder.Decode(&what)
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			d.log.Warn("cannot take over all of what the process before leaves: some connections are closed, some logins fail once", zap.Error(err))
			return
		case what.Socket == "":
			d.adoptLogins(what.Logins, late)
			adopted = true
			continue
		}
		nc, err := in.conn()
		if err != nil || what.State == nil {
			d.log.Warn("cannot take over a connection; it is closed", zap.String("address", what.Socket), zap.Error(err))
			continue
		}
		switch p := d.heirOf(what.Socket); {
		case p == nil:
			nc.Close() // of a listener that is not configured any more
		case p.waits() && !adopted:
			late[p] = append(late[p], inherited{nc, what.State})
		default:
			p.adopt(nc, what.State)
		}
	}
}

// adoptLogins takes logins over, once, and serves auth sockets from then on.
func (d *Daemon) adoptLogins(left []auth.KeptLogin, late map[*port][]inherited) {
	select {
	case <-d.predecessor.heritage:
		return
	default:
	}
	d.logins.auth.Adopt(left)
	d.sending.open()
	close(d.predecessor.heritage)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.ports {
		if !p.waits() {
			continue
		}
		for _, c := range late[p] {
			p.adopt(c.conn, c.state)
		}
		if p.done == nil {
			d.beginPort(p)
		}
	}
}

// heirOf finds the port at an address, nil if there is none whose service takes
// connections over.
func (d *Daemon) heirOf(address string) *port {
	e, err := ParseEndpoint(address)
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.portAt(e); p != nil {
		if s, ok := p.service.(*lines); ok && s.resume != nil {
			return p
		}
	}
	return nil
}

// adopt serves a connection that somebody else has served before.
func (p *port) adopt(nc net.Conn, state *auth.Passed) {
	if c := p.gate.admit(nc); c != nil {
		c.asked = true
		s := p.service.(*lines)
		s.wg.Go(func() {
			s.one(p.gate, c, func(ctx context.Context, nc net.Conn) error { return s.resume(ctx, nc, state) })
		})
	}
}

// waits reports whether a port is not served before the logins are adopted, and
// with them what was counted.
func (p *port) waits() bool { return p.cfg.Protocol == "auth" || p.cfg.Protocol == "policy" }
