package mailops

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Tidy looks through the folders that hold homes for what operations whose rows
// are gone have left behind: what was to be removed is, and the rest is named,
// for nobody but an administrator can say where it belongs. pending reports
// whether the row of an operation is still there.
func (s *filesSession) Tidy(ctx context.Context, pending func(row int64) bool) ([]Result, error) {
	t := &tidying{work: &work{filesSession: s, ctx: ctx}, pending: pending}
	dir, err := openDir(s.root.f, ".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	err = t.look(dir, s.root.depth-1)
	return t.results, err
}

type tidying struct {
	*work
	pending func(int64) bool
	results []Result
}

// look goes down to the folders that hold homes.
func (t *tidying) look(dir *os.File, levels int) error {
	return eachName(dir, func(name string) error {
		if err := context.Cause(t.ctx); err != nil {
			return err
		}
		if levels == 0 {
			return t.leftover(spot{dir, name})
		}
		sub, err := openDir(dir, name)
		if err != nil {
			return nil //nolint:nilerr // no folder, or none that may be read: no mail is below it that we could handle
		}
		defer func() { _ = sub.Close() }()
		return t.look(sub, levels-1)
	})
}

func (t *tidying) leftover(s spot) error {
	state, row, ok := parseOwn(s.name)
	if !ok || t.pending(row) {
		return nil
	}
	r := Result{ID: row, Kind: state, Path: s.path()}
	switch {
	case state == deleted, state == copying && t.locked:
		if err := t.removeTree(s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.Done, r.Text = true, "removed: an operation whose row is gone had left it"
	case state == copying:
		return nil
	case state == done:
		return removeDir(s.dir, s.name)
	default:
		r.Text = "was left by an operation whose row is gone"
		r.Remedy = "see whose mail it is, and move it to " + filepath.Join(s.dir.Name(), "…") + " or remove it"
	}
	t.results = append(t.results, r)
	return nil
}

// parseOwn takes the name of a folder apart that an operation works on.
func parseOwn(name string) (state string, row int64, ok bool) {
	rest, ok := strings.CutPrefix(name, ownPrefix)
	if !ok {
		return "", 0, false
	}
	parts := strings.Split(rest, "-")
	if len(parts) < 3 {
		return "", 0, false
	}
	switch parts[0] {
	case aside, deleted, moving, copying, copied, done:
	default:
		return "", 0, false
	}
	row, err := strconv.ParseInt(parts[1], 10, 64)
	return parts[0], row, err == nil && row >= 0
}
