package modoboa

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// csvFile is what was read of a CSV file: lines whose text is clean, and errors
// for the others.
type csvFile struct {
	lines []csvLine
	errs  lineErrors
	last  int // number of the last line read
}

type csvLine struct {
	number int
	fields []string // trimmed; valid UTF-8, no control characters
}

// field returns a field, "" if the line ends before it.
func (l *csvLine) field(i int) string {
	if i < len(l.fields) {
		return l.fields[i]
	}
	return ""
}

// lineErrors collects errors of a file up to maxLineErrors.
type lineErrors struct {
	first []LineError
	total int
}

func (e *lineErrors) add(line int, format string, args ...any) {
	e.total++
	if len(e.first) < maxLineErrors {
		e.first = append(e.first, LineError{line, fmt.Sprintf(format, args...)})
	}
}

func (e *lineErrors) err() error {
	if e.total == 0 {
		return nil
	}
	return &ImportError{Lines: e.first, Total: e.total}
}

// maxRecord is how many bytes one line may have: an alias with some ten
// thousand recipients.
const maxRecord = 1 << 20

// csvReader takes the lines of a file one by one.
type csvReader struct {
	file    csvFile // what was read and not taken
	limited recordReader
	csv     *csv.Reader
}

func newCSVReader(r io.Reader, separator rune) *csvReader {
	c := &csvReader{limited: recordReader{r: skipMark(r)}}
	c.csv = csv.NewReader(&c.limited)
	c.csv.Comma, c.csv.Comment = separator, '#'
	c.csv.FieldsPerRecord = -1
	return c
}

// next reads one record. The error is io.EOF, or one of the reader below: what
// is wrong with lines is in file.
func (c *csvReader) next() error {
	c.limited.left = maxRecord
	fields, err := c.csv.Read()
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, errRecord):
		c.file.errs.add(c.file.last+1, "is longer than %d bytes: is a quote left open?", maxRecord)
		return io.EOF
	case errors.As(err, &parse):
		c.file.last = parse.Line
		c.file.errs.add(parse.StartLine, "%v: put a field with a quote or the separator in it between quotes, and double the quotes inside", parse.Err)
		return nil
	case err != nil:
		return fmt.Errorf("read the file: %w", err)
	}
	line, _ := c.csv.FieldPos(0)
	c.file.add(line, fields)
	return nil
}

// add keeps a line whose fields are clean. Fields that an export has protected
// from spreadsheets are as they were, but for passwords, which it does not
// touch: one in clear may well begin so.
func (f *csvFile) add(line int, fields []string) {
	f.last = line
	clean, empty := true, true // spreadsheets write rows of empty fields
	for i, s := range fields {
		fields[i] = strings.TrimSpace(s)
		empty = empty && fields[i] == ""
		if err := rows.CheckBytes(fields[i]); err != nil {
			f.errs.add(line, "field %d %v", i+1, err)
			clean = false
		}
		if password := i == 2 && fields[0] == "account"; i > 0 && !password {
			fields[i] = unprotect(fields[i])
		}
	}
	if clean && !empty {
		f.lines = append(f.lines, csvLine{line, fields})
	}
}

var errRecord = errors.New("record too long")

// recordReader ends a record that has no end: encoding/csv would keep an open
// quote's text in memory until the file ends.
type recordReader struct {
	r    io.Reader
	left int
}

func (r *recordReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRecord
	}
	n, err := r.r.Read(p)
	r.left -= n
	return n, err
}

// skipMark leaves out the byte order mark that spreadsheets write.
func skipMark(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\uFEFF" {
		_, _ = b.Discard(3)
	}
	return b
}
