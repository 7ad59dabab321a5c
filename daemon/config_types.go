package daemon

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that is written "20s", "1m30s" or "100ms" in
// the configuration file. It is never negative.
type Duration time.Duration

// D gives the duration as the standard library knows it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String gives the shortest notation: "10m", not "10m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// UnmarshalText reads what time.ParseDuration reads, except negative values.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as \"20s\", \"1m30s\" or \"100ms\"", text)
	}
	if v < 0 {
		return errors.New("a duration cannot be negative")
	}
	*d = Duration(v)
	return nil
}

// Mode is the permissions of a socket, written in octal: "0660".
type Mode uint32

// String gives the four octal digits.
func (m Mode) String() string { return fmt.Sprintf("%04o", uint32(m)) }

// UnmarshalText reads three or four octal digits, at most "0777".
func (m *Mode) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || v > 0o777 || len(text) < 3 || len(text) > 4 {
		return fmt.Errorf("%q is not a mode such as \"0660\"", text)
	}
	*m = Mode(v)
	return nil
}

// ConfigError is one thing wrong with the configuration.
type ConfigError struct {
	Source  string // file, or "-o key" of the command line; "" for built-in values
	Line    int    // from 1; 0 if unknown
	Column  int    // in bytes, from 1
	Key     string // "lookup.hold", "listen[0].mode"; may be ""
	Message string
}

// Error gives "file:line:column: key: message".
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.Source != "" {
		b.WriteString(e.Source)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// ConfigErrors is everything wrong with the configuration, in file order.
type ConfigErrors []*ConfigError

// Error gives one line for each error.
func (l ConfigErrors) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// place is where a key got its value.
type place struct {
	source       string
	line, column int
}

// String gives "file:line:column", or "-o key".
func (p place) String() string {
	if p.line == 0 {
		return p.source
	}
	return fmt.Sprintf("%s:%d:%d", p.source, p.line, p.column)
}

// places maps the path of a key ("listen[0].mode") to its place; sections of
// lists have one too ("listen[0]").
type places map[string]place

// find gives the place of a key or, if it was not set, of its section.
func (p places) find(key string) (place, bool) {
	for key != "" {
		if at, ok := p[key]; ok {
			return at, true
		}
		i := strings.LastIndexAny(key, ".")
		if i < 0 {
			break
		}
		key = key[:i]
	}
	return place{}, false
}
