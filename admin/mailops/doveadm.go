package mailops

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
)

// Doveadm has operations carried out by Dovecot. It can do less than Files:
// there is no command that renames a folder, so the mail is copied (doveadm sync)
// to where Dovecot says that the new user has it, then other files of the home,
// such as Sieve scripts; then the old home is removed. Who looks for a mailbox at
// a home and who removes it are two, so a home is not put aside first. The paths
// are checked as strings alone: vmapd does not see what symbolic links there are.
type Doveadm struct {
	API  API
	Root string // see Files
	// Depth is how many folders below Root a home is.
	Depth int
	// Mail is where the mail of a mailbox is below its home; the zero value: where
	// Dovecot says.
	Mail Location
	// FS is the name of a block "fs" of Dovecot 2.4, with fs_driver = posix and
	// its directories kept. Dovecot 2.3 needs none.
	FS string
}

// Open asks which commands there are.
func (d *Doveadm) Open(ctx context.Context) (Session, error) {
	text, err := d.API.do(ctx, http.MethodGet, nil, patience)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Command    string `json:"command"`
		Parameters []struct {
			Name string `json:"name"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, &apiError{err}
	}
	s := &doveadmSession{Doveadm: d, root: &root{dir: filepath.Clean(d.Root), real: filepath.Clean(d.Root), depth: d.Depth}}
	for _, c := range list {
		for _, p := range c.Parameters {
			s.named = s.named || c.Command == "fsDelete" && p.Name == "filterName"
		}
	}
	if s.named && d.FS == "" {
		return nil, &apiError{errors.New("this Dovecot (2.4) reaches files by a block \"fs\" of its configuration, and mailboxes.doveadm_fs names none")}
	}
	return s, nil
}

type doveadmSession struct {
	*Doveadm
	root  *root // closed: it checks paths
	named bool  // commands for files take the name of a block (2.4)
}

// Close implements [Session].
func (s *doveadmSession) Close() error { return nil }

// Settle implements [Session]: there is nothing to settle.
func (s *doveadmSession) Settle(*Operation) error { return nil }

// Carry carries an operation out, or, if dry, says what that would mean.
func (s *doveadmSession) Carry(ctx context.Context, op *Operation, facts Facts, dry bool) (string, error) {
	w := &work{filesSession: &filesSession{root: s.root}, ctx: ctx, facts: facts, op: op}
	switch op.Kind {
	case Delete:
		p, err := s.root.locate(op.Argument)
		if err != nil {
			return "", err
		}
		return s.delete(w, p, dry)
	case Rename:
		src, dst, err := w.places()
		if err != nil {
			return "", err
		}
		return s.rename(w, src, dst, dry)
	}
	return "", refuseKind(op)
}

// file makes a command that works on files.
func (s *doveadmSession) file(name string, params map[string]any) command {
	if s.named {
		params["filterName"] = s.FS
	} else {
		params["fsDriver"], params["fsArgs"] = "posix", "dirs"
	}
	return command{name, params}
}

// exists reports whether there is a folder or file.
func (s *doveadmSession) exists(ctx context.Context, path string) (bool, error) {
	err := s.API.call(ctx, []command{s.file("fsStat", map[string]any{"path": path})}, nil)
	if hasCode(err, exitNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (s *doveadmSession) delete(w *work, p *place, dry bool) (string, error) {
	home := s.path(p)
	there, err := s.exists(w.ctx, home)
	if err != nil || !there {
		return nothingThere, err
	}
	if err := (&deletion{work: w, place: p}).live(); err != nil {
		return "", err
	}
	if dry {
		return "would be removed", nil
	}
	if err := w.facts.Pending(w.ctx, w.op); err != nil {
		return "", err
	}
	return removed, s.remove(w.ctx, home)
}

// path is where a home is, without what may be odd about how it is stored.
func (s *doveadmSession) path(p *place) string { return filepath.Join(s.root.dir, p.below()) }

// remove removes a tree. Symbolic links in it are removed, not followed.
func (s *doveadmSession) remove(ctx context.Context, path string) error {
	if err := s.API.call(ctx, []command{s.file("fsDelete", map[string]any{"recursive": true, "path": []string{path + "/"}})}, nil); err != nil {
		return err
	}
	there, err := s.exists(ctx, path)
	if err == nil && there {
		err = errors.New("doveadm fsDelete has left " + shown(path) + ": Dovecot's log may say why")
	}
	return err
}
