package socketmap

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// maxDigits bounds the length field of a netstring.
const maxDigits = 10

// grammarError says what a peer did that is no netstring, without naming the
// peer: "sent a length of ...".
type grammarError string

func (e grammarError) Error() string { return string(e) }

// appendNetstring appends payload as a netstring to dst.
func appendNetstring(dst, payload []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(payload)), 10)
	dst = append(dst, ':')
	dst = append(dst, payload...)
	return append(dst, ',')
}

// netstringHeader reads the length field that b begins with. head is its size
// with the colon, 0 if b holds only a beginning; size that of the payload. More
// than limit bytes are an error as soon as they are announced.
func netstringHeader(b []byte, limit int) (head, size int, err error) {
	var n int64 // ten digits fit
	for i, c := range b {
		switch {
		case c == ':' && i > 0:
			if n > int64(limit) {
				return 0, 0, grammarError(fmt.Sprintf("announced a netstring of %d bytes, limit %d", n, limit))
			}
			return i + 1, int(n), nil
		case c < '0' || c > '9':
			return 0, 0, grammarError(fmt.Sprintf("sent %q where the length of a netstring should be", b[:min(len(b), 20)]))
		case i == maxDigits:
			return 0, 0, grammarError(fmt.Sprintf("sent a netstring length of more than %d digits", maxDigits))
		}
		n = n*10 + int64(c-'0')
	}
	return 0, 0, nil
}

// cutNetstring finds the netstring that b begins with: its payload is
// b[head:end-1] and end the size of the whole. end is 0 if b holds only a
// beginning.
func cutNetstring(b []byte, limit int) (head, end int, err error) {
	head, size, err := netstringHeader(b, limit)
	if head == 0 || err != nil {
		return 0, 0, err
	}
	end = head + size + len(",")
	if len(b) < end {
		return 0, 0, nil
	}
	if b[end-1] != ',' {
		return 0, 0, grammarError(fmt.Sprintf("ended a netstring of %d bytes with %q instead of a comma", size, b[end-1:end]))
	}
	return head, end, nil
}

// readNetstring reads one netstring, using buf, and returns its payload. It
// never reads past the comma.
func readNetstring(r *bufio.Reader, buf []byte, limit int) ([]byte, error) {
	buf = buf[:0]
	head, size := 0, 0
	for head == 0 {
		c, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		buf = append(buf, c)
		if head, size, err = netstringHeader(buf, limit); err != nil {
			return nil, err
		}
	}
	buf = slices.Grow(buf, size+1)[:head+size+1]
	if _, err := io.ReadFull(r, buf[head:]); err != nil {
		return nil, err
	}
	head, end, err := cutNetstring(buf, limit)
	if err != nil {
		return nil, err
	}
	return buf[head : end-1], nil
}
