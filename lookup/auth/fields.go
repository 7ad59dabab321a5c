package auth

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// Fields are the fields of a reply, in the order in which they were added. The
// zero value has none. Whatever the values contain, a reply made of them is one
// line. A name that is empty or has a "=" cannot be sent: the reply is then a
// temporary failure, reported to [Server].OnRefused.
type Fields struct {
	b   []byte // each a TAB, the name and perhaps "=" and the value, escaped
	bad error  // the first name that cannot be sent
}

// Add adds name=value.
func (f *Fields) Add(name, value string) {
	f.name(name)
	f.b = strescape.Append(append(f.b, '='), value)
}

// AddBytes is Add for a value that is not a string.
func (f *Fields) AddBytes(name string, value []byte) {
	f.name(name)
	f.b = strescape.Append(append(f.b, '='), value)
}

// AddInt adds name=n in decimal.
func (f *Fields) AddInt(name string, n int64) {
	f.name(name)
	f.b = strconv.AppendInt(append(f.b, '='), n, 10)
}

// Flag adds a name without a value.
func (f *Fields) Flag(name string) { f.name(name) }

// name begins a field.
func (f *Fields) name(name string) {
	if f.bad == nil && (name == "" || strings.IndexByte(name, '=') >= 0) {
		f.bad = fmt.Errorf("a field cannot have the name %q", name)
	}
	f.b = strescape.Append(append(f.b, '\t'), name)
}

// has reports whether there is a field of this name, which needs no escapes.
func (f *Fields) has(name string) bool {
	for rest := f.b; len(rest) > 0; {
		field := rest[1:]
		rest = nil
		if end := bytes.IndexByte(field, '\t'); end >= 0 {
			field, rest = field[:end], field[end:]
		}
		if got, _, _ := bytes.Cut(field, []byte{'='}); string(got) == name {
			return true
		}
	}
	return false
}
