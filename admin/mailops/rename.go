package mailops

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// transfer is a home on its way to another place. Each spot may or may not be
// there; which are says how far it got.
type transfer struct {
	*work
	src, dst *place

	home, taken, moving, goneFrom, done spot // beside the old place
	target, copying, copied, away, gone spot // beside the new one
}

const moved = "moved"

// rename brings a home to its new place.
func (w *work) rename() (string, error) {
	src, dst, err := w.places()
	if err != nil {
		return "", err
	}
	if src.below() == dst.below() {
		return "it is there", nil
	}
	for range tries {
		text, err := w.transfer(src, dst)
		if !errors.Is(err, fs.ErrNotExist) && !isTaken(err) {
			return text, err
		}
	}
	return "", errRace
}

// places finds where a renaming begins and ends.
func (w *work) places() (src, dst *place, err error) {
	op := w.op
	if op.MailboxID == 0 || op.Address == "" {
		return nil, nil, refuse(op.Argument, "delete the row in admin_mailboxoperation; the folder stays", "is to be renamed, and its mailbox is gone")
	}
	if op.Home == "" {
		return nil, nil, refuse(op.Argument, "give the mailbox another address", "is to become the home of %s, whose address cannot be part of a path", shown(op.Address))
	}
	if src, err = w.root.locate(op.Argument); err != nil {
		return nil, nil, err
	}
	dst, err = w.root.locate(op.Home)
	return src, dst, err
}

// transfer opens the folders on both sides and goes on from whatever is there.
func (w *work) transfer(src, dst *place) (string, error) {
	t := &transfer{work: w, src: src, dst: dst}
	from, err := w.root.open(src)
	switch {
	case errors.Is(err, fs.ErrNotExist): // a copy may wait on the other side all the same
		if from, err = openDir(w.root.f, "."); err != nil {
			return "", err
		}
		none := spot{from, src.own("none", w.op.ID)}
		t.home, t.taken, t.moving, t.goneFrom, t.done = none, none, none, none, none
	case err != nil:
		return "", err
	default:
		t.home, t.taken = spot{from, src.name}, spot{from, src.own(aside, w.op.ID)}
		t.moving, t.goneFrom = spot{from, src.own(moving, w.op.ID)}, spot{from, src.own(deleted, w.op.ID)}
		t.done = spot{from, src.own(done, w.op.ID)}
	}
	defer func() { _ = from.Close() }()
	to, err := t.openTarget(from)
	if to == nil || err != nil {
		return nothingThere, err
	}
	defer func() { _ = to.Close() }()
	t.target = spot{to, dst.name}
	t.copying, t.copied = spot{to, dst.own(copying, w.op.ID) + "-" + w.tag}, spot{to, dst.own(copied, w.op.ID)}
	t.away, t.gone = spot{to, dst.own(aside, w.op.ID)}, spot{to, dst.own(deleted, w.op.ID)}
	return t.run()
}

// openTarget opens the folder above the new place. It makes it, with the owner
// and the permissions of the old one, if there is something to move.
func (t *transfer) openTarget(from *os.File) (*os.File, error) {
	to, err := t.root.open(t.dst)
	if !errors.Is(err, fs.ErrNotExist) {
		return to, err
	}
	for _, s := range []spot{t.home, t.taken, t.moving} {
		switch there, err := s.isThere(); {
		case err != nil:
			return nil, err
		case there:
			var like unix.Stat_t
			if err := unix.Fstat(int(from.Fd()), &like); err != nil {
				return nil, err
			}
			t.step("mkdir")
			return t.root.openOrMake(t.dst, &like)
		}
	}
	return nil, t.passed(t.home)
}

func (t *transfer) run() (string, error) {
	for _, s := range []spot{t.goneFrom, t.gone} { // decided by a run before
		if err := t.removeTree(s); err != nil {
			return "", err
		}
	}
	source, there, err := t.source()
	if err != nil {
		return "", err
	}
	if !there {
		return t.nothing()
	}
	text, err := t.bring(source)
	var refused *Refusal
	if errors.As(err, &refused) {
		err = errors.Join(err, t.putBack(t.moving))
	}
	return text, err
}

// source finds the folder to be brought to the new place, and takes it out of
// everybody's way.
func (t *transfer) source() (s spot, there bool, err error) {
	ready, err := t.copied.isThere()
	if err != nil {
		return s, false, err
	}
	left, err := t.moving.isThere()
	switch {
	case err != nil:
		return s, false, err
	case ready && left: // the copy is whole, and the original has not gone yet
		return t.copied, true, t.drop(t.moving, t.goneFrom)
	case ready:
		return t.copied, true, nil
	case left:
		return t.moving, true, nil
	}
	switch over, err := t.done.isThere(); {
	case err != nil:
		return s, false, err
	case over: // what is at the old place is something else
		return s, false, t.passed(t.moving, t.copied)
	}
	there, err = t.take()
	return t.moving, there, err
}

// drop decides that a folder goes, and removes it.
func (t *transfer) drop(s, gone spot) error {
	if err := t.move(s, gone); err != nil {
		return err
	}
	return t.removeTree(gone)
}

// bring moves the source to its place, once that is free.
func (t *transfer) bring(source spot) (string, error) {
	for range tries {
		free, err := t.clear(source)
		if err != nil {
			return "", err
		}
		if !free {
			return "there was no mail in it, and there is in the new one", nil
		}
		if err := t.markDone(); err != nil {
			return "", err
		}
		switch err = t.move(source, t.target); {
		case err == nil:
			return moved, t.removeTree(t.gone)
		case errors.Is(err, unix.EXDEV):
			if err := t.copyOver(); err != nil {
				return "", err
			}
			source = t.copied
		case !isTaken(err):
			return "", err
		}
	}
	return "", errRace
}

// markDone says that it is done once nothing waits to be moved any more.
func (t *transfer) markDone() error {
	if t.done == t.home { // there is no folder to say it in, nor one that could be taken for the old home
		return nil
	}
	t.step("mkdir")
	return t.done.mark()
}

// copyOver brings the source to the file system of its new place. The original
// is out of Dovecot's reach, so the copy misses nothing.
func (t *transfer) copyOver() error {
	if err := t.dropCopies(); err != nil {
		return err
	}
	if err := t.copyTree(t.moving, t.copying); err != nil {
		return err
	}
	if err := t.move(t.copying, t.copied); err != nil {
		return err
	}
	return t.drop(t.moving, t.goneFrom)
}

// putBack brings the old home back to where it was, unless something is there.
func (t *transfer) putBack(s spot) error {
	err := t.move(s, t.home)
	if isTaken(err) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// dropCopies removes copies that a run before did not finish, unless they may be
// those of another process.
func (t *transfer) dropCopies() error {
	if !t.locked {
		return nil
	}
	old := t.dst.own(copying, t.op.ID)
	return eachName(t.copying.dir, func(name string) error {
		if !strings.HasPrefix(name, old) {
			return nil
		}
		return t.removeTree(spot{t.copying.dir, name})
	})
}
