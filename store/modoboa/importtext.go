package modoboa

import (
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"unicode"
	"unicode/utf8"
)

// csvText is a CSV file that can be gone through more than once.
type csvText struct {
	r         io.ReadSeeker
	from      int64    // where it begins in r
	temporary *os.File // nil: r is the caller's
	separator rune

	lines int // that say something
	errs  lineErrors
	sum   uint32
}

// openCSV reads a file once, to the end. What is wrong with single lines is in
// the result; the error is one of r or of the separator.
func openCSV(r io.Reader, separator rune) (*csvText, error) {
	if separator == 0 {
		separator = ';'
	}
	if separator == '"' || separator == '#' || unicode.IsControl(separator) && separator != '\t' || !utf8.ValidRune(separator) {
		return nil, fmt.Errorf("%q cannot be the separator: Modoboa writes \";\"", separator)
	}
	t := &csvText{separator: separator}
	if err := t.keep(r); err != nil {
		return nil, err
	}
	sum := crc32.NewIEEE()
	c := newCSVReader(io.TeeReader(t.r, sum), separator)
	for {
		err := c.next()
		t.lines += len(c.file.lines)
		c.file.lines = c.file.lines[:0]
		if errors.Is(err, io.EOF) {
			t.errs, t.sum = c.file.errs, sum.Sum32()
			return t, nil
		}
		if err != nil {
			t.close()
			return nil, err
		}
	}
}

// keep makes sure that what r holds can be read again.
func (t *csvText) keep(r io.Reader) error {
	if s, ok := r.(io.ReadSeeker); ok {
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			t.r, t.from = s, at
			return nil
		}
	}
	f, err := os.CreateTemp("", "vmapd-import-")
	if err != nil {
		return fmt.Errorf("keep the file while it is imported: %w: set TMPDIR to a folder with room, or name a file", err)
	}
	t.r, t.temporary = f, f
	_ = os.Remove(f.Name()) // there are passwords in it: nobody else needs to find it
	if _, err := io.Copy(f, r); err != nil {
		t.close()
		return fmt.Errorf("read the file: %w", err)
	}
	return t.rewind()
}

func (t *csvText) rewind() error {
	if _, err := t.r.Seek(t.from, io.SeekStart); err != nil {
		return fmt.Errorf("read the file again: %w", err)
	}
	return nil
}

// close lets the temporary file go.
func (t *csvText) close() {
	if t.temporary != nil {
		_ = t.temporary.Close()
	}
}

// parts calls take with up to size lines after the other.
func (t *csvText) parts(size int, take func(*csvFile) error) error {
	if err := t.rewind(); err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	c := newCSVReader(io.TeeReader(t.r, sum), t.separator)
	for end := false; !end; {
		err := c.next()
		if end = errors.Is(err, io.EOF); err != nil && !end {
			return err
		}
		if end {
			err = t.same(sum)
		}
		if err == nil && (len(c.file.lines) == size || end && len(c.file.lines) > 0) {
			err = take(&c.file)
			c.file.lines = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// same is an error unless what was read is what was read before.
func (t *csvText) same(sum hash.Hash32) error {
	if sum.Sum32() != t.sum {
		return errors.New("read the file again: somebody changed it meanwhile")
	}
	return nil
}
