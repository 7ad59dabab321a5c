package mailops

import (
	"errors"
	"io/fs"
)

// previewRename says what rename would do.
func (w *work) previewRename() (string, error) {
	src, dst, err := w.places()
	if err != nil {
		return "", err
	}
	if src.below() == dst.below() {
		return "it is there", nil
	}
	there, found, err := w.peek(src, src.name, src.own(moving, w.op.ID))
	if err != nil {
		return "", err
	}
	begun, _, err := w.peek(dst, dst.own(copied, w.op.ID))
	switch {
	case err != nil:
		return "", err
	case !there && !begun:
		return nothingThere, nil
	case !there || found == "":
		return "would be moved", nil
	}
	_, full, err := w.peek(dst, dst.name, dst.own(aside, w.op.ID))
	if err != nil {
		return "", err
	}
	if full != "" {
		return "", refuse(src.path, "bring the mail of both together, and remove the old folder", "cannot become %s: both hold mail (there: %s)", shown(dst.path), shown(full))
	}
	return "would be moved", nil
}

// peek looks for folders beside each other, and for content in them.
func (w *work) peek(p *place, names ...string) (there bool, found string, err error) {
	dir, err := w.root.open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return false, "", nil
	}
	if err != nil {
		return false, "", err
	}
	defer func() { _ = dir.Close() }()
	for _, name := range names {
		s := spot{dir, name}
		is, err := s.isThere()
		if err != nil {
			return false, "", err
		}
		if is && found == "" {
			if found, err = w.content(s); err != nil {
				return false, "", err
			}
		}
		there = there || is
	}
	return there, found, nil
}
