package dict

import (
	"bytes"
	"context"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// iterate answers an I.
func (s *session) iterate(ctx context.Context, dst []byte) []byte {
	user := s.user()
	for _, path := range s.cmd.paths {
		if reason := s.unfit(path, user); reason != "" {
			return appendFail(dst, reason)
		}
	}
	s.rows = IterateRequest{Client: s.client, User: user, Paths: s.cmd.paths, Flags: s.cmd.flags, MaxRows: s.cmd.rows}
	w := rowWriter{session: s, dst: dst, left: s.cmd.rows}
	err := s.dict.Iterate(ctx, &s.rows, w.row)
	switch {
	case w.lost:
		return w.dst
	case w.reason != "":
		return appendFail(w.dst, w.reason)
	case err != nil:
		return appendFail(w.dst, err.Error())
	}
	return appendEnd(w.dst)
}

// rowWriter writes the rows of one iteration.
type rowWriter struct {
	*session
	dst    []byte
	left   uint64 // rows the client still wants, if it set a limit
	full   bool   // it has them all
	lost   bool   // the client is gone
	reason string // why a row was not sent
}

// row is the yield of Dict.Iterate. It stays false once it was.
func (w *rowWriter) row(key, value []byte) (more bool) {
	if w.full || w.lost || w.reason != "" {
		return false
	}
	wanted, reason := w.judge(key)
	if w.rows.Flags&NoValue != 0 {
		value = nil
	}
	if wanted && hasNUL(value) {
		reason = "the value of a row " + errNUL
	}
	switch {
	case reason != "":
		w.reason = w.refuse(0, key, reason)
		return false
	case !wanted:
		return true
	}
	w.dst = appendRow(w.dst, key, value)
	if len(w.dst) >= line.FlushSize {
		var ok bool
		if w.dst, ok = w.flush(w.dst); !ok {
			w.lost = true
			return false
		}
	}
	if w.rows.MaxRows > 0 {
		w.left--
		w.full = w.left == 0
	}
	return !w.full
}

// judge says whether a row is one that the flags ask for, and the reason if it
// must not be sent at all.
func (w *rowWriter) judge(key []byte) (wanted bool, reason string) {
	if hasNUL(key) {
		return false, "the key of a row " + errNUL
	}
	below := false
	for _, path := range w.rows.Paths {
		rest, ok := bytes.CutPrefix(key, path)
		if !ok {
			continue
		}
		below = true
		if w.rows.Flags&ExactKey != 0 {
			wanted = wanted || len(rest) == 0
		} else {
			wanted = wanted || w.rows.Flags&Recurse != 0 || bytes.IndexByte(rest, '/') < 0
		}
	}
	if !below {
		return false, "the key of a row is outside the path that was asked for"
	}
	return wanted, ""
}
