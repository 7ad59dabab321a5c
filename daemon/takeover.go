package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// predecessor is the process whose place this one is to take. It serves, and
// the files of the unix sockets are its own, until it gives way.
type predecessor struct {
	pid   int
	line  *net.UnixConn
	files map[*socket]os.FileInfo // of the unix sockets it left to us
	gone  bool                    // it has given way; written by the task that listens to it

	spid     uint32
	heritage chan struct{} // closed when its logins are here
}

// inherit takes over the sockets that this process was started with, by
// systemd or by a predecessor.
func (d *Daemon) inherit() error {
	in, kept, err := Inherit()
	if err != nil {
		return err
	}
	d.inherited = in
	if d.estate, err = readEstate(kept); err != nil {
		d.log.Warn("cannot take over all of what the process before has left with systemd: some connections are closed, some logins fail once", zap.Error(err))
	}
	if d.estate != nil {
		d.logins.auth.SPID = d.estate.SPID
	}
	text, ok := os.LookupEnv(handoverVariable)
	if !ok {
		return nil
	}
	_ = os.Unsetenv(handoverVariable)
	d.predecessor, err = in.readTestament(text)
	if err != nil {
		return fmt.Errorf("sockets from the process before ($%s): %w", handoverVariable, err)
	}
	d.logins.auth.SPID, d.logins.auth.Heritage = d.predecessor.spid, d.predecessor.heritage
	d.quiet.Store(true)
	d.log.Info("taking over: the process before serves until the data is here", zap.Int("old_pid", d.predecessor.pid))
	return nil
}

// readTestament adds the sockets of a testament.
func (in Inherited) readTestament(text string) (*predecessor, error) {
	var will testament
	if err := json.Unmarshal([]byte(text), &will); err != nil {
		return nil, err
	}
	for i := range len(will.Sockets) + 1 {
		syscall.CloseOnExec(firstInherited + i)
	}
	p := &predecessor{pid: will.PID, files: map[*socket]os.FileInfo{}, spid: will.SPID, heritage: make(chan struct{})}
	for i, address := range will.Sockets {
		s, err := inheritSocket(firstInherited+i, address)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		in[s.endpoint] = append(in[s.endpoint], s)
		if st, err := os.Lstat(s.endpoint.Path); s.endpoint.Kind == Unix && err == nil && st.Mode().Type() == fs.ModeSocket {
			p.files[s] = st
		}
	}
	f := os.NewFile(uintptr(firstInherited+len(will.Sockets)), "handover")
	defer func() { _ = f.Close() }()
	var err error
	p.line, err = unixConn(f)
	return p, err
}

// inheritSocket makes a socket of a descriptor. Its file is not ours yet.
func inheritSocket(fd int, address string) (*socket, error) {
	f := os.NewFile(uintptr(fd), address)
	e, err := ParseEndpoint(address)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	s, err := inheritListener(f)
	if err != nil {
		return nil, err
	}
	s.endpoint = e
	return s, nil
}

// arrival makes the daemon serve: at once, or when it has what its predecessor
// has. Nothing changes the listeners before.
func (d *Daemon) arrival(ctx context.Context) *task {
	if d.predecessor == nil {
		d.begin()
		d.notifyReady("reading the database")
		return newTask(ctx, func(context.Context) {})
	}
	d.reload.Lock()
	return newTask(ctx, func(ctx context.Context) {
		defer d.reload.Unlock()
		d.takePlace(ctx)
	})
}

// takePlace waits for data, serves, tells the predecessor, and settles when
// that one gives way. If that one ends before its time there is nothing to
// wait for.
func (d *Daemon) takePlace(ctx context.Context) {
	p := d.predecessor
	data, alone := context.WithCancel(ctx)
	defer alone()
	verdict := newTask(ctx, func(context.Context) {
		if p.gone = p.givesWay(); p.gone {
			alone()
		}
	})
	d.store.Wait(data) //nolint:errcheck // without data because there is no predecessor or an end: both are looked at
	if ctx.Err() == nil {
		d.begin()
		io.WriteString(p.line, readyWord) //nolint:errcheck // verdict sees that it is gone
	}
	select {
	case <-verdict.done:
	case <-ctx.Done(): // we are to end; the word may be on its way all the same
		p.line.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) //nolint:errcheck // on a connection that fails anyhow
		<-verdict.done
	}
	verdict.end()
	defer func() { _ = p.line.Close() }()
	if p.gone {
		d.settle()
		d.adopt(ctx, p.line)
	}
}

// givesWay waits for the word of the predecessor, or its end.
func (p *predecessor) givesWay() bool {
	word := make([]byte, len(yoursWord))
	_, err := io.ReadFull(p.line, word)
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// settle makes the sockets ours for good. Those that the configuration does not
// name any more go with their files.
func (d *Daemon) settle() {
	d.mu.Lock()
	for s, f := range d.predecessor.files {
		s.file = f
	}
	for _, address := range d.inherited.close() {
		d.log.Info("no longer listening", zap.String("address", address))
	}
	d.mu.Unlock()
	d.quiet.Store(false)
	d.notifyReady(fmt.Sprintf("serving in place of process %d", d.predecessor.pid))
	d.log.Info("serving in place of the process before", zap.Int("old_pid", d.predecessor.pid))
}

// begin runs the accept loops.
func (d *Daemon) begin() {
	if d.predecessor == nil {
		d.sending.open()
	}
	if d.estate != nil {
		d.logins.auth.Adopt(d.estate.Logins)
	}
	d.beginPorts()
	d.adoptEstate()
}

func (d *Daemon) beginPorts() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.allPorts() {
		if d.predecessor == nil || !p.waits() {
			d.beginPort(p)
		}
	}
}

func (d *Daemon) beginPort(p *port) {
	p.start()
	if p != d.control {
		d.log.Info("listening", zap.String("protocol", p.cfg.Protocol), zap.Stringer("address", p.cfg.endpoint))
	}
}
