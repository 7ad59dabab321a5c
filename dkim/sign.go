package dkim

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
)

// fieldName begins the field that Message.Sign gives the values of.
const fieldName = "DKIM-Signature"

// maxFold is how long a line of a signature gets, in octets.
const maxFold = 78

// folder writes the value of a signature, and keeps its lines short. Its folds
// are CRLF and a tab, as they leave the MTA.
type folder struct {
	buf    []byte
	column int
}

// word adds what must not be broken, in a new line if this one has no room.
func (f *folder) word(blank bool, parts ...string) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if blank {
		size++
	}
	switch {
	case f.column+size > maxFold && f.column > 1:
		f.fold()
	case blank:
		f.buf = append(f.buf, ' ')
		f.column++
	}
	for _, p := range parts {
		f.buf = append(f.buf, p...)
		f.column += len(p)
	}
}

func (f *folder) fold() {
	f.buf = append(f.buf, "\r\n\t"...)
	f.column = 1
}

// text adds text that may be broken anywhere.
func (f *folder) text(s []byte) {
	for len(s) > 0 {
		if f.column >= maxFold {
			f.fold()
		}
		n := min(len(s), maxFold-f.column)
		f.buf = append(f.buf, s[:n]...)
		f.column += n
		s = s[n:]
	}
}

// appendUnsigned appends the signature field of a key up to "b=".
func (m *Message) appendUnsigned(dst []byte, k *Key, bodyHash string) []byte {
	f := folder{buf: append(dst, fieldName+":"...), column: len(fieldName + ":")}
	f.word(true, "v=1;")
	f.word(true, "a=", k.Algorithm.String(), ";")
	f.word(true, "c=", m.o.HeaderCanon.String(), "/", m.o.BodyCanon.String(), ";")
	f.word(true, "d=", k.Domain, ";")
	f.word(true, "s=", k.Selector, ";")
	now := m.o.now()
	f.word(true, "t=", strconv.FormatInt(now.Unix(), 10), ";")
	if m.o.Expire > 0 {
		f.word(true, "x=", strconv.FormatInt(now.Add(m.o.Expire).Unix(), 10), ";")
	}
	f.fold()
	prefix, last := "h=", fromField
	m.eachSigned(func(index int) { last = index })
	left := m.timesSigned(last)
	m.eachSigned(func(index int) {
		end := ":"
		if index == last {
			if left--; left == 0 {
				end = ";"
			}
		}
		f.word(false, prefix, signables[index].name, end)
		prefix = ""
	})
	f.fold()
	f.word(false, "bh=", bodyHash, ";")
	f.fold()
	f.word(false, "b=")
	return f.buf
}

// timesSigned says how often a name stands in h=.
func (m *Message) timesSigned(index int) int {
	n := m.header.counts[index]
	if m.o.Headers.oversigned(index, n) {
		n++
	}
	return n
}

// eachSigned calls f for every name in h=, in its order.
func (m *Message) eachSigned(f func(index int)) {
	for index := range signables {
		for range m.timesSigned(index) {
			f(index)
		}
	}
}

// signWith returns the value of a signature field. The signed fields are in
// m.input already, and stay there alone.
func (m *Message) signWith(k *Key) (string, error) {
	fields := len(m.input)
	sum := m.body(m.o.BodyCanon)
	bodyHash := base64.StdEncoding.EncodeToString(sum[:])
	m.own = m.appendUnsigned(m.own[:0], k, bodyHash)
	m.input = appendLast(m.input, m.own, len(fieldName), m.o.HeaderCanon)
	digest := sha256.Sum256(m.input)
	m.input = m.input[:fields]
	signature, err := k.sign(digest[:])
	if err != nil {
		return "", err
	}
	m.base64 = base64.StdEncoding.AppendEncode(m.base64[:0], signature)
	f := folder{buf: m.own, column: len("\tb=")}
	f.text(m.base64)
	m.own = f.buf
	return milterValue(m.own[len(fieldName+":"):]), nil
}

// appendLast appends the canonical form of the signature itself, which comes
// without the value of b= and without CRLF at its end (RFC 6376, section 3.7).
func appendLast(dst, raw []byte, colon int, c Canon) []byte {
	dst = appendCanonical(dst, raw, colon, c)
	if c == Relaxed {
		dst = dst[:len(dst)-len("\r\n")]
	}
	return dst
}

// milterValue returns value with LF for CRLF.
func milterValue(value []byte) string {
	out := make([]byte, 0, len(value))
	for _, c := range value {
		if c != '\r' {
			out = append(out, c)
		}
	}
	return string(out)
}
