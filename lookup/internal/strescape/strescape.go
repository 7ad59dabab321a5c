// Package strescape writes and reads the fields of Dovecot's line protocols, in
// which NUL, 0x01, TAB, LF and CR are 0x01 and one of "0", "1", "t", "n", "r"
// (src/lib/strescape.c of Dovecot).
package strescape

import (
	"bytes"
	"slices"
)

// esc begins a pair of bytes that stands for one.
const esc = 0x01

// escaped gives the second byte of the pair for c, 0 if c stands for itself.
func escaped(c byte) byte {
	switch c {
	case 0:
		return '0'
	case esc:
		return '1'
	case '\t':
		return 't'
	case '\r':
		return 'r'
	case '\n':
		return 'n'
	}
	return 0
}

// Append appends s as it is written in a field.
func Append[T string | []byte](dst []byte, s T) []byte {
	from := 0
	for i := range len(s) {
		if c := s[i]; c <= '\r' {
			if e := escaped(c); e != 0 {
				dst = append(append(dst, s[from:i]...), esc, e)
				from = i + 1
			}
		}
	}
	return append(dst, s[from:]...)
}

// Tail escapes b[from:] where it is, from its end, so that it is moved once, and
// returns the longer b.
func Tail(b []byte, from int) []byte {
	extra := 0
	for _, c := range b[from:] {
		if c <= '\r' && escaped(c) != 0 {
			extra++
		}
	}
	if extra == 0 {
		return b
	}
	from, to := len(b), len(b)+extra
	b = slices.Grow(b, extra)[:to]
	for to > from {
		from, to = from-1, to-1
		c := b[from]
		if e := escaped(c); e != 0 {
			b[to] = e
			to--
			c = esc
		}
		b[to] = c
	}
	return b
}

// Unescape takes the pairs out of a field, in place. A pair with another second
// byte stands for that byte; 0x01 at the end stands for nothing.
func Unescape(b []byte) []byte {
	i := bytes.IndexByte(b, esc)
	if i < 0 {
		return b
	}
	out := b[:i]
	for ; i < len(b); i++ {
		c := b[i]
		if c == esc {
			i++
			if i == len(b) {
				break
			}
			c = unescaped(b[i])
		}
		out = append(out, c)
	}
	return out
}

// unescaped gives the byte that 0x01 and c stand for.
func unescaped(c byte) byte {
	switch c {
	case '0':
		return 0
	case '1':
		return esc
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'n':
		return '\n'
	}
	return c
}
