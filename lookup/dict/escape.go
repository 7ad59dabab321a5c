package dict

import (
	"bytes"
	"slices"
)

// esc begins a pair of bytes that stands for one (src/lib/strescape.c).
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

// escapeTail escapes b[from:] where it is, from its end, so that it is moved
// once, and returns the longer b.
func escapeTail(b []byte, from int) []byte {
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

// unescape takes the pairs out of a field, in place. A pair with another second
// byte stands for that byte; esc at the end stands for nothing.
func unescape(b []byte) []byte {
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

// unescaped gives the byte that esc and c stand for.
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
