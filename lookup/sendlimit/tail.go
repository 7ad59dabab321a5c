package sendlimit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// openFile begins with what the file says. If another process writes it, that is
// where this one begins, and Run waits until it may go on.
func (e *Engine) openFile() {
	if e.s.Path == "" {
		return
	}
	e.journal = newJournal(e.s.Path, e.report)
	e.file = &tail{path: e.s.Path, loader: loader{e: e, self: partOf("?")}}
	l, err := tryLock(e.s.Path + "-lock")
	e.journal.report(err)
	e.file.last = l != nil
	e.readFile()
	e.file.late = true
	if l != nil {
		e.own(l)
	}
}

// takeFile tries to get the file, if another process has had it.
func (e *Engine) takeFile() {
	if e.journal == nil || !e.journal.waits() {
		return
	}
	l, err := tryLock(e.s.Path + "-lock")
	e.journal.report(err)
	e.file.last = l != nil
	e.readFile()
	if l != nil {
		e.own(l)
	}
}

func (j *journal) waits() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lock == nil && !j.closed
}

// own makes the file this process's.
func (e *Engine) own(l *lock) {
	e.journal.mu.Lock()
	e.journal.lock = l
	e.journal.mu.Unlock()
	e.rewrite()
}

// readFile takes over what is new in the file.
func (e *Engine) readFile() {
	err := e.file.read()
	var damaged *DamagedError
	switch {
	case errors.As(err, &damaged) && e.file.last:
		damaged.MovedTo = setAside(e.s.Path, e.s.Now())
		e.report(damaged)
	case errors.As(err, &damaged): // whoever gets the file says so
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		e.journal.report(err)
	}
}

// tail is a file that is read as it grows.
type tail struct {
	path string
	info os.FileInfo // of what was read
	at   int64       // where the rest begins
	loader
}

// maxFile bounds what is read into memory.
const maxFile = 4 << 30

// read takes over what was not read yet. While another process writes it, a
// record that is cut off is one that is being written.
func (t *tail) read() error {
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if t.info == nil || !os.SameFile(t.info, info) || info.Size() < t.at {
		t.at = 0
	}
	if info.Size()-t.at > maxFile {
		return &DamagedError{Path: t.path, Err: fmt.Errorf("it has %d bytes", info.Size())}
	}
	b, err := io.ReadAll(io.NewSectionReader(f, t.at, info.Size()-t.at))
	if err != nil {
		return err
	}
	head := 0
	if t.at == 0 && len(b) > 0 {
		if head = len(fileMagic); len(b) < head || string(b[:head]) != fileMagic {
			return &DamagedError{Path: t.path, Err: errVersion}
		}
	}
	good, err := readFrames(b[head:], !t.last, t.record)
	t.info, t.at = info, t.at+int64(head+good)
	if err != nil {
		return &DamagedError{Path: t.path, Err: err}
	}
	return nil
}
