package mailops

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// tries is how often a step begins anew because somebody else was at work on
// the same folder.
const tries = 5

var errRace = errors.New("somebody else is at work on the same folder: it is tried again")

// errPassed has a step begin anew: another process took on what was looked for
// while that was looked for.
var errPassed = fmt.Errorf("another process has it in hand: %w", fs.ErrNotExist)

const (
	nothingThere = "there is no such folder"
	removed      = "removed"
)

// deletion is a home that is to go, and the names it bears until it is gone.
type deletion struct {
	*work
	place                  *place
	home, away, gone, done spot
}

func (w *work) deletion(p *place, dir *os.File) *deletion {
	id := w.op.ID
	return &deletion{work: w, place: p, home: spot{dir, p.name}, away: spot{dir, p.own(aside, id)}, gone: spot{dir, p.own(deleted, id)}, done: spot{dir, p.own(done, id)}}
}

// delete removes a home.
func (w *work) delete() (string, error) {
	p, err := w.root.locate(w.op.Argument)
	if err != nil {
		return "", err
	}
	dir, err := w.root.open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nothingThere, nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = dir.Close() }()
	d := w.deletion(p, dir)
	for range tries {
		text, err := d.run()
		if !errors.Is(err, fs.ErrNotExist) && !isTaken(err) { // else another process was quicker
			return text, err
		}
	}
	return "", errRace
}

func (d *deletion) run() (string, error) {
	begun, err := d.decided()
	if err == nil && !begun {
		begun, err = d.putAside()
	}
	if err != nil || !begun {
		return nothingThere, err
	}
	d.step("mkdir")
	if err := d.done.mark(); err != nil {
		return "", err
	}
	return removed, d.removeTree(d.gone)
}

// decided reports whether a run before has decided that the home goes: what is
// at its place now is something else.
func (d *deletion) decided() (bool, error) {
	for _, s := range []spot{d.gone, d.done} {
		if there, err := s.isThere(); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// putAside takes a home out of everybody's way and, once it is certain that it
// is nobody's, decides that it goes. It reports whether there was one.
func (d *deletion) putAside() (bool, error) {
	there, err := d.away.isThere()
	if err != nil {
		return false, err
	}
	if !there {
		d.step("look")
		if there, err = d.home.isThere(); err != nil {
			return false, err
		}
		if !there {
			return false, d.passed(d.away, d.gone, d.home)
		}
		if err := d.live(); err != nil {
			return false, err
		}
		if err := d.move(d.home, d.away); err != nil {
			return false, err
		}
	}
	// Now that no mail can get into it: whose was it until then? If the row is gone
	// another process has removed what it meant, and this is something else.
	err = d.facts.Pending(d.ctx, d.op)
	if err == nil {
		err = d.live()
	}
	if err != nil {
		return false, d.putBack(err)
	}
	return true, d.move(d.away, d.gone)
}

// live refuses to remove the home of a mailbox.
func (d *deletion) live() error {
	o, err := d.facts.Owner(d.ctx, d.place.path, d.op)
	if err != nil || o == nil || o.Elsewhere {
		return err
	}
	return refuse(d.place.path, "if the old mail is to go, have the owner of "+o.Address+" or an administrator remove it by IMAP; then delete the row in admin_mailboxoperation",
		"is the home of the mailbox %s, which was made again after the one that was deleted: what is there may be its mail", o.Address)
}

// putBack undoes putting aside.
func (d *deletion) putBack(why error) error {
	err := d.move(d.away, d.home)
	if isTaken(err) {
		return refuse(d.away.path(), "move what is in it to where it belongs, or remove it, and delete the row in admin_mailboxoperation",
			"was taken from %s, which a mailbox has as its home again and which has something in it: nothing was removed", shown(d.place.path))
	}
	return errors.Join(why, err)
}

// previewDelete says what delete would do.
func (w *work) previewDelete() (string, error) {
	p, err := w.root.locate(w.op.Argument)
	if err != nil {
		return "", err
	}
	dir, err := w.root.open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nothingThere, nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = dir.Close() }()
	d := w.deletion(p, dir)
	there, err := d.decided()
	for _, s := range []spot{d.home, d.away} {
		if err == nil && !there {
			if there, err = s.isThere(); err == nil && there {
				err = d.live()
			}
		}
	}
	if err != nil || !there {
		return nothingThere, err
	}
	return "would be removed", nil
}
