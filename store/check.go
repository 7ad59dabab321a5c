package store

import (
	"unicode"
	"unicode/utf8"
)

// flaw says in one clause why s must not reach a mail server, or "" if it may.
// A control byte would end or split an answer; Postfix takes a value that is
// not UTF-8 for an error (postfix src/util/dict_utf8.c).
func flaw(s string) string {
	if s == "" {
		return "is empty"
	}
	if len(s) > maxName {
		return "is longer than 4096 bytes"
	}
	return controlFlaw(s)
}

const maxName = 4096

func controlFlaw(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return unicodeFlaw(s)
		}
		if c < ' ' || c == 0x7f {
			return asciiFlaw(c)
		}
	}
	return ""
}

func asciiFlaw(c byte) string {
	switch c {
	case 0:
		return "contains a NUL byte"
	case '\n', '\r':
		return "contains a line break"
	default:
		return "contains a control byte"
	}
}

func unicodeFlaw(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if r < utf8.RuneSelf {
			if r < ' ' || r == 0x7f {
				return asciiFlaw(byte(r))
			}
		} else if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return "contains a control character"
		}
	}
	return ""
}
