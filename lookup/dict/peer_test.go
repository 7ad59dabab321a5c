package dict

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// What follows judges what a Server sent as the client in Dovecot 2.3.19 would
// (src/lib-dict/dict-client.c, src/lib/strescape.c), only stricter: what that
// client lets pass though it is outside the grammar is an error here too.

// asked is a command that a reply is due to.
type asked struct {
	letter byte   // L, I, C or D
	id     string // of C and D, as sent
	paths  []string
	flags  Flags
	max    uint64
}

// judge takes the replies to commands off out, in order. It returns how many
// commands were answered.
func judge(out string, commands []asked) (answered int, err error) {
	for out != "" {
		if answered == len(commands) {
			return answered, fmt.Errorf("%.80q answers nothing", out)
		}
		rest, err := judgeOne(out, commands[answered])
		if err != nil {
			return answered, fmt.Errorf("reply %d, to %c: %w", answered, commands[answered].letter, err)
		}
		out = rest
		answered++
	}
	return answered, nil
}

// judgeOne takes the reply to one command off out.
func judgeOne(out string, c asked) (rest string, err error) {
	for rows := uint64(0); ; rows++ {
		line, rest, ok := strings.Cut(out, "\n")
		if !ok {
			return "", errors.New("a line without LF")
		}
		fields, err := splitReply(line)
		if err != nil {
			return "", err
		}
		switch c.letter {
		case 'L':
			return rest, judgeLookup(fields)
		case 'C', 'D':
			return rest, judgeCommit(fields, c)
		}
		end, err := judgeRow(fields, c)
		if err != nil || end {
			return rest, err
		}
		if c.max > 0 && rows == c.max {
			return "", fmt.Errorf("more than %d rows", c.max)
		}
		out = rest
	}
}

// splitReply takes a line apart. A client would take any byte behind \x01, and
// would end a string at a NUL.
func splitReply(line string) ([]string, error) {
	fields := strings.Split(line, "\t")
	for i, f := range fields {
		var plain []byte
		for j := 0; j < len(f); j++ {
			switch {
			case f[j] == 0 || f[j] == '\r':
				return nil, fmt.Errorf("a bare %q in %q", f[j], f)
			case f[j] != 1:
				plain = append(plain, f[j])
				continue
			}
			j++
			k := -1
			if j < len(f) {
				k = strings.IndexByte("1trn", f[j])
			}
			if k < 0 {
				return nil, fmt.Errorf("a broken escape in %q", f)
			}
			plain = append(plain, "\x01\t\r\n"[k])
		}
		fields[i] = string(plain)
	}
	return fields, nil
}

func judgeLookup(fields []string) error {
	if len(fields) != 1 || fields[0] == "" {
		return fmt.Errorf("%q is not one field", fields)
	}
	switch v := fields[0]; {
	case v[0] == 'O', v == "N", v[0] == 'F' && isText(v[1:]):
		return nil
	}
	return fmt.Errorf("a broken lookup reply %q", fields)
}

func judgeCommit(fields []string, c asked) error {
	v := fields[0]
	if c.letter == 'D' {
		var ok bool
		if v, ok = strings.CutPrefix(v, "A"); !ok {
			return fmt.Errorf("no A before %q", v)
		}
	}
	if v == "" {
		return fmt.Errorf("a broken commit reply %q", fields)
	}
	want, _ := strconv.ParseUint(c.id, 10, 32)
	if id, err := strconv.ParseUint(v[1:], 10, 32); err != nil || id != want {
		return fmt.Errorf("%q is not about transaction %s", fields, c.id)
	}
	switch {
	case (v[0] == 'O' || v[0] == 'N') && len(fields) == 1:
		return nil
	case (v[0] == 'F' || v[0] == 'W') && len(fields) == 2 && isText(fields[1]):
		return nil
	}
	return fmt.Errorf("a broken commit reply %q", fields)
}

// judgeRow judges one line of an iteration.
func judgeRow(fields []string, c asked) (end bool, err error) {
	v := fields[0]
	switch {
	case v == "" && len(fields) == 1:
		return true, nil
	case v != "" && v[0] == 'F' && len(fields) == 1 && isText(v[1:]):
		return true, nil
	case v == "" || v[0] != 'O' || len(fields) != 2:
		return false, fmt.Errorf("a broken row %q", fields)
	case c.flags&NoValue != 0 && fields[1] != "":
		return false, fmt.Errorf("a row with a value, which was not asked for: %q", fields)
	}
	for _, path := range c.paths {
		rest, below := strings.CutPrefix(v[1:], path)
		switch {
		case !below:
		case c.flags&ExactKey != 0:
			if rest == "" {
				return false, nil
			}
		case c.flags&Recurse != 0 || !strings.Contains(rest, "/"):
			return false, nil
		}
	}
	return false, fmt.Errorf("row %q does not belong to %q", fields, c.paths)
}

// isText says that s is a text as Dovecot should log it.
func isText(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// expect lists the commands in what a client sends that a reply is due to. bad
// is set if it ends at a line that is outside the grammar.
func expect(in []byte) (list []asked, bad bool) {
	major := 0
	for {
		line, rest, ok := bytes.Cut(in, []byte("\n"))
		if !ok {
			return list, false
		}
		in = rest
		var c command
		if c.parse(bytes.Clone(line), major) != nil {
			return list, true
		}
		a := asked{letter: c.letter}
		switch c.letter {
		case 'H':
			major = c.major
			continue
		case 'I':
			a.flags, a.max = c.flags, c.rows
			for _, p := range c.paths {
				a.paths = append(a.paths, string(p))
			}
		case 'C', 'D':
			id, _, _ := bytes.Cut(line[1:], []byte("\t"))
			a.id = string(strescape.Unescape(bytes.Clone(id)))
		case 'L':
		default:
			continue
		}
		list = append(list, a)
	}
}
