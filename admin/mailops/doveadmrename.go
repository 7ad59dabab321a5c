package mailops

import (
	"context"
	"path/filepath"
	"strings"
)

// rename copies the mail of a mailbox to its new home, and other files, and
// removes the old home. Every step may be repeated.
func (s *doveadmSession) rename(w *work, src, dst *place, dry bool) (string, error) {
	old, home := s.path(src), s.path(dst)
	if old == home {
		return "it is there", nil
	}
	there, err := s.exists(w.ctx, old)
	if err != nil || !there {
		return nothingThere, err
	}
	if err := s.ownerOf(w, src); err != nil {
		return "", err
	}
	mail, err := s.location(w, home)
	if err != nil {
		return "", err
	}
	files, err := s.others(w.ctx, old, mail.Below)
	if err != nil {
		return "", err
	}
	if err := s.collide(w.ctx, old, home, files); err != nil || dry {
		return "would be copied by Dovecot, and the old home removed", err
	}
	if err := w.facts.Pending(w.ctx, w.op); err != nil {
		return "", err
	}
	if err := s.bring(w, old, home, mail, files); err != nil {
		return "", err
	}
	return "copied by Dovecot, and the old home removed", s.remove(w.ctx, old)
}

// ownerOf refuses to take away the home of another mailbox.
func (s *doveadmSession) ownerOf(w *work, src *place) error {
	o, err := w.facts.Owner(w.ctx, src.path, w.op)
	if err != nil || o == nil || o.Elsewhere {
		return err
	}
	return refuse(src.path, "move the messages that are "+w.op.Address+"'s by IMAP; then delete the row in admin_mailboxoperation",
		"is the home of the mailbox %s, which was made after the one that is to be renamed: whose mail is there must be decided by hand", o.Address)
}

// location is where Dovecot has the mail of the new user; it must agree on the
// home.
func (s *doveadmSession) location(w *work, home string) (Location, error) {
	var users map[string]struct{ Home, Mail string }
	err := s.API.call(w.ctx, []command{{"user", map[string]any{"userMask": []string{w.op.Address}}}}, &users)
	if hasCode(err, exitNoUser) {
		return Location{}, refuse(w.op.Argument, "see that Dovecot asks vmapd for its users (vmapd doctor --only dovecot)", "is to become the home of %s, whom Dovecot does not know", w.op.Address)
	}
	if err != nil {
		return Location{}, err
	}
	u := users[w.op.Address]
	if filepath.Clean(u.Home) != home {
		return Location{}, refuse(w.op.Argument, "set dovecot.home to what Dovecot has as mail_home", "is to become %s, and Dovecot has %s as the home of %s", shown(home), shown(u.Home), w.op.Address)
	}
	if s.Mail != (Location{}) {
		return s.Mail, nil
	}
	below := strings.Replace(u.Mail, ":"+u.Home+"/", ":~/", 1)
	l, err := ParseLocation(below)
	if err != nil {
		return Location{}, refuse(w.op.Argument, "set mailboxes.doveadm_mail, or use mode files", "cannot be copied: mail_location %v", err)
	}
	return l, nil
}

// maxFiles is how many files besides mail a home may have: each costs a process
// of Dovecot's.
const maxFiles = 1000

// others lists the files of a home that are not mail, relative to it.
func (s *doveadmSession) others(ctx context.Context, home, mail string) (files []string, err error) {
	type entry struct {
		Path string `json:"path"`
	}
	queue := []string{""}
	for len(queue) > 0 {
		dir := queue[0]
		queue = queue[1:]
		var here, dirs []entry
		path := filepath.Join(home, dir) + "/"
		if err := s.API.call(ctx, []command{s.file("fsIter", map[string]any{"path": path}), s.file("fsIterDirs", map[string]any{"path": path})}, &here, &dirs); err != nil {
			return nil, err
		}
		for _, f := range here {
			files = append(files, filepath.Join(dir, f.Path))
		}
		for _, d := range dirs {
			if sub := filepath.Join(dir, d.Path); sub != mail {
				queue = append(queue, sub)
			}
		}
		if len(files)+len(queue) > maxFiles {
			return nil, refuse(home, "use mode files", "has more than %d files that are not mail", maxFiles)
		}
	}
	return files, nil
}

// collide refuses to put files over others. One of the same size is taken for
// the same: a run before may have copied it.
func (s *doveadmSession) collide(ctx context.Context, old, home string, files []string) error {
	for _, f := range files {
		there, err := s.exists(ctx, filepath.Join(home, f))
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		var was, is []struct {
			Size int64 `json:"size"`
		}
		err = s.API.call(ctx, []command{s.file("fsStat", map[string]any{"path": filepath.Join(old, f)}), s.file("fsStat", map[string]any{"path": filepath.Join(home, f)})}, &was, &is)
		if err != nil {
			return err
		}
		if len(was) != 1 || len(is) != 1 || was[0].Size != is[0].Size {
			return refuse(filepath.Join(old, f), "decide which is to stay, and remove the other one", "cannot be copied: there is another %s", shown(filepath.Join(home, f)))
		}
	}
	return nil
}

// bring copies mail and files. Within one request the first command makes the
// process the user's, so what the others make is his as well.
func (s *doveadmSession) bring(w *work, old, home string, mail Location, files []string) error {
	sync := command{"sync", map[string]any{"user": w.op.Address, "onewaySync": true, "reverseSync": true, "fullSync": true, "destination": []string{mail.in(old)}}}
	there, err := s.exists(w.ctx, filepath.Join(old, mail.Below))
	if err != nil {
		return err
	}
	if there {
		for range 2 { // what changed during the first
			if err := s.API.call(w.ctx, []command{sync}, nil); err != nil {
				return err
			}
		}
	}
	for _, f := range files {
		if there, err := s.exists(w.ctx, filepath.Join(home, f)); err != nil {
			return err
		} else if there {
			continue
		}
		status := command{"mailboxStatus", map[string]any{"user": w.op.Address, "field": []string{"messages"}, "mailboxMask": []string{"INBOX"}}}
		if err := s.API.call(w.ctx, []command{status, s.file("fsCopy", map[string]any{"sourcePath": filepath.Join(old, f), "destinationPath": filepath.Join(home, f)})}, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
