package mailops

import "errors"

// take takes the old home out of everybody's way, looks whether it is still
// ours to move, and decides that. It reports whether there was one.
func (t *transfer) take() (bool, error) {
	there, err := t.taken.isThere()
	if err != nil {
		return false, err
	}
	if !there {
		t.step("look")
		if there, err = t.home.isThere(); err != nil {
			return false, err
		}
		if !there {
			return false, t.passed(t.taken, t.moving, t.copied, t.home)
		}
		if err := t.hopeless(); err != nil {
			return false, err
		}
		if err := t.move(t.home, t.taken); err != nil {
			return false, err
		}
	}
	if err := t.ours(); err != nil {
		return false, errors.Join(err, t.putBack(t.taken))
	}
	return true, t.move(t.taken, t.moving)
}

// hopeless spares a home that cannot be moved the way there and back.
func (t *transfer) hopeless() error {
	found, err := t.mail(t.target)
	if err != nil || found == "" {
		return err
	}
	if row, err := t.facts.Leaves(t.ctx, t.dst.path, t.op); err != nil || row != 0 {
		return err
	}
	if mail, err := t.mail(t.home); err != nil || mail == "" {
		return err
	}
	return t.bothFull(found)
}

// mail is content, "" if there is no such folder.
func (t *transfer) mail(s spot) (string, error) {
	there, err := s.isThere()
	if err != nil || !there {
		return "", err
	}
	return t.content(s)
}

// ours sees whether the old home, which nobody can reach any more, is what the
// row means. Another process may have moved that, and something else been put
// there; or it has become the home of another mailbox, into which something came
// since that was made.
func (t *transfer) ours() error {
	if err := t.facts.Pending(t.ctx, t.op); err != nil {
		return err
	}
	o, err := t.facts.Owner(t.ctx, t.src.path, t.op)
	if err != nil || o == nil || o.Elsewhere {
		return err
	}
	path, err := t.touched(t.taken, o.Since)
	if err != nil || path == "" {
		return err
	}
	return refuse(t.src.path, "move the messages that are "+t.op.Address+"'s by IMAP or by hand; then delete the row in admin_mailboxoperation",
		"is the home of the mailbox %s, which was made after the one that is to be renamed, and something came in since: whose mail it is must be decided by hand", o.Address)
}

// clear makes room at the new place. Not free and no error means that it is the
// old home that holds no mail, and was dropped.
func (t *transfer) clear(source spot) (free bool, err error) {
	there, err := t.away.isThere()
	if err != nil {
		return false, err
	}
	if !there {
		if there, err = t.target.isThere(); err != nil || !there {
			return !there, err
		}
		if found, err := t.content(t.target); err != nil {
			return false, err
		} else if found != "" {
			return false, t.full(source, found)
		}
		if err := t.move(t.target, t.away); err != nil {
			return false, err
		}
	}
	return true, t.dropAside()
}

// full is what happens if there is mail at the new place: its owner may be about
// to leave, or the old home has none and can go.
func (t *transfer) full(source spot, found string) error {
	row, err := t.facts.Leaves(t.ctx, t.dst.path, t.op)
	if err != nil {
		return err
	}
	if row != 0 { // it may want to come to our old place, which is free now
		return errWaits
	}
	if mail, err := t.content(source); err != nil {
		return err
	} else if mail == "" {
		gone := t.goneFrom
		if source == t.copied {
			gone = t.gone
		}
		if err := t.markDone(); err != nil {
			return err
		}
		return t.drop(source, gone)
	}
	return t.bothFull(found)
}

func (t *transfer) bothFull(found string) error {
	return refuse(t.src.path, "bring the mail of both together (with Dovecot down for the user: doveadm sync -1, or move the messages by IMAP), remove the old folder, and it is done at the next run",
		"cannot become %s: both hold mail (there: %s), and vmapd does not merge mailboxes", shown(t.dst.path), shown(found))
}

// dropAside removes what was at the new place, if it still holds nothing now
// that nobody can get at it.
func (t *transfer) dropAside() error {
	found, err := t.content(t.away)
	if err != nil {
		return err
	}
	if found == "" {
		return t.move(t.away, t.gone)
	}
	if err := t.move(t.away, t.target); err != nil && !isTaken(err) {
		return err
	}
	return refuse(t.src.path, "see what is in both folders, bring the mail together, and remove the old one", "cannot become %s: both hold mail (there: %s)", shown(t.dst.path), shown(found))
}

// nothing is what is left to do if there is no old home: bring back what was put
// aside at the new place.
func (t *transfer) nothing() (string, error) {
	there, err := t.away.isThere()
	if err == nil && there {
		if err = t.move(t.away, t.target); isTaken(err) {
			if err = t.dropAside(); err == nil {
				err = t.removeTree(t.gone)
			}
		}
	}
	if err != nil {
		return "", err
	}
	if there, err = t.target.isThere(); err != nil || there {
		return "it was moved before", err
	}
	return nothingThere, nil
}
