package dict

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// maxPaths bounds the paths of one I in major 2; Dovecot sends one or two.
const maxPaths = 64

// command is one line of a client, taken apart. What its letter does not use
// keeps the value that it had.
type command struct {
	letter byte

	major, minor int    // H
	name         []byte // H

	user  []byte   // H, L, I, B: nil if the line has none
	key   []byte   // L, S, U, A, P
	value []byte   // S
	paths [][]byte // I
	flags Flags    // I
	rows  uint64   // I

	id     uint32 // all but H, L, I
	expire uint32 // B
	diff   int64  // A
	secs   int64  // T
	nsecs  uint32 // T
	secret bool   // V
}

// parse takes a line apart, without its LF, whose bytes it alters. major is that
// of the connection, 0 before H. The error is a *ProtocolError. Fields that a
// later minor version may add are left out.
func (c *command) parse(line []byte, major int) error {
	if len(line) == 0 {
		return &ProtocolError{"client sent an empty line: closing"}
	}
	c.letter = line[0]
	if (c.letter == 'H') != (major == 0) {
		return badLine(line, "H must come first, and once")
	}
	f := fields{rest: line[1:], more: true}
	switch c.letter {
	case 'H':
		c.hello(&f)
	case 'L':
		c.key, c.user = f.text(), f.optional()
	case 'I':
		c.iterate(&f, major)
	default:
		c.operation(&f, major)
	}
	if f.bad != "" {
		return badLine(line, f.bad)
	}
	return nil
}

func (c *command) hello(f *fields) {
	c.major, c.minor = int(f.number(16)), int(f.number(16))
	f.text() // the type of values, always 0
	c.user, c.name = f.text(), f.text()
	if f.bad == "" && (c.major < 2 || c.major > 4) {
		f.bad = fmt.Sprintf("version %d of the dict protocol is not known, 2, 3 and 4 are", c.major)
	}
}

func (c *command) iterate(f *fields, major int) {
	c.flags, c.rows = Flags(f.number(32)), f.number(64)
	c.paths, c.user = append(c.paths[:0], f.text()), nil
	if major > 2 {
		c.user = f.optional()
		return
	}
	for f.more && f.bad == "" {
		if len(c.paths) == maxPaths {
			f.bad = fmt.Sprintf("more than %d paths", maxPaths)
		}
		c.paths = append(c.paths, f.text())
	}
}

// operation parses what is about a transaction.
func (c *command) operation(f *fields, major int) {
	letter := c.letter
	if strings.IndexByte("BSUATVRCDP", letter) < 0 {
		f.bad = "the command is unknown"
		return
	}
	c.id = uint32(f.number(32))
	switch letter {
	case 'B':
		c.user, c.expire = f.optional(), 0
		if major > 3 && f.more {
			c.expire = uint32(f.number(32))
		}
	case 'S', 'P':
		c.key, c.value = f.text(), f.text()
	case 'U':
		c.key = f.text()
	case 'A':
		c.key, c.diff = f.text(), f.signed()
	case 'T':
		c.secs, c.nsecs = f.signed(), uint32(f.number(32))
	case 'V':
		c.secret = string(f.text()) == "yes"
	}
}

// fields hands out the fields of a line one after the other. The first thing
// that is wrong stays in bad.
type fields struct {
	rest []byte
	more bool // there is a field in rest
	bad  string
}

// text is the next field, unescaped.
func (f *fields) text() []byte {
	if !f.more {
		if f.bad == "" {
			f.bad = "a field is missing"
		}
		return nil
	}
	var field []byte
	field, f.rest, f.more = bytes.Cut(f.rest, []byte("\t"))
	field = strescape.Unescape(field)
	return field[:len(field):len(field)]
}

// optional is the next field, or nil.
func (f *fields) optional() []byte {
	if !f.more {
		return nil
	}
	return f.text()
}

// number is the next field as a number without sign of some bits.
func (f *fields) number(bits int) uint64 {
	n, err := strconv.ParseUint(string(f.text()), 10, bits)
	if err != nil && f.bad == "" {
		f.bad = "a number is missing or too large"
	}
	return n
}

// signed is the next field as a number.
func (f *fields) signed() int64 {
	n, err := strconv.ParseInt(string(f.text()), 10, 64)
	if err != nil && f.bad == "" {
		f.bad = "a number is missing or too large"
	}
	return n
}

// badLine is the error for a line outside the grammar. The line of a write may
// contain secrets: only its beginning is shown.
func badLine(line []byte, reason string) error {
	return &ProtocolError{fmt.Sprintf("client sent %q: %s: closing", line[:min(len(line), 20)], reason)}
}
