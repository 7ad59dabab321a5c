package auth

import "bytes"

// special reports whether a byte is escaped in a field.
func special(c byte) bool {
	return c <= '\r' && (c == 0 || c == 1 || c == '\t' || c == '\n' || c == '\r')
}

// appendEscaped appends s as it is written in a field.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	from := 0
	for i := range len(s) {
		c := s[i]
		if !special(c) {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case 0:
			c = '0'
		case 1:
			c = '1'
		case '\t':
			c = 't'
		case '\n':
			c = 'n'
		case '\r':
			c = 'r'
		}
		dst = append(dst, 1, c)
	}
	return append(dst, s[from:]...)
}

// unescape reads a field, in place. An escape of another character is that
// character, and an escape of nothing is nothing, as in Dovecot.
func unescape(b []byte) []byte {
	i := bytes.IndexByte(b, 1)
	if i < 0 {
		return b
	}
	out := b[:i]
	for ; i < len(b); i++ {
		c := b[i]
		if c == 1 {
			i++
			if i == len(b) {
				break
			}
			switch c = b[i]; c {
			case '0':
				c = 0
			case '1':
				c = 1
			case 't':
				c = '\t'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			}
		}
		out = append(out, c)
	}
	return out
}

// cutField splits off the first of some fields, still escaped. more is false
// if it is the last one.
func cutField(b []byte) (field, rest []byte, more bool) { return bytes.Cut(b, []byte{'\t'}) }

// trimEOL takes the LF off a line, and a CR before it.
func trimEOL(b []byte) []byte {
	b = b[:len(b)-1]
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	return b
}

// parseID reads an id or a process id: a decimal number of 32 bits, without
// a sign.
func parseID(b []byte) (id uint32, ok bool) {
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return uint32(n), n <= 1<<32-1
}
