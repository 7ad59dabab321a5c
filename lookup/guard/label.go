package guard

import (
	"strings"
	"unicode"
)

// label is an account's name for people, cut to a fixed size so that long
// names cost no memory.
type label struct {
	n     uint8
	bytes [63]byte
}

func newLabel(s string) (l label) {
	l.n = uint8(copy(l.bytes[:], s))
	return l
}

// String gives the name with nothing in it that could harm a terminal.
func (l *label) String() string {
	s := strings.ToValidUTF8(string(l.bytes[:l.n]), "\uFFFD")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
