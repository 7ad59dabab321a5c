package mailops

import (
	"errors"
	"io/fs"
)

// tries is how often a step begins anew because somebody else was at work on
// the same folder.
const tries = 5

var errRace = errors.New("somebody else is at work on the same folder: it is tried again")

const (
	nothingThere = "there is no such folder"
	removed      = "removed"
)

// deletion is a home that is to go, and the names it bears until it is gone.
type deletion struct {
	*work
	place            *place
	home, away, gone spot
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
	defer dir.Close()
	d := &deletion{work: w, place: p, home: spot{dir, p.name}, away: spot{dir, p.own(aside, w.op.ID)}, gone: spot{dir, p.own(deleted, w.op.ID)}}
	text := nothingThere
	for range tries {
		found, err := d.gone.isThere()
		if err == nil && found {
			text = removed
			err = w.removeTree(d.gone)
		}
		if err == nil {
			found, err = d.putAside()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist) || isTaken(err): // another process was quicker
			continue
		case err != nil:
			return "", err
		case !found:
			return text, nil
		}
	}
	return "", errRace
}

// putAside takes a home out of everybody's way and, once it is certain that it
// is nobody's, decides that it goes. It reports whether there was one.
func (d *deletion) putAside() (bool, error) {
	there, err := d.away.isThere()
	if err != nil {
		return false, err
	}
	if !there {
		if there, err = d.home.isThere(); err != nil || !there {
			return false, err
		}
		if err := d.live(); err != nil {
			return false, err
		}
		if err := d.move(d.home, d.away); err != nil {
			return false, err
		}
	}
	// Now that no mail can get into it: whose was it until then?
	if err := d.live(); err != nil {
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
	defer dir.Close()
	d := &deletion{work: w, place: p, home: spot{dir, p.name}}
	there, err := d.home.isThere()
	if err != nil {
		return "", err
	}
	if err := d.live(); err != nil {
		return "", err
	}
	for _, state := range []string{aside, deleted} {
		begun, err := spot{dir, p.own(state, w.op.ID)}.isThere()
		if err != nil {
			return "", err
		}
		there = there || begun
	}
	if !there {
		return nothingThere, nil
	}
	return "would be removed", nil
}
