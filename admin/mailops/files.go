package mailops

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Facts are what the rows say at the moment of asking.
type Facts interface {
	// Pending returns errDone if an operation's row is gone.
	Pending(ctx context.Context, op *Operation) error
	// Owner returns the mailbox whose home a path is, nil if there is none.
	Owner(ctx context.Context, home string, op *Operation) (*Owner, error)
	// Leaves returns another row that will take away what is at a path, 0 if
	// there is none.
	Leaves(ctx context.Context, home string, op *Operation) (row int64, err error)
}

// Owner is a mailbox that has a home.
type Owner struct {
	Address string
	Since   time.Time // when the mailbox was made
	// Elsewhere says that its mail is not there yet: a rename that was ordered
	// after the operation at hand will bring it.
	Elsewhere bool
}

// Files carries operations out on the folders, as their owner.
type Files struct {
	Root string // absolute; symbolic links may lead to it, none below it is followed
	// Depth is how many folders below Root a home is: 2 for /srv/vmail/%d/%n.
	Depth int

	// For tests.
	step     func(point string) // before each change on disk
	unlocked bool               // as on a file system without locks
}

// ErrBusy says that another process is at work on the same folders.
var ErrBusy = errors.New("another vmapd is at work on the mailboxes")

// Check says why this process cannot work on the folders: an *OwnerError, or
// that there is no such root.
func (f *Files) Check() error {
	r, err := openRoot(f.Root, f.Depth)
	if err != nil {
		return err
	}
	defer r.close()
	return r.allow(os.Geteuid())
}

// Open locks the root: the lock ends with the process, so it cannot be left
// behind. On file systems without locks it is done without.
func (f *Files) Open(context.Context) (Session, error) {
	r, err := openRoot(f.Root, f.Depth)
	if err != nil {
		return nil, err
	}
	if err := r.allow(os.Geteuid()); err != nil {
		r.close()
		return nil, err
	}
	s := &filesSession{root: r, step: f.step, tag: rand.Text()[:8]}
	if s.step == nil {
		s.step = func(string) {}
	}
	if err := unix.Flock(int(r.f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) && !f.unlocked {
		r.close()
		return nil, ErrBusy
	} else if err == nil {
		s.locked = !f.unlocked
	}
	return s, nil
}

// allow refuses to work as somebody else than the owner of the folders: what
// root makes Dovecot could not use, and what root can remove is too much.
func (r *root) allow(uid int) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(r.f.Fd()), &st); err != nil {
		return fmt.Errorf("mailboxes.root: %w", err)
	}
	if int(st.Uid) == uid {
		return nil
	}
	return &OwnerError{Root: r.dir, Owner: int(st.Uid), UID: uid}
}

// OwnerError says that this process is not the one to work on the mail.
type OwnerError struct {
	Root       string
	Owner, UID int // user ids: of the folder, of the process
}

// Error returns one line.
func (e *OwnerError) Error() string {
	return fmt.Sprintf("mailboxes.root, %s, belongs to user %d, vmapd runs as user %d", e.Root, e.Owner, e.UID)
}

// Remedy returns one sentence that says what to do.
func (e *OwnerError) Remedy() string {
	return fmt.Sprintf("have the owner of the mail run it, for example by a timer: setpriv --reuid=%d --regid=%d --clear-groups vmapd mailbox-operations", e.Owner, e.Owner)
}

type filesSession struct {
	root   *root
	step   func(string)
	tag    string // of this process: two that copy the same do not meet
	locked bool   // nobody else is at work
}

// Close unlocks the root.
func (s *filesSession) Close() error { return s.root.f.Close() }

// Carry carries an operation out, or, if dry, says what that would mean.
func (s *filesSession) Carry(ctx context.Context, op *Operation, facts Facts, dry bool) (string, error) {
	w := &work{filesSession: s, ctx: ctx, facts: facts, op: op}
	switch {
	case op.Kind == Delete && dry:
		return w.previewDelete()
	case op.Kind == Delete:
		return w.delete()
	case op.Kind == Rename && dry:
		return w.previewRename()
	case op.Kind == Rename:
		return w.rename()
	}
	return "", refuseKind(op)
}

func refuseKind(op *Operation) error {
	return refuse(op.Argument, "delete the row in admin_mailboxoperation", "has an operation %q in store, and vmapd knows rename and delete", op.Kind)
}

// Settle removes the mark that an operation is done, whose row is gone now.
func (s *filesSession) Settle(op *Operation) error {
	p, err := s.root.locate(op.Argument)
	if err != nil {
		return err
	}
	dir, err := s.root.open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	s.step("rmdir")
	return removeDir(dir, p.own(done, op.ID))
}

// work is one operation at work.
type work struct {
	*filesSession
	ctx   context.Context
	facts Facts
	op    *Operation
}

// move is spot.move, where a test may stop.
func (w *work) move(from, to spot) error {
	w.step("rename")
	return from.move(to)
}

// passed returns errPassed if one of some spots is filled: it is asked of all
// those through which another process may take a folder, in that order, before
// the folder is said not to be there. Whoever says so deletes the row, and the
// other one, seeing that, would put the folder back.
func (w *work) passed(spots ...spot) error {
	for _, s := range spots {
		if there, err := s.isThere(); err != nil {
			return err
		} else if there {
			return errPassed
		}
	}
	return nil
}

// isTaken reports whether a rename found something in its place.
func isTaken(err error) bool {
	return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST)
}
