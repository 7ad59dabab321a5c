package store

import (
	"unicode/utf8"

	"golang.org/x/text/cases"
)

// Fold brings a domain name or an address to the spelling under which it is
// stored and looked up: ASCII letters become small; a name with other letters
// gets Unicode's full case folding, as in Postfix's casefold() (postfix
// src/util/casefold.c). Invalid UTF-8 is returned as it is: it matches nothing.
// A name that is folded already is returned without a copy.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return foldUnicode(s)
		}
		if 'A' <= c && c <= 'Z' {
			return string(AppendFold(make([]byte, 0, len(s)), s))
		}
	}
	return s
}

// AppendFold appends the folded form of s to dst. For ASCII it does not
// allocate when dst has room.
func AppendFold[S ~string | ~[]byte](dst []byte, s S) []byte {
	start := len(dst)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return append(dst[:start], foldUnicode(string(s))...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func foldUnicode(s string) string {
	if !utf8.ValidString(s) {
		return s
	}
	return cases.Fold().String(s)
}
