package dict

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// The functions of this file append one reply each. Nothing else writes to a
// client.

// maxText bounds the text after F and W.
const maxText = 200

// errNUL is the reason for a value or key that Dovecot, whose strings end at a
// NUL, would read only a part of.
const errNUL = "contains a NUL byte, where Dovecot would cut it"

// room is what is left free before a value.
const room = "O"

// sealFound makes a reply of dst[start:], which is room and a value without NUL.
func sealFound(dst []byte, start int) []byte {
	return append(strescape.Tail(dst, start+len(room)), '\n')
}

// appendNotFound appends that a key is not there.
func appendNotFound(dst []byte) []byte { return append(dst, 'N', '\n') }

// appendFail appends that a lookup or an iteration failed.
func appendFail(dst []byte, text string) []byte {
	return append(appendText(append(dst, 'F'), text), '\n')
}

// appendRow appends a row of an iteration; key and value are without NUL.
func appendRow(dst, key, value []byte) []byte {
	dst = append(dst, 'O')
	from := len(dst)
	dst = strescape.Tail(append(dst, key...), from)
	dst = append(dst, '\t')
	from = len(dst)
	dst = strescape.Tail(append(dst, value...), from)
	return append(dst, '\n')
}

// appendEnd appends the end of an iteration.
func appendEnd(dst []byte) []byte { return append(dst, '\n') }

// appendCommit appends the outcome of a transaction, err as in Dict.Commit, for
// a C, or for a D if old is set.
func appendCommit(dst []byte, id uint32, old bool, err error) []byte {
	letter, text := byte('F'), true
	switch {
	case err == nil:
		letter, text = 'O', false
	case errors.Is(err, ErrKeyMissing):
		letter, text = 'N', false
	case errors.Is(err, ErrUncertain):
		letter = 'W'
	}
	if old {
		dst = append(dst, 'A')
	}
	dst = strconv.AppendUint(append(dst, letter), uint64(id), 10)
	if text {
		dst = appendText(append(dst, '\t'), err.Error())
	}
	return append(dst, '\n')
}

// appendText appends a text for people. It is made one line of printable ASCII:
// other bytes become question marks, and it is cut after maxText.
func appendText(dst []byte, text string) []byte {
	if text == "" {
		text = "no reason given"
	}
	for i := range min(len(text), maxText) {
		c := text[i]
		if c < ' ' || c > '~' {
			c = '?'
		}
		dst = append(dst, c)
	}
	return dst
}

// hasNUL says that b cannot be a string of Dovecot's.
func hasNUL(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }
