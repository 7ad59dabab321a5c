package tcptable

const upperHex = "0123456789ABCDEF"

// plain reports whether c may stand for itself in a key or value.
func plain(c byte) bool { return c > ' ' && c < 0x7f && c != '%' }

// quotedLen is the number of bytes that b takes with %XX.
func quotedLen(b []byte) int {
	n := len(b)
	for _, c := range b {
		if !plain(c) {
			n += 2
		}
	}
	return n
}

// quoteInPlace writes the first size bytes of b with %XX into the whole of b,
// whose length is what quotedLen says of them. It goes from the end, so that
// nothing is overwritten before it was read.
func quoteInPlace(b []byte, size int) {
	for to := len(b); to > size; {
		size--
		c := b[size]
		if plain(c) {
			to--
			b[to] = c
			continue
		}
		to -= 3
		b[to], b[to+1], b[to+2] = '%', upperHex[c>>4], upperHex[c&15]
	}
}

// unquoteInPlace replaces the %XX in b and returns what is left of it; ok is
// false if one is broken.
func unquoteInPlace(b []byte) (_ []byte, ok bool) {
	to := 0
	for from := 0; from < len(b); from++ {
		c := b[from]
		if c == '%' {
			if from+2 >= len(b) {
				return nil, false
			}
			hi, lo := unhex(b[from+1]), unhex(b[from+2])
			if hi > 15 || lo > 15 {
				return nil, false
			}
			c = hi<<4 | lo
			from += 2
		}
		b[to] = c
		to++
	}
	return b[:to], true
}

// unhex is the value of a hexadecimal digit, 255 if c is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
