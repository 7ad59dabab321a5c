package opendkim

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// maxNesting is how deep files may include each other, as in OpenDKIM.
const maxNesting = 5

// Place is a line of a file.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

func (p Place) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

func (p Place) compare(q Place) int {
	return cmp.Or(strings.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line))
}

// Problem is something that OpenDKIM itself would stumble over, or that could
// not be read.
type Problem struct {
	Place
	Text string `json:"text"`
}

func (p Problem) String() string { return p.Place.String() + ": " + p.Text }

// line is one option as it was given.
type line struct {
	Place
	option *option
	value  string
}

// reader collects what is found in the files.
type reader struct {
	read     func(path string) ([]byte, error)
	base     string // BaseDirectory, from which relative names of tables start
	lines    []line
	last     map[string]line // the one that counts, by name of the option
	problems []Problem
	bytes    int // read so far
}

// maxBytes bounds what is read of all files together.
const maxBytes = 256 << 20

func (r *reader) fail(p Place, format string, args ...any) {
	r.problems = append(r.problems, Problem{p, fmt.Sprintf(format, args...)})
}

// file reads a file that is named at p.
func (r *reader) file(p Place, path string) ([]byte, bool) {
	text, err := r.read(path)
	if err != nil {
		r.fail(p, "%v", err)
		return nil, false
	}
	if r.bytes += len(text); r.bytes > maxBytes {
		r.fail(p, "%s is too much: no more than %d bytes are read", path, maxBytes)
		return nil, false
	}
	return text, true
}

// conf reads the lines of a configuration file.
func (r *reader) conf(path string, text []byte, depth int) {
	n := 0
	for raw := range strings.SplitSeq(string(text), "\n") {
		n++
		if i := strings.IndexAny(raw, "#\r"); i >= 0 {
			raw = raw[:i]
		}
		raw = strings.Trim(raw, " \t")
		if raw == "" {
			continue
		}
		r.confLine(Place{path, n}, raw, depth)
	}
}

func (r *reader) confLine(p Place, raw string, depth int) {
	name, value := raw, ""
	if i := strings.IndexAny(raw, " \t"); i >= 0 {
		name, value = raw[:i], strings.Trim(raw[i:], " \t")
	}
	o := findOption(name)
	switch {
	case o == nil:
		r.fail(p, "there is no option %s", clean(name))
		return
	case value == "":
		r.fail(p, "%s has no value", o.name)
		return
	case o.kind == boolean && !strings.ContainsAny(value[:1], "tTyY1fFnN0"):
		r.fail(p, "%s is yes or no, not %s", o.name, clean(value))
		return
	case o.kind == integer:
		if _, err := strconv.ParseInt(value, 0, 64); err != nil {
			r.fail(p, "%s is a number, not %s", o.name, clean(value))
			return
		}
	case o.kind == include:
		r.include(p, value, depth)
		return
	}
	l := line{p, o, value}
	r.lines = append(r.lines, l)
	r.last[o.name] = l
}

func (r *reader) include(p Place, path string, depth int) {
	if depth == maxNesting {
		r.fail(p, "more than %d files include each other", maxNesting)
		return
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(p.File), path)
	}
	if text, ok := r.file(p, path); ok {
		r.conf(path, text, depth+1)
	}
}

// on reports whether a boolean is set.
func (r *reader) on(name string) bool {
	l, ok := r.last[name]
	return ok && strings.ContainsAny(l.value[:1], "tTyY1")
}

// clean makes a piece of a file safe to show.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f || c == '\ufffd' || c >= 0x80 && c < 0xa0 || c == '\u2028' || c == '\u2029' {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}
