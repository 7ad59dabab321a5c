package auth

import "bytes"

// cutField splits off the first of some fields, still escaped. more is false
// if it is the last one.
func cutField(b []byte) (field, rest []byte, more bool) { return cut(b, '\t') }

// cut is bytes.Cut, in half the time.
func cut(b []byte, at byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(b, at); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return b, nil, false
}

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
